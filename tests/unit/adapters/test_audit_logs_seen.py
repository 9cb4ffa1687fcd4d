"""Which logs of a Region a process looks into."""

from __future__ import annotations

import os
from pathlib import Path

from tests.audit_logs import Keyholder

from meridian.adapters.audit_logs_seen import LOGS_MAX, SeenLogs
from meridian.audit.keys import KEYS_FILE


def plant(directory: Path) -> Path:
    directory.mkdir(parents=True)
    (directory / KEYS_FILE).write_bytes(Keyholder().keys.to_json())
    return directory


def test_of_very_many_logs_those_count_that_were_written_to_last(tmp_path: Path) -> None:
    for number in range(LOGS_MAX + 5):
        os.utime(plant(tmp_path / f"p{number}" / "log"), (number, number))
    seen = SeenLogs("own", tmp_path / "p0" / "log", tmp_path).directories()
    assert sorted(seen) == sorted(f"p{number}/." for number in range(5, LOGS_MAX + 5))


def test_processes_of_one_parent_have_one_name_for_each_log(tmp_path: Path) -> None:
    plant(tmp_path / "pod" / "log" / "pod-1")
    plant(tmp_path / "pod" / "log" / "pod-2")
    seen = SeenLogs("pod", tmp_path / "pod" / "log", tmp_path).directories()
    assert seen == {f"pod/pod-{number}": tmp_path / "pod" / "log" / f"pod-{number}" for number in (1, 2)}
