"""Only regular files are opened, and read up to a length; nothing waits for a pipe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meridian.regular_file import read_regular


def test_what_is_no_regular_file_is_refused_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = len(os.listdir("/proc/self/fd"))
    for name, text in (
        ("pipe", "is no regular file"),
        ("zeros", "is no regular file"),
        ("", "is a folder"),
        ("none", "No such file or directory"),
        ("loop", "Too many levels of symbolic links"),
    ):
        with pytest.raises(OSError, match=text) as caught:
            read_regular(tmp_path / name, 10)
        assert (caught.value.strerror, caught.value.filename) == (text, str(tmp_path / name))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_is_read_up_to_its_length_and_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_regular(tmp_path / "link", 10) == b"0123456789"
    with pytest.raises(OSError, match="is longer than 9 bytes, the most that can be used here"):
        read_regular(tmp_path / "file", 9)
