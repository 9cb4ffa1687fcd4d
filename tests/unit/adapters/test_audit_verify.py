"""Verification finds what was done to a stream, and where."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from meridian.adapters.audit_file import AuditFile, streams_in
from meridian.adapters.audit_verify import Verdict, verify_directory, verify_stream
from meridian.cli.audit import audit

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def write(directory: Path, stream: str, second: int, records: int = 4) -> Path:
    file = AuditFile.open(directory, stream=stream, now=NOW.replace(second=second), reserve_bytes=0, names={})
    file.write([{"eventName": "Decrypt", "n": n, "meridian": {}} for n in range(records)])
    file.close(NOW)
    return streams_in(directory)[-1]


def test_every_changed_byte_is_found_at_its_line_or_the_next(tmp_path: Path) -> None:
    path = write(tmp_path, "s1", 1)
    original = path.read_bytes()
    last_line = original.rstrip(b"\n").rfind(b"\n") + 1
    for at in range(last_line):
        changed = bytearray(original)
        changed[at] ^= 0x01
        path.write_bytes(changed)
        report = verify_stream(path)
        line = original[:at].count(b"\n") + 1
        assert report.verdict is Verdict.TAMPERED, at
        assert line <= report.bad_line <= line + 1, at


@pytest.mark.parametrize("operation", ["drop", "swap", "repeat"])
def test_lines_that_are_dropped_moved_or_repeated_are_found(tmp_path: Path, operation: str) -> None:
    path = write(tmp_path, "s1", 1)
    lines = path.read_bytes().splitlines(keepends=True)
    changed = {
        "drop": lines[:2] + lines[3:],
        "swap": [lines[0], lines[2], lines[1], *lines[3:]],
        "repeat": [*lines[:3], lines[2], *lines[3:]],
    }[operation]
    path.write_bytes(b"".join(changed))
    report = verify_stream(path)
    assert report.verdict is Verdict.TAMPERED
    assert report.bad_line == {"drop": 3, "swap": 2, "repeat": 4}[operation]


def test_a_shortened_earlier_stream_is_found_by_the_next(tmp_path: Path) -> None:
    first = write(tmp_path, "s1", 1)
    write(tmp_path, "s2", 2)
    assert verify_directory(tmp_path).verdict is Verdict.CLEAN
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join(lines[:3]))
    report = verify_directory(tmp_path)
    assert report.verdict is Verdict.TAMPERED
    assert report.streams[0].bad_line == 4


def test_a_missing_stream_is_found_by_the_next(tmp_path: Path) -> None:
    first = write(tmp_path, "s1", 1)
    write(tmp_path, "s2", 2)
    first.unlink()
    assert verify_directory(tmp_path).verdict is Verdict.INCOMPLETE


def test_the_command_names_the_first_bad_line_and_exits_as_documented(tmp_path: Path) -> None:
    path = write(tmp_path, "s1", 1)
    run = CliRunner().invoke
    assert run(audit, ["verify", str(tmp_path)]).exit_code == 0
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b"Decrypt", b"Encrypt"), *lines[3:]]))
    result = run(audit, ["verify", str(path)])
    assert result.exit_code == 1
    assert f"{path}:4: the record before it was changed" in result.output
    found = json.loads(run(audit, ["verify", "-o", "json", str(path)]).output)
    assert found["streams"][0]["badLine"] == 4
    assert run(audit, ["verify", str(tmp_path / "nothing")]).exit_code == 3
    assert run(audit, ["verify"]).exit_code == 2
