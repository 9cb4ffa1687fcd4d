"""`serve --initialise`, by which `meridian dev` spares a process: it makes a database for development and for nobody else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from meridian.cli.dev_folder import DevFolder, free_port
from meridian.cli.exit_codes import SETUP
from meridian.cli.region_place import RegionPlace


@pytest.fixture
def place(tmp_path: Path) -> RegionPlace:
    folder = DevFolder(tmp_path, ["us-east-1"], grpc_port=free_port(), admin_port=free_port(), aws_port=free_port(), find_port=free_port)
    folder.prepare(None)
    folder.write_settings({})
    return folder.places[0]


def serve(place: RegionPlace, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "meridian", "serve", "--config", str(place.settings), "--allow-file-seal", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_a_server_makes_no_database_but_for_development(place: RegionPlace) -> None:
    text = place.settings.read_text()
    place.settings.write_text(text.replace("development = true", "development = false").replace("bearer_tokens = true", ""))
    code, said = serve(place, "--initialise")
    assert code == SETUP
    assert "a server makes no database" in said
    assert not (place.folder / "region.sqlite3").exists()


def test_what_keeps_it_from_being_made_is_told(place: RegionPlace) -> None:
    (place.folder / "seal").unlink()
    code, said = serve(place, "--initialise")
    assert code == SETUP
    assert "cannot initialise: seals: " in said
