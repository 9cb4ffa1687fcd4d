"""Where the audit log of several processes lies."""

from __future__ import annotations

from pathlib import Path

from meridian.audit.directories import log_directories
from meridian.audit.keys import KEYS_FILE


def log_in(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / KEYS_FILE).write_text("{}")
    return directory


def test_one_process_has_the_directory_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    assert log_directories(log_in(tmp_path)) == [tmp_path]


def test_a_directory_without_a_log_is_one_where_no_other_is(tmp_path: Path) -> None:
    assert log_directories(tmp_path) == [tmp_path]
    assert log_directories(tmp_path / "none") == [tmp_path / "none"]


def test_several_processes_have_folders_of_it(tmp_path: Path) -> None:
    inner = [log_in(tmp_path / "replica-1-1"), log_in(tmp_path / "replica-1-2")]
    assert log_directories(tmp_path) == inner
    assert log_directories(log_in(tmp_path)) == [tmp_path, *inner], "what one process wrote before counts, too"
