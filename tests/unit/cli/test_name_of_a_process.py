"""`replica_file`: processes that read one settings file have names of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from meridian.cli.dev_folder import DevFolder, free_port
from meridian.settings import SettingsError, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings that name a file beside them, which is not there yet."""
    folder = DevFolder(tmp_path, ["us-east-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port)
    folder.prepare(None)
    folder.write_settings({})
    path = folder.places[0].settings
    path.write_text('replica_file = "pod/name"\n' + path.read_text())
    return path


def name_of(settings: Path, data: bytes) -> str:
    file = settings.parent / "pod" / "name"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    return load_settings(settings).replica


def test_the_name_is_that_of_the_file(settings: Path) -> None:
    assert name_of(settings, b"meridian-7d9f-abcde") == "meridian-7d9f-abcde"
    assert name_of(settings, b"meridian-0\n") == "meridian-0"


@pytest.mark.parametrize("data", [b"", b"a\nb", b"../up", b"a b", b"\xff", b"x" * 254, b"x" * 5000])
def test_what_is_no_name_is_refused_with_the_setting(settings: Path, data: bytes) -> None:
    with pytest.raises(SettingsError, match=r"replica_file: .*pod/name"):
        name_of(settings, data)


def test_a_file_that_is_not_there_is_refused_with_the_setting(settings: Path) -> None:
    with pytest.raises(SettingsError, match=r"replica_file: .*pod/name: No such file"):
        load_settings(settings)


def test_two_names_are_refused(settings: Path) -> None:
    settings.write_text('replica = "a"\n' + settings.read_text())
    with pytest.raises(SettingsError, match="replica, replica_file: give one of them"):
        name_of(settings, b"b")
