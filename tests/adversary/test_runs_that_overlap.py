"""Two processes of a Region that write audit streams at once, where the lock of their directory does not reach, are told as that; who makes
it look so without the Region's key is an intruder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.audit_logs import Keyholder, open_file, record

from meridian.adapters.audit_file import AuditFile
from meridian.audit.chain import leaf_hash
from meridian.audit.findings import Report, Verdict
from meridian.audit.keys import KEYS_FILE
from meridian.audit.stream_files import segments_in
from meridian.audit.verify import Expected, verify_directory

AT_ONCE = "two processes wrote at once"


def write(file: AuditFile, first: int) -> None:
    for number in range(first, first + 3):
        file.write([record(number, eventID=f"{number}")])


def brought_together(here: Path, there: Path) -> None:
    """What the other process wrote, beside what this one did."""
    for path in there.iterdir():
        if not (here / path.name).exists():
            shutil.copy(path, here / path.name)


def one_begins_while_another_writes(here: Path, there: Path, keyholder: Keyholder, second: Keyholder) -> None:
    running = open_file(here, "run1", keyholder=keyholder)
    write(running, 0)
    shutil.copytree(here, there)
    begun = open_file(there, "run2", keyholder=second)
    write(begun, 10)
    write(running, 3)
    running.close()
    begun.close()
    brought_together(here, there)


def two_begin_after_one(here: Path, there: Path, keyholder: Keyholder, second: Keyholder) -> None:
    ended = open_file(here, "run1", keyholder=keyholder)
    write(ended, 0)
    ended.close()
    shutil.copytree(here, there)
    for directory, stream, signs in ((here, "run2", keyholder), (there, "run3", second)):
        begun = open_file(directory, stream, keyholder=signs)
        write(begun, 10)
        begun.close()
    brought_together(here, there)


Overlap = Callable[[Path, Path, Keyholder, Keyholder], None]
OVERLAPS: list[tuple[Overlap, str]] = [
    (one_begins_while_another_writes, "stream run1 went on for 4 signed records after this one began"),
    (two_begin_after_one, "stream run2 already follows on run1"),
]


@pytest.fixture
def keyholder() -> Keyholder:
    return Keyholder()


def verified(directory: Path, keyholder: Keyholder) -> Report:
    return verify_directory(directory, Expected(keyholder.keys))


@pytest.mark.parametrize("overlap", OVERLAPS, ids=lambda each: each[0].__name__)
def test_signed_runs_that_overlap_are_told_as_that(tmp_path: Path, keyholder: Keyholder, overlap: tuple[Overlap, str]) -> None:
    make, text = overlap
    make(tmp_path / "here", tmp_path / "there", keyholder, keyholder)
    report = verified(tmp_path / "here", keyholder)
    assert report.verdict is Verdict.INCOMPLETE
    assert all(AT_ONCE in each.text for each in report.findings)
    assert any(text in each.text for each in report.findings)


@pytest.mark.parametrize("overlap", OVERLAPS, ids=lambda each: each[0].__name__)
def test_where_no_signature_can_be_checked_nothing_is_excused(tmp_path: Path, keyholder: Keyholder, overlap: tuple[Overlap, str]) -> None:
    make, _ = overlap
    make(tmp_path / "here", tmp_path / "there", keyholder, keyholder)
    (tmp_path / "here" / KEYS_FILE).unlink()
    report = verify_directory(tmp_path / "here", Expected())
    assert report.verdict is Verdict.TAMPERED
    assert not any(AT_ONCE in each.text for each in report.findings)


@pytest.mark.parametrize("overlap", OVERLAPS, ids=lambda each: each[0].__name__)
def test_who_signs_with_another_key_is_no_process_of_the_region(tmp_path: Path, keyholder: Keyholder, overlap: tuple[Overlap, str]) -> None:
    make, _ = overlap
    make(tmp_path / "here", tmp_path / "there", keyholder, Keyholder())
    report = verified(tmp_path / "here", keyholder)
    assert report.verdict is Verdict.TAMPERED
    assert not any(AT_ONCE in each.text for each in report.findings)


def test_records_that_nobody_signed_behind_the_end_of_a_run_are_no_overlap(tmp_path: Path, keyholder: Keyholder) -> None:
    directory = tmp_path / "here"
    for stream in ("run1", "run2"):
        file = open_file(directory, stream, keyholder=keyholder)
        write(file, 0)
        file.directory.close() if stream == "run1" else file.close()
    path = segments_in(directory)[0]
    last = path.read_bytes().splitlines()[-1]
    made: dict[str, Any] = json.loads(last)
    made["meridian"] |= {"seq": made["meridian"]["seq"] + 1, "prevHash": leaf_hash(last)}
    path.write_bytes(path.read_bytes() + json.dumps(made).encode() + b"\n")
    report = verified(directory, keyholder)
    assert report.verdict is Verdict.TAMPERED
    assert not any(AT_ONCE in each.text for each in report.findings)
