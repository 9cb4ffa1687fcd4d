"""Verification finds what was done to a stream, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.audit_logs import NAMES, RULES, Keyholder, SteppingClock, open_file, record

from meridian.audit.findings import Report, Verdict, word
from meridian.audit.keys import KEYS_FILE, AuditKey, AuditKeys, AuditKeysError
from meridian.audit.stream_files import digests_in, segments_in
from meridian.audit.verify import Expected, verify_directory
from meridian.cli.audit import audit
from meridian.ports.store.audit_streams import StreamHead


def write(directory: Path, stream: str, second: int, keyholder: Keyholder, records: int = 4) -> Path:
    clock = SteppingClock()
    clock.seconds = second
    file = open_file(directory, stream, keyholder=keyholder, clock=clock)
    file.write([record(n, "Decrypt") for n in range(records)])
    file.close()
    return segments_in(directory)[-1]


def check(directory: Path, keyholder: Keyholder | None = None) -> Report:
    return verify_directory(directory, Expected(keyholder.keys if keyholder else None))


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.thorough)])
def test_every_changed_byte_is_found_at_its_line_or_the_next(tmp_path: Path, step: int) -> None:
    keyholder = Keyholder()
    path = write(tmp_path, "s1", 1, keyholder)
    original = path.read_bytes()
    for at in range(0, len(original), step):
        changed = bytearray(original)
        changed[at] ^= 0x01
        path.write_bytes(changed)
        report = check(tmp_path, keyholder)
        line = original[:at].count(b"\n") + 1
        assert report.verdict in (Verdict.TAMPERED, Verdict.INCOMPLETE), at
        assert any(f.path == path and (not f.line or line <= f.line <= line + 1) for f in report.findings), (at, report.findings)


def test_a_stream_that_was_registered_and_never_written_is_not_missed(tmp_path: Path) -> None:
    keyholder = Keyholder()
    open_file(tmp_path, "s2", keyholder=keyholder, registered=StreamHead("s1", -1, "", 0)).close()
    assert check(tmp_path, keyholder).findings == []


@pytest.mark.parametrize("operation", ["drop", "swap", "repeat"])
def test_lines_that_are_dropped_moved_or_repeated_are_found(tmp_path: Path, operation: str) -> None:
    keyholder = Keyholder()
    path = write(tmp_path, "s1", 1, keyholder)
    lines = path.read_bytes().splitlines(keepends=True)
    changed = {
        "drop": lines[:2] + lines[3:],
        "swap": [lines[0], lines[2], lines[1], *lines[3:]],
        "repeat": [*lines[:3], lines[2], *lines[3:]],
    }[operation]
    path.write_bytes(b"".join(changed))
    (finding,) = check(tmp_path, keyholder).findings
    assert finding.verdict is Verdict.TAMPERED
    assert finding.line == {"drop": 3, "swap": 2, "repeat": 4}[operation]


def test_a_shortened_earlier_stream_is_found(tmp_path: Path) -> None:
    keyholder = Keyholder()
    first = write(tmp_path, "s1", 1, keyholder)
    write(tmp_path, "s2", 2, keyholder)
    assert check(tmp_path, keyholder).verdict is Verdict.CLEAN
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join(lines[:3]))
    (finding,) = check(tmp_path, keyholder).findings
    assert (finding.verdict, finding.path, finding.line) == (Verdict.TAMPERED, first, 4)


def test_a_missing_stream_is_found_by_the_next(tmp_path: Path) -> None:
    keyholder = Keyholder()
    first = write(tmp_path, "s1", 1, keyholder)
    write(tmp_path, "s2", 2, keyholder)
    first.unlink()
    assert check(tmp_path, keyholder).verdict is Verdict.INCOMPLETE


def test_a_log_of_an_earlier_release_is_unsigned_until_a_signed_stream_follows_on_it(tmp_path: Path) -> None:
    keyholder = Keyholder()
    path = write(tmp_path, "s1", 1, keyholder)
    path.rename(tmp_path / "20260102T030406.000000Z-s1.jsonl")
    for each in (*digests_in(tmp_path), tmp_path / KEYS_FILE):
        each.unlink()
    old = tmp_path / "20260102T030406.000000Z-s1.jsonl"
    old.write_bytes(_without_names(old.read_bytes()))
    report = check(tmp_path)
    assert report.verdict is Verdict.INCOMPLETE
    assert "unsigned" in report.findings[0].text
    write(tmp_path, "s2", 2, keyholder)
    assert check(tmp_path, keyholder).verdict is Verdict.CLEAN


def _without_names(data: bytes) -> bytes:
    """The lines as releases without digests wrote them, chained again."""
    from meridian.audit.chain import NO_HASH, leaf_hash

    out, last = [], NO_HASH
    for line in data.splitlines():
        made = json.loads(line)
        for name in ("deployment", "partition", "segment", "digestSeconds"):
            made["meridian"].pop(name, None)
        made["meridian"]["prevHash"] = last
        text = json.dumps(made).encode()
        last = leaf_hash(text)
        out.append(text + b"\n")
    return b"".join(out)


def test_the_order_of_streams_is_the_chains_whatever_the_clock_said(tmp_path: Path) -> None:
    keyholder = Keyholder()
    for stream, second in (("s1", 50), ("s2", 10), ("s3", 30), ("s4", 20)):
        write(tmp_path, stream, second, keyholder)
    report = check(tmp_path, keyholder)
    assert report.findings == []
    assert {s.stream: s.previous_stream for s in report.streams} == {"s1": "", "s2": "s1", "s3": "s2", "s4": "s3"}


def test_what_a_crash_left_half_written_is_told_by_the_next_stream(tmp_path: Path) -> None:
    keyholder = Keyholder()
    rules = type(RULES)(bytes=1500, seconds=10.0, reserve_bytes=0)
    file = open_file(tmp_path, keyholder=keyholder, rules=rules, clock=(clock := SteppingClock()))
    for n in range(9):
        clock.seconds += 2
        file.write([record(n)])
    file.directory.close()
    newest = segments_in(tmp_path)[-1]
    with newest.open("ab") as end:
        end.write(b'{"half')
    torn_segment = newest.with_name(newest.name.replace(newest.name[-9:], f"{int(newest.stem[-3:]) + 1:03d}.jsonl"))
    torn_segment.write_bytes(b'{"ha')
    write(tmp_path, "s2", 100, keyholder)
    opening = json.loads(segments_in(tmp_path)[-1].read_bytes().splitlines()[0])
    assert opening["meridian"]["tornBytes"] == 10
    assert not torn_segment.exists()
    assert check(tmp_path, keyholder).findings == []


def test_digests_follow_on_each_other_over_a_stream_that_ended_before_its_first_digest(tmp_path: Path) -> None:
    keyholder = Keyholder()
    write(tmp_path, "s1", 1, keyholder)
    path = write(tmp_path, "s2", 2, keyholder)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    for each in digests_in(tmp_path):
        if "-s2-" in each.name:
            each.unlink()
    write(tmp_path, "s3", 3, keyholder)
    assert check(tmp_path, keyholder).findings == []


def test_only_a_log_that_nothing_was_left_open_of_is_called_clean(tmp_path: Path) -> None:
    keyholder = Keyholder()
    write(tmp_path, "s1", 1, keyholder)
    unpinned, pinned = check(tmp_path), check(tmp_path, keyholder)
    assert word([unpinned]) == word([pinned]) == "consistent"
    assert any("pin them" in text for text in unpinned.unproven)
    assert not any("pin them" in text for text in pinned.unproven)
    assert any("--against-db" in text for text in pinned.unproven)


def test_an_unsigned_tail_is_counted_and_one_that_is_overdue_is_incomplete(tmp_path: Path) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    file = open_file(tmp_path, keyholder=keyholder, clock=clock)
    file.write([record(n) for n in range(3)])
    report = check(tmp_path, keyholder)
    assert report.verdict is Verdict.CLEAN
    assert any("last 3 records are not signed yet" in text for text in report.unproven)
    file.write([{"eventName": "Encrypt", "eventTime": "2026-01-02T04:00:00Z", "meridian": {}}])
    report = check(tmp_path, keyholder)
    assert report.verdict is Verdict.INCOMPLETE
    assert "last 4 records are unsigned, although a digest was due" in report.findings[0].text


def test_segments_are_closed_by_size_and_by_time_and_each_is_signed(tmp_path: Path) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    rules = type(RULES)(bytes=2000, seconds=10.0, reserve_bytes=0)
    file = open_file(tmp_path, keyholder=keyholder, clock=clock, rules=rules)
    for n in range(30):
        clock.seconds += 1.1
        file.write([record(n)])
    by_size = len(segments_in(tmp_path))
    assert by_size >= 4
    assert max(p.stat().st_size for p in segments_in(tmp_path)) <= 2000
    clock.seconds += 11
    file.tick(0)
    clock.seconds += 11
    file.tick(0)
    clock.seconds += 5
    file.tick(0)
    digests = [json.loads(p.read_bytes().splitlines()[0]) for p in digests_in(tmp_path)]
    assert [d["meridian"]["number"] for d in digests] == list(range(len(digests)))
    assert digests[-1]["logFiles"] == []
    assert digests[-1]["meridian"]["lastSeq"] == digests[-1]["meridian"]["firstSeq"] - 1
    assert len(digests[-2]["logFiles"]) == 1
    assert sum(len(d["logFiles"]) for d in digests) == by_size
    file.close()
    report = check(tmp_path, keyholder)
    assert report.findings == []
    assert report.streams[0].signed == report.streams[0].records == 32


def test_a_segment_is_not_closed_while_a_change_waits_for_its_record(tmp_path: Path) -> None:
    clock = SteppingClock()
    file = open_file(tmp_path, clock=clock)
    clock.seconds += 301
    file.tick(1)
    assert len(digests_in(tmp_path)) == 1
    file.tick(0)
    assert len(digests_in(tmp_path)) == 2
    file.close()


def test_keys_are_followed_from_the_one_that_is_pinned(tmp_path: Path) -> None:
    keyholder = Keyholder()
    pinned = keyholder.keys
    write(tmp_path, "s1", 1, keyholder)
    keyholder.change()
    keyholder.change()
    write(tmp_path, "s2", 2, keyholder)
    assert verify_directory(tmp_path, Expected(pinned)).findings == []
    assert [key.number for key in pinned.following(keyholder.keys.keys).keys] == [1, 2, 3]
    newest = AuditKeys(NAMES, keyholder.keys.keys[-1:])
    assert newest.following(keyholder.keys.keys) == newest
    with pytest.raises(AuditKeysError, match="audit key 2 is not signed by audit key 1"):
        pinned.following(Keyholder().keys.keys[:0] + _forged(keyholder.keys))


def _forged(keys: AuditKeys) -> tuple[AuditKey, ...]:
    from dataclasses import replace

    return (keys.keys[0], replace(Keyholder().keys.keys[0], number=2, signature=keys.keys[1].signature))


def test_published_keys_are_read_as_they_were_written() -> None:
    keyholder = Keyholder()
    keyholder.change()
    assert AuditKeys.from_json(keyholder.keys.to_json()) == keyholder.keys
    for broken in (b"", b"[]", b'{"deployment": 1}', b'{"deployment":"d","partition":"aws","region":"r","keys":[]}'):
        with pytest.raises(AuditKeysError):
            AuditKeys.from_json(broken)


def test_the_command_names_the_first_bad_line_and_exits_as_documented(tmp_path: Path) -> None:
    keyholder = Keyholder()
    log = tmp_path / "log"
    path = write(log, "s1", 1, keyholder)
    pinned = tmp_path / "pinned.json"
    pinned.write_bytes(keyholder.keys.to_json())
    run = CliRunner().invoke
    assert run(audit, ["verify", str(log)]).exit_code == 0
    assert run(audit, ["verify", str(log), "--keys", str(pinned), "--region", "us-east-1"]).exit_code == 0
    assert run(audit, ["verify", str(log), "--region", "eu-west-1"]).exit_code == 1
    assert run(audit, ["verify", str(path)]).exit_code == 9
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b"Decrypt", b"Encrypt"), *lines[3:]]))
    result = run(audit, ["verify", str(log)])
    assert result.exit_code == 1
    assert f"{path}:4: the record before it was changed" in result.output
    found = json.loads(run(audit, ["verify", "-o", "json", str(path)]).output)
    assert (found["verdict"], found["findings"][0]["badLine"]) == ("tampered", 4)
    assert run(audit, ["verify", str(tmp_path / "nothing")]).exit_code == 3
    assert run(audit, ["verify"]).exit_code == 2
    assert run(audit, ["verify", str(log), "--keys", str(path)]).exit_code == 2
    assert run(audit, ["verify", str(log), str(log), "--keys", str(pinned)]).exit_code == 2
    assert run(audit, ["verify", str(log), "--against-db"]).exit_code == 2
