"""Every command that opens a Region's database, and none that can be opened: one plain sentence, the exit code of a wrong setup."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests.ports import free_port
from tests.unit.cli.test_every_file_option import commands

from meridian.cli.dev_folder import DevFolder
from meridian.cli.exit_codes import SETUP
from meridian.cli.main import main

ABOUT = {
    "lost": ["eu-west-1", "--successor", "us-east-1"],
    "serve": ["--allow-file-seal"],
    "verify": ["--against-db"],
    "export": [f"arn:aws:kms:us-east-1:111122223333:key/{'0' * 8}-0000-0000-0000-{'0' * 12}", "--prefix", "/store", "--allow", "encrypt"],
    "revoke": ["one"],
}
OTHERWISE = {
    ("restore",): "what is in the database's place may be unsound: the reason to restore one",
    ("region", "doctor"): "it finds what is wrong with a database, which is no failure of its own",
}
pytestmark = [pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"), pytest.mark.thorough]
"""A thread that dies says so on the user's terminal."""
REGION_NAMED = ("found", "takeover", "detach", "take-back", "rejoin")


def with_settings() -> list[tuple[str, ...]]:
    """Commands with `--config`."""
    found = [path for path, command in commands(main) if any(p.name == "config" for p in command.params) and path not in OTHERWISE]
    assert {("outbox", "list"), ("audit", "verify")} <= set(found)
    return found


def arguments_of(path: tuple[str, ...], settings: Path) -> list[str]:
    about = (
        ["--to", str(settings.with_name("copy"))]
        if path == ("backup",)
        else ABOUT.get(path[-1], ["eu-west-1"] if path[-1] in REGION_NAMED else [])
    )
    return [*path, "--config", str(settings), *about]


@pytest.mark.parametrize("path", with_settings(), ids=" ".join)
@pytest.mark.parametrize("state", ["absent", "no folder", "a folder", "garbage", "empty", "of another program", "server away"])
def test_a_database_that_cannot_be_opened_is_told_in_a_sentence(tmp_path: Path, path: tuple[str, ...], state: str) -> None:
    folder = DevFolder(
        tmp_path, ["us-east-1", "eu-west-1"], grpc_port=free_port(), admin_port=free_port(), aws_port=free_port(), find_port=free_port
    )
    folder.prepare(None)
    folder.write_settings({})
    place = folder.places[0]
    file = place.folder / "region.sqlite3"
    if state in ("no folder", "server away"):
        url = f"postgresql://kms:secret@127.0.0.1:{free_port()}/kms" if state == "server away" else f"sqlite:///{tmp_path}/none/kms.sqlite3"
        place.settings.write_text(place.settings.read_text().replace(f"sqlite:///{file}", url))
    elif state == "a folder":
        file.mkdir()
    elif state == "garbage":
        file.write_bytes(b"garbage" * 1000)
    elif state == "empty":
        file.write_bytes(b"")
    elif state == "of another program":
        with sqlite3.connect(file) as other:
            other.execute("CREATE TABLE alembic_version (version_num TEXT)")
            other.execute("INSERT INTO alembic_version VALUES ('ffff')")
    may_work = path == ("region", "init") and state in ("absent", "empty")
    done = CliRunner().invoke(main, arguments_of(path, place.settings))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    if may_work and done.exit_code == 0:
        return
    assert done.exit_code == SETUP, done.output
    (line,) = [line for line in done.output.splitlines() if line.strip() and not line.startswith("{")]
    assert "database" in line
    assert "secret" not in line
    assert "Errno" not in line
    assert not {"sqlite+", "postgresql+"} & {word[: word.find("+") + 1] for word in line.split()}, "as the settings name it"


def test_every_command_with_settings_is_walked() -> None:
    assert {path[0] for path in with_settings()} == {"audit", "backup", "migrate", "outbox", "region", "serve", "xks"}
    assert all(isinstance(command, click.Command) for _, command in commands(main))
