"""A link under a name that the Region is about to write, or to cut, leads to nothing outside its audit directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.audit_logs import Keyholder, SteppingClock, nobody, open_file, record

from meridian.adapters.audit_compression import CompressedSegments
from meridian.adapters.audit_file import SegmentRules
from meridian.adapters.audit_position import PositionFile
from meridian.adapters.audit_retention import KeepRules
from meridian.adapters.audit_segment import AuditDirectory
from meridian.adapters.store_sql.sqlite_copies import private_copy
from meridian.audit.segments import compressed_path, is_compressed
from meridian.audit.stream_files import digests_in, segment_name, segments_in
from meridian.cli.private_files import write_private

SECRET = b"what nobody may write over; " * 9


def digest(directory: Path, link: Callable[[str], None]) -> None:
    """The next digests, whose names follow from the first."""
    file, clock = open_file(directory, clock=(stepping := SteppingClock()), rules=SegmentRules(1 << 20, 60.0, 0)), stepping
    stem = digests_in(directory)[0].name.rsplit("-", 1)[0]
    for number in range(1, 4):
        link(f".{stem}-{number:08d}.digest.partial")
    file.write([record(1)])
    clock.seconds += 61
    file.tick(0)
    file.close()
    assert len(digests_in(directory)) == 3
    assert not any(path.is_symlink() for path in digests_in(directory))


def compressed(directory: Path, link: Callable[[str], None]) -> None:
    """The compressed form of a segment."""
    faults: list[OSError] = []
    file, clock = open_file(directory, clock=(stepping := SteppingClock()), rules=SegmentRules(1 << 20, 60.0, 0)), stepping
    link(f".{compressed_path(segments_in(directory)[0]).name}.partial")
    compression = CompressedSegments(0, faults.append)
    file.hand_closed_to(compression, KeepRules(0, 0), nobody)
    file.write([record(1)])
    clock.seconds += 61
    file.tick(0)
    compression._waiting.put(None)  # what was given before is done first
    compression._thread.join(30)
    file.close()
    assert faults == []
    assert is_compressed(segments_in(directory)[0])


def position(directory: Path, link: Callable[[str], None]) -> None:
    """How far a sink has come."""
    directory.mkdir()
    link(".stdout.position.partial")
    PositionFile(directory / ".stdout.position", is_synced=False).save({"segment": "a.jsonl", "length": 3})
    assert b"a.jsonl" in (directory / ".stdout.position").read_bytes()


def keys(directory: Path, link: Callable[[str], None]) -> None:
    """A file of the directory that is written as a whole."""
    taken = AuditDirectory.take(directory)
    link(".audit-keys.json.partial")
    taken.write("audit-keys.json", b"keys")
    taken.close()
    assert (directory / "audit-keys.json").read_bytes() == b"keys"


def torn_tail(directory: Path, link: Callable[[str], None]) -> None:
    """A segment that seems to have been cut in the middle of a line."""
    keyholder = Keyholder()
    open_file(directory, keyholder=keyholder).close()
    link(segment_name("20270101T000000.000000Z", "zz", 1))
    open_file(directory, "s2", keyholder=keyholder).close()


def private_file(directory: Path, link: Callable[[str], None]) -> None:
    """What a command writes for its caller alone."""
    directory.mkdir()
    link(".token.partial")
    write_private(directory / "token", b"token")
    assert (directory / "token").read_bytes() == b"token"


def database_copy(directory: Path, link: Callable[[str], None]) -> None:
    """A copy of a database on its way to its name."""
    import sqlite3

    directory.mkdir()
    made = sqlite3.connect(directory / "here")
    made.execute("create table t(n)")
    made.close()
    link(".there.partial")
    with private_copy(directory / "here", directory / "there") as copy:
        assert copy.read_bytes().startswith(b"SQLite")


@pytest.mark.parametrize(
    "write", [digest, compressed, position, keys, torn_tail, private_file, database_copy], ids=lambda each: each.__name__
)
def test_what_a_link_leads_to_is_not_written(tmp_path: Path, write: Callable[[Path, Callable[[str], None]], None]) -> None:
    victim, directory = tmp_path / "victim", tmp_path / "log"
    victim.write_bytes(SECRET)
    write(directory, lambda name: (directory / name).symlink_to(victim))
    assert victim.read_bytes() == SECRET
