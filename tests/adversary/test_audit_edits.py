"""What an intruder does to an audit log, each kind found and named by `verify`.

The log is that of a Region over three runs: the first closed, the second killed, the third still open; segments are short, and the
audit key was changed in between. The intruder may change every file of the directory, and chains records anew as he likes; he has no
audit key, and no access to the database. What the files alone cannot show, the comparison with the database must.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tests.audit_logs import NAMES, Keyholder, SteppingClock, open_file, record

from meridian.adapters.audit_file import SegmentRules
from meridian.audit.against_database import Evidence, verify_against
from meridian.audit.chain import NO_HASH, Tree, leaf_hash
from meridian.audit.digest import read_digest, string_to_sign
from meridian.audit.findings import Report, Verdict
from meridian.audit.keys import KEYS_FILE, AuditKeys, RegionNames
from meridian.audit.segments import compressed_path
from meridian.audit.stream_files import digests_in, segments_in
from meridian.audit.verify import Expected, verify_directories, verify_directory
from meridian.ports.store.audit_streams import KeyTrace, StreamHead, StreamRow

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
"""When the database is read."""
RULES = SegmentRules(bytes=2500, seconds=60.0, reserve_bytes=0)
UNSIGNED = 5
ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@dataclass(frozen=True)
class Log:
    """A directory, the keys that were pinned before the key was changed, and what the database knows."""

    directory: Path
    pinned: AuditKeys
    evidence: Evidence
    keyholder: Keyholder

    def of(self, stream: str) -> list[Path]:
        return [p for p in segments_in(self.directory) if f"-{stream}-" in p.name]

    def digests_of(self, stream: str) -> list[Path]:
        return [p for p in digests_in(self.directory) if f"-{stream}-" in p.name]

    def offline(self) -> Report:
        return verify_directory(self.directory, Expected(self.pinned))

    def compared(self) -> Report:
        return verify_against([self.directory], self.evidence, self.pinned)[0]


def write_log(directory: Path, names: RegionNames, runs: Sequence[str]) -> Log:
    keyholder, clock = Keyholder(names), SteppingClock()
    heads: list[StreamHead] = []
    pinned = keyholder.keys
    first, second, third = runs
    for run in runs:
        clock.seconds += 1
        file = open_file(directory, run, keyholder=keyholder, clock=clock, rules=RULES, registered=heads[-1] if heads else None)
        for n in range(24):
            clock.seconds += 3
            fields = {"resources": [{"ARN": ARN}]} if (run, n) == (first, 7) else {}
            file.write([record(n, "CreateKey" if fields else "Encrypt", eventID=f"{run}-{n}", **fields)])
        if run == first:
            file.close()
            keyholder.change()
            heads.append(file.head)
        if run == second:
            heads.append(file.head)
            file.write([record(24, eventID=f"{run}-24")])  # what came after the database heard of the end for the last time
            _kill(file)
        if run == third:
            file.tick(0)
            clock.seconds += 61
            file.tick(0)
            file.write([record(n, "ScheduleKeyDeletion", eventID=f"{run}-{n}") for n in range(24, 24 + UNSIGNED)])
            _kill(file)
            heads.append(file.head)
    rows = [StreamRow(at, "r", NOW, head, head.stream == first) for at, head in enumerate(heads, 1)]
    evidence = Evidence(tuple(rows), {f"{first}-3": "an event"}, (KeyTrace("111122223333", "k", ARN, NOW, False),), {}, LATER, 0)
    return Log(directory, pinned, evidence, keyholder)


def _kill(file: Any) -> None:
    """What the end of a process leaves: everything open is let go as it is."""
    file.directory.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return write_log(tmp_path_factory.mktemp("log"), NAMES, ("run1", "run2", "run3"))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return write_log(tmp_path_factory.mktemp("elsewhere"), RegionNames("deployment", "aws", "eu-west-1"), ("away1", "away2", "away3"))


@pytest.fixture
def log(written: Log, tmp_path: Path) -> Log:
    shutil.copytree(written.directory, tmp_path / "copy")
    return replace(written, directory=tmp_path / "copy")


# ---- the intruder's tools


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def edit_lines(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(change(lines_of(path))))


def rechain(log: Log, stream: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Change the records of a stream and chain them anew, over all its segments."""
    paths, last, sequence = log.of(stream), NO_HASH, 0
    for path in paths:
        out = []
        for made in change([json.loads(line) for line in lines_of(path)]):
            made["meridian"]["prevHash"], made["meridian"]["seq"] = last, sequence
            text = json.dumps(made, separators=(",", ":")).encode()
            last, sequence = leaf_hash(text), sequence + 1
            out.append(text + b"\n")
        path.write_bytes(b"".join(out))


def resign(path: Path, keyholder: Keyholder, **meridian: Any) -> None:
    """Sign a digest with the intruder's own key, after a change of what it says."""
    digest = read_digest(path)
    body = json.loads(digest.body)
    body["digestPublicKeyFingerprint"] = keyholder.signer.key.fingerprint
    body["meridian"] |= meridian
    data = json.dumps(body, separators=(",", ":")).encode()
    signature = keyholder.signer.sign(string_to_sign(digest.end, digest.name, data, digest.previous)).hex()
    path.write_bytes(data + b"\n" + signature.encode() + b"\n")


def without(name: str) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda records: [each for each in records if each["eventName"] != name]


# ---- the kinds of edit; each is (what is done, verdict, what is said)


def change_a_byte(log: Log) -> None:
    path = log.of("run1")[1]
    path.write_bytes(path.read_bytes().replace(b'"requestID":"9"', b'"requestID":"8"'))


def drop_a_line(log: Log) -> None:
    edit_lines(log.of("run1")[1], lambda lines: lines[:2] + lines[3:])


def insert_a_line(log: Log) -> None:
    edit_lines(log.of("run1")[1], lambda lines: [*lines[:2], lines[1].replace(b"Encrypt", b"Decrypt"), *lines[2:]])


def swap_lines(log: Log) -> None:
    edit_lines(log.of("run1")[1], lambda lines: [lines[0], lines[2], lines[1], *lines[3:]])


def repeat_a_line(log: Log) -> None:
    edit_lines(log.of("run1")[1], lambda lines: [*lines[:3], lines[2], *lines[3:]])


def change_the_last_signed_line(log: Log) -> None:
    edit_lines(log.of("run1")[-1], lambda lines: [*lines[:-1], lines[-1].replace(b"2026", b"2027")])


def cut_signed_records(log: Log) -> None:
    edit_lines(log.of("run1")[-1], lambda lines: lines[:-1])


def rewrite_the_whole_chain(log: Log) -> None:
    rechain(log, "run1", without("CreateKey"))


def rewrite_chain_and_digests(log: Log) -> None:
    """All that can be done without the Region's key: new records, new tree, new signatures, new keys beside the log."""
    rechain(log, "run3", without("Encrypt"))
    own, tree = Keyholder(), Tree()
    for path in log.of("run3"):
        for line in lines_of(path):
            tree.add(leaf_hash(line[:-1]))
    for path in digests_in(log.directory):
        resign(path, own, rootHash=tree.root(), treeSize=tree.size)
    (log.directory / KEYS_FILE).write_bytes(own.keys.to_json())


def remove_the_oldest_stream(log: Log) -> None:
    for path in (*log.of("run1"), *log.digests_of("run1")):
        path.unlink()


def remove_a_middle_stream(log: Log) -> None:
    for path in (*log.of("run2"), *log.digests_of("run2")):
        path.unlink()


def put_another_regions_stream_beside(log: Log, other: Log) -> None:
    for path in (*other.of("away1"), *other.digests_of("away1")):
        shutil.copy(path, log.directory / path.name)


def put_another_deployments_stream_beside(log: Log, other: Log) -> None:
    write_log(log.directory / "other", RegionNames("staging", "aws", "us-east-1"), ("away1", "away2", "away3"))
    for path in (log.directory / "other").glob("*-away1-*"):
        path.rename(log.directory / path.name)
    shutil.rmtree(log.directory / "other")


def put_another_regions_log_in_place(log: Log, other: Log) -> None:
    shutil.rmtree(log.directory)
    shutil.copytree(other.directory, log.directory)


def put_an_old_digest_back(log: Log) -> None:
    old, new = log.digests_of("run1")[1:3]
    shutil.copy(old, new)


def remove_a_digest(log: Log) -> None:
    log.digests_of("run1")[1].unlink()


def sign_a_digest_with_another_key(log: Log) -> None:
    resign(log.digests_of("run1")[1], Keyholder())


def change_a_digest(log: Log) -> None:
    path = log.digests_of("run1")[1]
    path.write_bytes(path.read_bytes().replace(b'"epoch":0', b'"epoch":1'))


def remove_a_segment(log: Log) -> None:
    log.of("run1")[1].unlink()


def exchange_two_segments(log: Log) -> None:
    first, second = log.of("run1")[1:3]
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def replay_a_segment(log: Log) -> None:
    path = log.of("run1")[1]
    shutil.copy(path, path.with_name(path.name.replace("00000002", "00000099")))


def rename_a_segment(log: Log) -> None:
    path = log.of("run3")[-1]
    path.rename(path.with_name(path.name.replace("20260102", "20200101")))


def forge_a_key_change(log: Log) -> None:
    document, own = json.loads((log.directory / KEYS_FILE).read_bytes()), json.loads(Keyholder().keys.to_json())
    document["keys"][1]["publicKey"] = own["keys"][0]["publicKey"]
    (log.directory / KEYS_FILE).write_text(json.dumps(document))


def change_the_epoch(log: Log) -> None:
    rechain(log, "run3", lambda records: [r | {"meridian": r["meridian"] | {"epoch": 7}} for r in records])


def rewrite_the_opening(log: Log) -> None:
    """The stream before is passed over: the StreamOpen of the newest names the one before that."""

    def change(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if records[0]["eventName"] == "StreamOpen":
            last = leaf_hash(lines_of(log.of("run1")[-1])[-1][:-1])
            records[0]["meridian"] |= {"previousStream": "run1", "previousHash": last}
        return records

    remove_a_middle_stream(log)
    rechain(log, "run3", change)


def duplicate_a_stream(log: Log) -> None:
    for path in log.of("run2"):
        shutil.copy(path, path.with_name(path.name.replace("20260102", "20260103")))


def empty_a_file(log: Log) -> None:
    log.of("run1")[-1].write_bytes(b"")


def empty_the_first_file(log: Log) -> None:
    log.of("run2")[0].write_bytes(b"")


def add_a_foreign_file(log: Log) -> None:
    (log.directory / "notes.txt").write_text("nothing happened here")


def add_a_foreign_segment(log: Log) -> None:
    (log.directory / "20260102T030405.000000Z-run9-00000001.jsonl").write_text('{"eventName":"Encrypt"}\n')


def make_up_a_stream(log: Log) -> None:
    open_file(log.directory, "run9", keyholder=Keyholder())


def put_a_forged_compressed_file_beside(log: Log) -> None:
    path = log.of("run1")[1]
    compressed_path(path).write_bytes(zstandard.compress(path.read_bytes().replace(b"Encrypt", b"Decrypt")))


def put_a_cut_compressed_file_beside(log: Log) -> None:
    path = log.of("run1")[1]
    compressed_path(path).write_bytes(zstandard.compress(path.read_bytes())[:-6])


def append(log: Log, **fields: Any) -> None:
    """A line that is chained to the unsigned end."""
    path = log.of("run3")[-1]
    last = lines_of(path)[-1]
    inner = {"stream": "run3", "seq": json.loads(last)["meridian"]["seq"] + 1, "prevHash": leaf_hash(last[:-1])}
    told = {"eventName": "CreateKey", "eventTime": "2026-01-02T03:04:09Z", "eventID": "e", "readOnly": False} | fields
    path.write_bytes(path.read_bytes() + json.dumps(told | {"meridian": inner}).encode() + b"\n")


def append_an_event_without_a_name(log: Log) -> None:
    append(log, eventName=[])


def append_an_event_whose_id_is_a_list(log: Log) -> None:
    append(log, eventID=[])


def append_an_event_whose_resources_are_numbers(log: Log) -> None:
    append(log, resources=[1])


def append_an_event_of_no_time(log: Log) -> None:
    append(log, eventTime=5)


OFFLINE: list[tuple[Callable[..., None], Verdict, str]] = [
    (change_a_byte, Verdict.TAMPERED, "the record before it was changed"),
    (drop_a_line, Verdict.TAMPERED, "sequence"),
    (insert_a_line, Verdict.TAMPERED, "sequence"),
    (swap_lines, Verdict.TAMPERED, "sequence"),
    (repeat_a_line, Verdict.TAMPERED, "sequence"),
    (change_the_last_signed_line, Verdict.TAMPERED, "not record .* as the database.* has seen|are not those that digest .* signed"),
    (cut_signed_records, Verdict.TAMPERED, "the stream ends early"),
    (rewrite_the_whole_chain, Verdict.TAMPERED, "are not those that digest .* signed"),
    (rewrite_chain_and_digests, Verdict.TAMPERED, "no audit key of the Region"),
    (remove_the_oldest_stream, Verdict.INCOMPLETE, "the stream before it, run1, is missing"),
    (remove_a_middle_stream, Verdict.INCOMPLETE, "the stream before it, run2, is missing"),
    (put_another_regions_stream_beside, Verdict.TAMPERED, "eu-west-1, not of deployment/aws/us-east-1"),
    (put_another_deployments_stream_beside, Verdict.TAMPERED, "staging/aws/us-east-1, not of deployment/aws/us-east-1"),
    (put_another_regions_log_in_place, Verdict.TAMPERED, "eu-west-1, not of deployment/aws/us-east-1"),
    (put_an_old_digest_back, Verdict.TAMPERED, "the file holds digest"),
    (remove_a_digest, Verdict.INCOMPLETE, "the digest before it, .*run1-00000001.digest, is missing"),
    (sign_a_digest_with_another_key, Verdict.TAMPERED, "no audit key of the Region"),
    (change_a_digest, Verdict.TAMPERED, "signature does not verify"),
    (remove_a_segment, Verdict.INCOMPLETE, "of stream run1 are missing before it"),
    (exchange_two_segments, Verdict.TAMPERED, "the file was renamed: its name was .*run1-0000000[23]"),
    (replay_a_segment, Verdict.TAMPERED, "stands twice"),
    (rename_a_segment, Verdict.TAMPERED, "the file was renamed"),
    (forge_a_key_change, Verdict.TAMPERED, "audit key 2 is not signed by audit key 1"),
    (change_the_epoch, Verdict.TAMPERED, "are not those that digest .* signed"),
    (rewrite_the_opening, Verdict.TAMPERED, "are not those that digest .* signed"),
    (duplicate_a_stream, Verdict.TAMPERED, "stands twice"),
    (empty_a_file, Verdict.TAMPERED, "the stream ends early"),
    (empty_the_first_file, Verdict.INCOMPLETE, "the file is empty"),
    (add_a_foreign_file, Verdict.TAMPERED, "this is no file of the audit log"),
    (add_a_foreign_segment, Verdict.TAMPERED, "the line is no audit record"),
    (make_up_a_stream, Verdict.TAMPERED, "no audit key of the Region"),
    (put_a_forged_compressed_file_beside, Verdict.TAMPERED, "does not hold what the plain one beside it holds"),
    (put_a_cut_compressed_file_beside, Verdict.TAMPERED, "cannot be decompressed"),
    (append_an_event_without_a_name, Verdict.TAMPERED, "the line is no audit record"),
    (append_an_event_whose_id_is_a_list, Verdict.TAMPERED, "the line is no audit record"),
    (append_an_event_whose_resources_are_numbers, Verdict.TAMPERED, "the line is no audit record"),
    (append_an_event_of_no_time, Verdict.TAMPERED, "the line is no audit record"),
]


def test_the_log_as_it_was_written_is_consistent_and_against_the_database_clean(log: Log) -> None:
    assert log.offline().findings == []
    assert log.compared().findings == []
    assert log.compared().unproven == []
    assert [len(log.of(stream)) >= 3 for stream in ("run1", "run2", "run3")] == [True] * 3


@pytest.mark.parametrize("edit", OFFLINE, ids=lambda edit: edit[0].__name__)
def test_an_edit_is_found_and_named(log: Log, elsewhere: Log, edit: tuple[Callable[..., None], Verdict, str]) -> None:
    do, verdict, text = edit
    do(log, elsewhere) if "put_another" in do.__name__ else do(log)
    for report in (log.offline(), log.compared()):
        assert any(_matches(text, each.text) for each in report.findings), report.findings
        assert report.verdict in (verdict, Verdict.TAMPERED)


# ---- what no file speaks of any more


def cut_the_last_line(log: Log) -> None:
    edit_lines(log.of("run3")[-1], lambda lines: lines[:-1])


def cut_the_unsigned_tail(log: Log) -> None:
    log.of("run3")[-1].unlink()


def change_the_last_line(log: Log) -> None:
    edit_lines(log.of("run3")[-1], lambda lines: [*lines[:-1], lines[-1].replace(b"ScheduleKeyDeletion", b"Encrypt")])


def rewrite_the_unsigned_tail(log: Log) -> None:
    path = log.of("run3")[-1]
    first, last = json.loads(lines_of(path)[0]), json.loads(lines_of(path)[0])["meridian"]["prevHash"]
    out = []
    for at in range(UNSIGNED):
        inner = {"stream": "run3", "seq": first["meridian"]["seq"] + at, "prevHash": last}
        text = json.dumps({"eventName": "Encrypt", "eventTime": first["eventTime"], "meridian": inner}).encode()
        last = leaf_hash(text)
        out.append(text + b"\n")
    path.write_bytes(b"".join(out))


def remove_the_newest_stream(log: Log) -> None:
    for path in (*log.of("run3"), *log.digests_of("run3")):
        path.unlink()


def cut_back_to_an_earlier_digest(log: Log) -> None:
    """The last two digests and every record that only they covered."""
    kept = read_digest(log.digests_of("run3")[-3]).extent.treeSize
    for path in log.digests_of("run3")[-2:]:
        path.unlink()
    for path in log.of("run3"):
        edit_lines(path, lambda lines: [line for line in lines if json.loads(line)["meridian"]["seq"] < kept])
        if not path.read_bytes():
            path.unlink()


def remove_an_empty_last_digest(log: Log) -> None:
    log.digests_of("run3")[-1].unlink()


AGAINST_DATABASE = [
    (cut_the_last_line, "the stream ends early: it has .* the database has seen"),
    (cut_the_unsigned_tail, "the stream ends early: it has .* the database has seen"),
    (change_the_last_line, "not record .* as the database has seen it"),
    (rewrite_the_unsigned_tail, "not record .* as the database has seen it"),
    (remove_the_newest_stream, "stream run3 of r, .* is missing"),
    (cut_back_to_an_earlier_digest, "the stream ends early"),
    (remove_an_empty_last_digest, "digests, and the database has seen"),
]


@pytest.mark.parametrize("edit", AGAINST_DATABASE, ids=lambda edit: edit[0].__name__)
def test_a_cut_that_no_file_speaks_of_is_left_open_and_found_by_the_database(log: Log, edit: tuple[Callable[..., None], str]) -> None:
    do, text = edit
    do(log)
    offline = log.offline()
    assert any("--against-db" in each for each in offline.unproven)
    assert any(_matches(text, each.text) for each in log.compared().findings), log.compared().findings


def test_an_end_that_was_cut_before_the_next_start_is_found_from_the_files_alone(log: Log) -> None:
    """The next StreamOpen says what the database had seen of the stream before it."""
    path = log.of("run2")[-1]
    edit_lines(path, lambda lines: lines[:-3])
    for each in (*log.of("run3"), *log.digests_of("run3")):
        each.unlink()
    clock, head = SteppingClock(), log.evidence.streams[1].head
    clock.seconds = 1000
    open_file(log.directory, "run4", keyholder=Keyholder(), clock=clock, registered=head)
    assert any(_matches("the stream ends early.*by the StreamOpen of", each.text) for each in log.offline().findings)


def test_a_stream_that_the_database_does_not_know_is_found(log: Log) -> None:
    evidence = Evidence(log.evidence.streams[:1], {}, log.evidence.keys, {}, LATER, 0)
    (report,) = verify_against([log.directory], evidence, log.pinned)
    assert [each.text for each in report.findings] == [f"the database does not know stream run{n}" for n in (2, 3)]


def test_a_change_without_its_record_is_found(log: Log) -> None:
    other = ARN.replace("1234abcd", "ffffabcd")
    keys = (KeyTrace("111122223333", "k", ARN, NOW, True), KeyTrace("111122223333", "l", other, NOW, False))
    evidence = Evidence(log.evidence.streams, {"run1-3": "here", "gone": "the last use of key k"}, keys, {}, LATER, 0)
    (report,) = verify_against([log.directory], evidence, log.pinned)
    assert [each.text for each in report.findings] == [
        "no record gone: the last use of key k",
        f"no record of the creation of {other}",
        f"no record that scheduled the deletion of {ARN}",
    ]
    assert report.verdict is Verdict.INCOMPLETE


def test_a_key_that_was_made_and_went_without_a_record_is_found(log: Log) -> None:
    (report,) = verify_against([log.directory], replace(log.evidence, keys=()), log.pinned)
    assert [each.text for each in report.findings] == [f"no record of the end of {ARN}, which is not in the database"]
    assert report.verdict is Verdict.INCOMPLETE
    (restored,) = verify_against([log.directory], replace(log.evidence, keys=(), incarnation=1), log.pinned)
    assert restored.findings == []
    assert any(f"{ARN}: the backup may be older than they are" in each for each in restored.unproven)


def test_a_stream_that_goes_on_after_its_registered_end_is_found(log: Log) -> None:
    row = log.evidence.streams[0]
    head = StreamHead("run1", row.head.sequence - 1, leaf_hash(lines_of(log.of("run1")[-1])[-2][:-1]), row.head.digests)
    closed = StreamRow(1, "r", NOW, head, True)
    (report,) = verify_against([log.directory], replace(log.evidence, streams=(closed, *log.evidence.streams[1:])), log.pinned)
    assert [each.text for each in report.findings] == [f"the stream goes on after record {head.sequence}, with which it was closed"]


@pytest.fixture
def moved(log: Log) -> tuple[Log, Path]:
    """The process went on in another directory: run4 stands there alone, and says what the database knew of run3."""
    new, clock, before = log.directory.with_name("new"), SteppingClock(), log.evidence.streams
    clock.seconds = 1000
    file = open_file(new, "run4", keyholder=log.keyholder, clock=clock, registered=before[-1].head)
    file.write([record(0, eventID="run4-0")])
    _kill(file)
    evidence = replace(log.evidence, streams=(*before, StreamRow(4, "r", NOW, file.head, False)))
    return replace(log, evidence=evidence), new


def test_a_directory_that_moved_is_whole_together_with_the_one_before(moved: tuple[Log, Path]) -> None:
    log, new = moved
    for directories in ([log.directory, new], [new, log.directory]):
        reports = verify_against(directories, log.evidence, log.pinned)
        assert [each.text for report in reports for each in report.findings] == []
    alone = [each.text for report in verify_against([new], log.evidence, log.pinned) for each in report.findings]
    assert "stream run3, which the database knew as the one before, is missing" in alone
    reports = verify_directories([(log.directory, Expected(log.pinned)), (new, Expected(log.pinned))])
    assert [each.text for report in reports for each in report.findings] == []


def test_a_cut_in_the_directory_before_is_found_from_the_files_of_both(moved: tuple[Log, Path]) -> None:
    log, new = moved
    edit_lines(log.of("run3")[-1], lambda lines: lines[:-2])
    first, second = verify_directories([(log.directory, Expected(log.pinned)), (new, Expected(log.pinned))])
    assert any(_matches("the stream ends early.*by the StreamOpen of", each.text) for each in first.findings), first.findings
    assert second.findings == []


def test_a_stream_that_was_moved_to_an_archive_is_known_there_and_its_end_is_looked_at(log: Log) -> None:
    archive = log.directory.with_name("archive")
    archive.mkdir()
    for each in (*log.of("run1"), *log.digests_of("run1")):
        each.rename(archive / each.name)
    shutil.copy(log.directory / KEYS_FILE, archive / KEYS_FILE)
    wanted = [(archive, Expected(log.pinned)), (log.directory, Expected(log.pinned))]
    missing, lost_end = "the stream before it, run1, is missing", "the stream ends earlier, or otherwise, than the next stream says"
    assert missing in [each.text for each in log.offline().findings]
    texts = [each.text for report in verify_directories(wanted) for each in report.findings]
    assert missing not in texts
    assert lost_end not in texts
    for each in digests_in(archive):
        each.unlink()
    edit_lines(segments_in(archive)[-1], lambda lines: lines[:-1])
    archived, _ = verify_directories(wanted)
    assert any("the stream ends early" in each.text or each.text == lost_end for each in archived.findings), archived.findings


def _matches(pattern: str, text: str) -> bool:
    import re

    return re.search(pattern, text) is not None
