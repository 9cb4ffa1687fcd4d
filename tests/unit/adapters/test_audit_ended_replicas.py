"""Folders of replicas that ended: each is shipped, and one that is not as it was left keeps no other from it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest
from tests.audit_logs import SteppingClock, open_file, record

from meridian.adapters.audit_ended_replicas import LOOK_SECONDS, EndedReplicas, ReplicaFolders
from meridian.adapters.audit_reader import WrittenLog
from meridian.audit.segments import DamagedSegmentError

LONG_AGO = 1_000_000.0


class Sink:
    """Ships a folder at once, or meets what its replica has."""

    def __init__(self, replica: str, shipped: list[str], faults: dict[str, Exception]) -> None:
        self._replica, self._shipped, self._faults = replica, shipped, faults
        self.name = "s"

    def ship(self) -> bool:
        if fault := self._faults.get(self._replica):
            raise fault
        self._shipped.append(self._replica)
        return False

    def segments_behind(self) -> int:
        return 0

    def holds(self, segment: str) -> bool:
        return False

    def close(self) -> None: ...


class World:
    def __init__(self, root: Path, *replicas: str) -> None:
        self.root, self.clock = root, SteppingClock()
        self.shipped: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.opening: dict[str, Exception] = {}
        self.shipping: dict[str, Exception] = {}
        for name in replicas:
            log = root / name / "audit"
            log.parent.mkdir()
            file = open_file(log, name)
            file.write([record(1)])
            file.close()
            for path in log.iterdir():
                os.utime(path, (LONG_AGO, LONG_AGO))
        own = root / "own" / "audit"
        own.mkdir(parents=True)
        self.ended = EndedReplicas("s", ReplicaFolders(root, own, 60.0), self._open, self.clock, self._tell)

    def _open(self, replica: str, log: WrittenLog) -> Any:
        assert log.directory == self.root / replica / "audit"
        if fault := self.opening.get(replica):
            raise fault
        return Sink(replica, self.shipped, self.shipping)

    def _tell(self, replica: str, fault: Exception) -> None:
        self.told.append((replica, type(fault).__name__))

    def look(self) -> None:
        self.clock.seconds += LOOK_SECONDS
        while self.ended.ship():
            pass

    def is_free(self, replica: str) -> bool:
        """Whether nobody holds the folder's lock."""
        for path in (self.root / replica / "audit").iterdir():
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
        return True


@pytest.mark.parametrize("kind", ["opening", "shipping"])
def test_a_folder_that_is_not_as_it_was_left_is_told_and_keeps_no_other_from_being_shipped(tmp_path: Path, kind: str) -> None:
    world = World(tmp_path, "a", "b", "c")
    fault = DamagedSegmentError(Path("x"))
    getattr(world, kind)["a"] = fault
    world.look()
    assert (world.shipped, world.told) == (["b", "c"], [("a", "DamagedSegmentError")])
    assert world.is_free("a")
    world.look()
    assert world.told == [("a", "DamagedSegmentError")] * 2, "as long as it is so"
    getattr(world, kind).clear()
    world.look()
    assert world.shipped == ["b", "c", "a"]


def test_a_receiver_that_is_away_is_tried_again_with_the_same_folder(tmp_path: Path) -> None:
    world = World(tmp_path, "a", "b")
    world.shipping["a"] = ConnectionError("away")
    with pytest.raises(ConnectionError):
        world.look()
    assert world.is_free("a")
    world.shipping.clear()
    world.look()
    assert world.shipped == ["a", "b"]
