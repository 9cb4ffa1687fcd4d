"""Whoever can write a folder must not choose, by a link, which file outside it is written: a name that is known beforehand is made anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import meridian

SERVICE = Path(meridian.__file__).parent

WRITES = re.compile(r"O_TRUNC|O_WRONLY|O_RDWR|\.write_bytes\(|\.write_text\(|open\(\"(?:w|a|r\+|x)|\.truncate\(")
TEMPORARY = re.compile(r"\.partial[\"}]")

WRITERS = {
    "fresh_file.py": "makes the file anew",
    "adapters/audit_segment.py": "O_EXCL: a segment is never there before",
    "adapters/store_sql/dialects.py": "the database's own name in the settings, which may be a link",
    "audit/stream_files.py": "O_NOFOLLOW: cuts a torn tail",
    "cli/private_files.py": "a file that grows",
    "cli/output.py": "what stands for a standard output that takes nothing",
    "cli/whole_files.py": "a target that an operator names: every file that a command writes, and the only place where one is",
}
"""THE table of files that open something to write, and why a link cannot lead them astray."""

FINDS_ONLY = {"audit/stream_files.py"}
"""Who looks for temporary files and writes none."""


def places(pattern: re.Pattern[str]) -> set[str]:
    return {str(path.relative_to(SERVICE)) for path in SERVICE.rglob("*.py") if pattern.search(path.read_text())}


def test_every_place_that_opens_a_file_to_write_is_known() -> None:
    assert places(WRITES) == set(WRITERS)


def test_every_temporary_file_of_a_known_name_is_made_anew() -> None:
    assert places(TEMPORARY) - FINDS_ONLY == {path for path in places(re.compile(r"open_fresh\(")) if path != "fresh_file.py"}


@pytest.mark.parametrize("flag", ["O_EXCL", "O_NOFOLLOW"])
def test_the_helper_follows_nothing(flag: str) -> None:
    assert flag in (SERVICE / "fresh_file.py").read_text()
