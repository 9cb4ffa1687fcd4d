"""Old segments go as the rules say, and verification says that they were ended, not that they are missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import zstandard
from tests.audit_logs import Keyholder, SteppingClock, nobody, open_file, record

from meridian.adapters import audit_ended_streams
from meridian.adapters.audit_file import AuditFile, SegmentRules
from meridian.adapters.audit_retention import KeepRules
from meridian.audit import digest
from meridian.audit.against_database import Evidence, verify_against
from meridian.audit.digest import read_digest
from meridian.audit.findings import Report, Verdict
from meridian.audit.record import event_time
from meridian.audit.segments import compressed_path, segments_in
from meridian.audit.stream_files import digests_in, last_record, runs_in
from meridian.audit.verify import Expected, verify_directory
from meridian.ports.store.audit_streams import AuditKeyRow, KeyTrace, RegisterView, StreamHead, StreamRow

RULES = SegmentRules(bytes=5000, seconds=60.0, reserve_bytes=0)
DAY = 86400.0
NO_HEADS: Mapping[str, StreamHead] = {}


class AtOnce:
    """Closed segments in the form of compressed ones, and removed where they are ended."""

    def add(self, path: Path, digest: str) -> None:
        final = compressed_path(path)
        final.write_bytes(zstandard.compress(path.read_bytes()))
        path.unlink()

    def remove(self, paths: Sequence[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)

    def aside(self, work: Callable[[], None]) -> None:
        work()

    def stop(self) -> None: ...


def begin(directory: Path, name: str, keyholder: Keyholder, clock: SteppingClock, rules: KeepRules) -> AuditFile:
    file = open_file(directory, name, keyholder=keyholder, rules=RULES, clock=clock)
    file.hand_closed_to(AtOnce(), rules, nobody)
    return file


def answer(file: AuditFile, clock: SteppingClock, heads: Mapping[str, StreamHead] = NO_HEADS, apart_seconds: float = 0.0) -> None:
    """What the database says when it is asked."""
    key, retention = file.signer.key, file.retention
    keys = [AuditKeyRow(key.number, key.public_key, key.signature, clock.now())]
    now = clock.now() + timedelta(seconds=apart_seconds)
    retention.note(RegisterView(now, keys, {stream: heads.get(stream) for stream in retention.ending}))


def write(file: AuditFile, clock: SteppingClock, segments: int, seconds_each: float) -> None:
    for number in range(segments):
        file.write([record(number, padding="x" * 300) | {"eventTime": event_time(clock.now())}])
        clock.seconds += seconds_each
        answer(file, clock)
        file.tick(0)


def verified(directory: Path, keyholder: Keyholder) -> Report:
    return verify_directory(directory, Expected(keyholder.keys))


def size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in segments_in(directory, "*"))


@pytest.mark.parametrize("rules", [KeepRules(5 * DAY, 0), KeepRules(0, 2000)])
def test_the_oldest_segments_of_a_running_stream_go_and_the_rest_is_verified(tmp_path: Path, rules: KeepRules) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    file = begin(tmp_path, "s1", keyholder, clock, rules)
    write(file, clock, 30, DAY)
    left = len(segments_in(tmp_path, "*"))
    file.close()
    report = verified(tmp_path, keyholder)
    assert left < 20
    assert report.findings == []
    assert report.streams[0].signed == report.streams[0].records == 32
    assert any("ended by retention up to record" in text for text in report.unproven)
    assert len(digests_in(tmp_path)) > 30, "digests stay"
    if rules.bytes:
        assert size_of(tmp_path) < 3 * rules.bytes


def test_the_segment_that_was_closed_last_stays_so_that_the_next_stream_follows_on_it(tmp_path: Path) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    file = begin(tmp_path, "s1", keyholder, clock, KeepRules(5 * DAY, 1))
    write(file, clock, 3, 61)
    for _ in range(5):  # nobody calls
        clock.seconds += 100 * DAY
        answer(file, clock)
        file.tick(0)
    assert len(segments_in(tmp_path, "*")) == 1
    assert verified(tmp_path, keyholder).findings == []
    file.directory.close()
    open_file(tmp_path, "s2", keyholder=keyholder, clock=clock).close()
    assert verified(tmp_path, keyholder).findings == []


def test_without_rules_nothing_goes(tmp_path: Path) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    file = begin(tmp_path, "s1", keyholder, clock, KeepRules(0, 0))
    write(file, clock, 30, 100 * DAY)
    file.close()
    assert len(segments_in(tmp_path, "*")) == 31
    assert not any("retention" in text for text in verified(tmp_path, keyholder).unproven)


@pytest.mark.parametrize("is_killed", [True, False])
def test_streams_of_ended_processes_go_whole(tmp_path: Path, is_killed: bool) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    for name in ("s1", "s2"):
        file = begin(tmp_path, name, keyholder, clock, KeepRules(0, 0))
        write(file, clock, 3, 61)
        file.directory.close() if is_killed else file.close()
    clock.seconds += 10 * DAY
    file = begin(tmp_path, "s3", keyholder, clock, KeepRules(5 * DAY, 0))
    write(file, clock, 2, 61)
    assert {path.name.split("-")[1] for path in segments_in(tmp_path, "*")} == {"s3"}
    file.close()
    report = verified(tmp_path, keyholder)
    assert report.findings == []
    assert sorted(report.ended) == ["s1", "s2"]


def test_what_is_gone_beyond_what_was_ended_is_missing(tmp_path: Path) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    file = begin(tmp_path, "s1", keyholder, clock, KeepRules(5 * DAY, 0))
    write(file, clock, 10, DAY)
    file.close()
    assert verified(tmp_path, keyholder).findings == []
    segments_in(tmp_path, "*")[0].unlink()
    assert Verdict.INCOMPLETE in {finding.verdict for finding in verified(tmp_path, keyholder).findings}
    for path in segments_in(tmp_path, "*"):
        path.unlink()
    open_file(tmp_path, "s2", keyholder=keyholder, clock=clock).close()
    found = verified(tmp_path, keyholder).findings
    assert any("s1" in finding.text and "is missing" in finding.text for finding in found)


def test_a_claim_that_something_was_ended_counts_only_if_it_is_signed(tmp_path: Path) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    file = begin(tmp_path, "s1", keyholder, clock, KeepRules(0, 0))
    write(file, clock, 3, 61)
    file.close()
    path = digests_in(tmp_path)[-1]
    claim = b'"ended":[{"stream":"s1","lastSeq":1,"lastHash":"' + b"0" * 64 + b'","newest":"2026-01-02T03:04:05Z"}]'
    path.write_bytes(path.read_bytes().replace(b'"ended":[]', claim))
    assert read_digest(path).kept.ended[0].lastSeq == 1
    segments_in(tmp_path, "*")[0].unlink()
    assert verified(tmp_path, keyholder).verdict is Verdict.TAMPERED


@pytest.mark.parametrize("is_of_earlier_release", [False, True])
def test_files_that_a_kill_left_of_what_was_ended_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_of_earlier_release: bool
) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    if is_of_earlier_release:
        monkeypatch.setattr(digest, "kept_as_json", lambda kept: None)
    file = begin(tmp_path, "s1", keyholder, clock, KeepRules(0, 0))
    write(file, clock, 4, 61)
    file.close()
    monkeypatch.undo()
    kept = {path: path.read_bytes() for path in segments_in(tmp_path, "*")}
    clock.seconds += 10 * DAY
    file = begin(tmp_path, "s2", keyholder, clock, KeepRules(5 * DAY, 0))
    write(file, clock, 1, 61)
    file.close()
    for path in list(kept)[2:]:
        path.write_bytes(kept[path])
    assert verified(tmp_path, keyholder).findings == []


def test_the_database_does_not_miss_what_was_ended_and_misses_the_rest(tmp_path: Path) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    began = clock.now()
    first = begin(tmp_path, "s1", keyholder, clock, KeepRules(0, 0))
    write(first, clock, 3, 61)
    first.close()
    clock.seconds += 10 * DAY
    file = begin(tmp_path, "s2", keyholder, clock, KeepRules(5 * DAY, 0))
    write(file, clock, 2, 61)
    rows = (StreamRow(1, "r", began, first.head, True), StreamRow(2, "r", clock.now(), file.head, False))
    old, new = (KeyTrace("1", name, f"arn:{name}", at, False) for name, at in (("old", began), ("new", clock.now())))
    evidence = Evidence(rows, {"use": "the last use of key old"}, (old,), {"use": began + timedelta(seconds=9)}, clock.now(), 0)
    assert verify_against([tmp_path], evidence, keyholder.keys)[0].findings == []
    beyond = StreamRow(1, "r", began, StreamHead("s1", first.head.sequence + 1, "0" * 64, 1), False)
    lost = Evidence((beyond, rows[1]), {"use": "the last use of key new"}, (new,), {"use": clock.now()}, clock.now(), 0)
    texts = [finding.text for finding in verify_against([tmp_path], lost, keyholder.keys)[0].findings]
    assert [text.split(":")[0][:24] for text in texts] == ["stream s1 of r, opened 2", "no record use", "no record of the creatio"]
    file.close()


# ---- what the writing thread does for it


class Later(AtOnce):
    """What is to be done aside waits until a test has it done."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def aside(self, work: Callable[[], None]) -> None:
        self.waiting.append(work)

    def do(self) -> None:
        waiting, self.waiting = self.waiting, []
        for work in waiting:
            work()


def test_the_writing_thread_lists_no_directory_and_reads_no_other_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    for name in ("s1", "s2"):
        file = begin(tmp_path, name, keyholder, clock, KeepRules(0, 0))
        write(file, clock, 3, 61)
        file.close()
    clock.seconds += 10 * DAY
    file, hands = open_file(tmp_path, "s3", keyholder=keyholder, rules=RULES, clock=clock), Later()
    file.hand_closed_to(hands, KeepRules(5 * DAY, 0), nobody)
    touched: list[str] = []
    monkeypatch.setattr(audit_ended_streams, "runs_in", lambda directory: (touched.append("listed"), runs_in(directory))[1])
    monkeypatch.setattr(audit_ended_streams, "last_record", lambda path, stream: (touched.append("read"), last_record(path, stream))[1])
    for _ in range(3):
        write(file, clock, 2, 61)
        assert touched == []
        assert len(hands.waiting) == 1, "asked once"
    hands.do()
    assert touched == ["listed"]
    write(file, clock, 2, 61)
    assert touched == ["listed"]
    hands.do()
    assert touched == ["listed", "read", "read"]
    write(file, clock, 2, 61)
    assert {path.name.split("-")[1] for path in segments_in(tmp_path, "*")} == {"s3"}
    monkeypatch.undo()
    file.close()
    assert verified(tmp_path, keyholder).findings == []


def test_a_decision_costs_the_same_however_many_segments_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SteppingClock()
    costs = []
    original = Path.stat
    looks: list[Path] = []
    monkeypatch.setattr(Path, "stat", lambda path, **given: (looks.append(path), original(path, **given))[1])
    file = begin(tmp_path, "s1", Keyholder(), clock, KeepRules(1000 * DAY, 1 << 40))
    for _ in range(4):
        write(file, clock, 10, 61)
        looks.clear()
        file._digests.retention.due()
        costs.append(len(looks))
        looks.clear()
        write(file, clock, 1, 61)
        costs.append(len(looks))
    assert len(segments_in(tmp_path, "*")) > 40
    assert len(set(costs[::2])) == 1
    assert len(set(costs[1::2])) == 1
    file.close()


def test_what_a_sink_does_not_have_stays_and_so_does_all_that_is_newer(tmp_path: Path) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    held = {"s2"}
    for name in ("s1", "s2", "s3"):
        file = begin(tmp_path, name, keyholder, clock, KeepRules(0, 0))
        write(file, clock, 2, 61)
        file.close()
    clock.seconds += 10 * DAY
    file = open_file(tmp_path, "s4", keyholder=keyholder, rules=RULES, clock=clock)
    file.hand_closed_to(AtOnce(), KeepRules(5 * DAY, 0), lambda segment: segment.split("-")[1] in held)
    write(file, clock, 2, 61)
    assert {path.name.split("-")[1] for path in segments_in(tmp_path, "*")} == {"s2", "s3", "s4"}
    held.clear()
    write(file, clock, 2, 61)
    assert {path.name.split("-")[1] for path in segments_in(tmp_path, "*")} == {"s4"}
    file.close()
    assert verified(tmp_path, keyholder).findings == []
