"""The newest files of an audit log are moved away, and the Region goes on: a gap while they are gone, whole when they are back.

Whoever moves them is told from nobody else, so while they are gone the log is incomplete, never better; and what comes back is compared
with every digest, with what the database knew, and with what the next stream says was known when it began.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.audit_logs import Keyholder, SteppingClock, open_file, record

from meridian.adapters.audit_file import SegmentRules
from meridian.audit.against_database import Evidence, verify_against
from meridian.audit.findings import Verdict, word
from meridian.audit.stream_files import digests_in, segments_in
from meridian.audit.verify import Expected, verify_directories
from meridian.audit.written_order import runs_before
from meridian.ports.store.audit_streams import StreamHead, StreamRow

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RULES = SegmentRules(bytes=1500, seconds=60.0, reserve_bytes=0)


@dataclass
class Region:
    """A process that is started again and again with one directory, and what the database knows."""

    directory: Path
    aside: Path
    keyholder: Keyholder = field(default_factory=Keyholder)
    clock: SteppingClock = field(default_factory=SteppingClock)
    rows: list[StreamRow] = field(default_factory=list)
    knows: bool = True
    """Whether the database tells the next stream what came before it."""

    def run(self, stream: str, *, ends: str) -> None:
        """A process that writes a few segments and is closed, killed, or killed after records that the database has not heard of."""
        self.clock.seconds += 1
        registered = self.rows[-1].head if self.rows and self.knows else None
        file = open_file(self.directory, stream, keyholder=self.keyholder, clock=self.clock, rules=RULES, registered=registered)
        for n in range(14):
            self.clock.seconds += 3
            file.write([record(n, eventID=f"{stream}-{n}")])
        head = file.head
        if ends == "closed":
            file.close()
            head = file.head
        elif ends == "killed later":
            file.write([record(14, eventID=f"{stream}-14")])
        file.directory.close()
        self.rows.append(StreamRow(len(self.rows) + 1, "r", NOW, head, ends == "closed"))

    def of(self, stream: str) -> list[Path]:
        return [p for p in segments_in(self.directory) if f"-{stream}-" in p.name]

    def digests_of(self, stream: str) -> list[Path]:
        return [p for p in digests_in(self.directory) if f"-{stream}-" in p.name]

    def move_away(self, paths: Sequence[Path]) -> None:
        self.aside.mkdir(exist_ok=True)
        for path in paths:
            path.rename(self.aside / path.name)

    def bring_back(self) -> None:
        for path in self.aside.iterdir():
            path.rename(self.directory / path.name)

    def compared(self) -> tuple[str, list[str]]:
        reports = verify_against([self.directory], Evidence(tuple(self.rows), {}, (), {}, NOW, 0), self.keyholder.keys)
        return word(reports), [str(each) for each in reports[0].findings]

    def offline(self) -> Verdict:
        return verify_directories([(self.directory, Expected(self.keyholder.keys))])[0].verdict


@pytest.fixture
def region(tmp_path: Path) -> Region:
    made = Region(tmp_path / "log", tmp_path / "aside")
    made.run("run1", ends="closed")
    return made


def newest_file(region: Region) -> Sequence[Path]:
    return region.of("run2")[-1:]


def newest_files(region: Region) -> Sequence[Path]:
    return region.of("run2")[-2:]


def newest_file_and_digest(region: Region) -> Sequence[Path]:
    return [region.of("run2")[-1], region.digests_of("run2")[-1]]


def every_file_of_the_stream(region: Region) -> Sequence[Path]:
    return region.of("run2")


def every_file_and_some_digests(region: Region) -> Sequence[Path]:
    return [*region.of("run2"), *region.digests_of("run2")[1:]]


def the_whole_stream(region: Region) -> Sequence[Path]:
    return [*region.of("run2"), *region.digests_of("run2")]


def every_file_of_the_log(region: Region) -> Sequence[Path]:
    return [*region.of("run1"), *region.of("run2")]


def the_whole_log(region: Region) -> Sequence[Path]:
    return [*region.of("run1"), *region.of("run2"), *region.digests_of("run1"), *region.digests_of("run2")]


MOVED = [
    newest_file,
    newest_files,
    newest_file_and_digest,
    every_file_of_the_stream,
    every_file_and_some_digests,
    the_whole_stream,
    every_file_of_the_log,
    the_whole_log,
]
ENDS = ["closed", "killed", "killed later"]


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("moved", MOVED, ids=lambda each: each.__name__)
def test_the_log_is_incomplete_while_they_are_gone_and_clean_when_they_are_back(
    region: Region, moved: Callable[[Region], Sequence[Path]], ends: str
) -> None:
    region.run("run2", ends=ends)
    region.move_away(moved(region))
    # Without the digest that signed the last file that is left nothing says that it is whole: it may have been cut as well.
    gone = Verdict.TAMPERED if moved is newest_file_and_digest and ends != "closed" else Verdict.INCOMPLETE
    for following in ("run3", "run4"):
        region.run(following, ends="closed")
        assert region.compared()[0] == gone.name.lower(), region.compared()
        assert region.offline() is gone
    region.bring_back()
    assert region.compared() == ("clean", [])
    assert region.offline() is Verdict.CLEAN
    region.run("run5", ends="closed")
    assert region.compared() == ("clean", [])


@pytest.mark.parametrize("moved", [newest_file, every_file_of_the_stream, every_file_and_some_digests], ids=lambda each: each.__name__)
def test_digests_know_it_where_the_database_does_not(region: Region, moved: Callable[[Region], Sequence[Path]]) -> None:
    region.run("run2", ends="closed")
    region.move_away(moved(region))
    region.knows = False
    region.run("run3", ends="closed")
    assert region.compared()[0] == "incomplete"
    region.bring_back()
    assert region.compared() == ("clean", [])


@pytest.mark.parametrize("moved", MOVED, ids=lambda each: each.__name__)
def test_files_that_are_lost_again_and_again_leave_one_gap_each(region: Region, moved: Callable[[Region], Sequence[Path]]) -> None:
    region.run("run2", ends="killed later")
    region.move_away(moved(region))
    region.run("run3", ends="closed")
    region.move_away([*region.of("run3"), *region.digests_of("run3")])
    region.run("run4", ends="closed")
    assert region.compared()[0] in ("incomplete", "tampered")
    region.bring_back()
    assert region.compared() == ("clean", [])


def change_the_last_record(region: Region) -> None:
    path = region.of("run2")[-1]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:-1], lines[-1].replace(b"run2", b"run9")]))


def drop_the_last_record(region: Region) -> None:
    path = region.of("run2")[-1]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def empty_the_newest_file(region: Region) -> None:
    region.of("run2")[-1].write_bytes(b"")


def begin_again(region: Region) -> None:
    """A stream of the same name that was written anew."""
    path = region.of("run2")[0]
    line = json.loads(path.read_bytes().splitlines()[0])
    line["eventTime"] = "2026-01-02T03:04:06Z"
    for each in (*region.of("run2"), *region.digests_of("run2")):
        each.unlink()
    path.write_bytes(json.dumps(line).encode() + b"\n")


@pytest.mark.parametrize(
    "change", [change_the_last_record, drop_the_last_record, empty_the_newest_file, begin_again], ids=lambda each: each.__name__
)
@pytest.mark.parametrize("moved", MOVED, ids=lambda each: each.__name__)
def test_what_comes_back_otherwise_is_found(
    region: Region, moved: Callable[[Region], Sequence[Path]], change: Callable[[Region], None]
) -> None:
    region.run("run2", ends="killed")
    region.move_away(moved(region))
    region.run("run3", ends="closed")
    region.bring_back()
    change(region)
    assert region.compared()[0] == "tampered", region.compared()
    assert region.offline() is Verdict.TAMPERED


def test_a_cut_before_the_next_start_is_no_file_that_is_missing(region: Region) -> None:
    region.run("run2", ends="killed")
    drop_the_last_record(region)
    region.run("run3", ends="closed")
    assert region.compared()[0] == "tampered"
    assert region.offline() is Verdict.TAMPERED


def test_a_database_of_an_earlier_time_makes_no_gap(region: Region) -> None:
    region.run("run2", ends="closed")
    region.run("run3", ends="closed")
    newest, region.rows = region.rows, region.rows[:1]
    region.run("run4", ends="closed")
    region.rows = [*newest, region.rows[-1]]
    assert region.compared() == ("clean", [])


def test_streams_are_shipped_in_the_order_in_which_they_were_written(region: Region) -> None:
    region.run("run2", ends="closed")
    region.move_away(the_whole_stream(region))
    region.run("run3", ends="closed")
    stems = {stream: region.digests_of(stream)[0].name.rsplit("-", 1)[0] for stream in ("run1", "run3")}
    assert [run.stem for run in runs_before(region.directory, stems["run3"], "")] == [stems["run1"]]
    region.bring_back()
    stems["run2"] = region.digests_of("run2")[0].name.rsplit("-", 1)[0]
    assert [run.stem for run in runs_before(region.directory, stems["run3"], stems["run1"])] == [stems["run1"], stems["run2"]]


def test_the_database_is_asked_for_no_record_that_it_has_not_seen(region: Region) -> None:
    """A stream that was registered and never begun is no gap."""
    region.rows.append(StreamRow(2, "r", NOW, StreamHead("never", -1, "", 0), False))
    region.run("run3", ends="closed")
    assert '"missing"' not in region.of("run3")[0].read_bytes().splitlines()[0].decode()
