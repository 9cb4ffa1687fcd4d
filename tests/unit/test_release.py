"""The release that a Region tells is that of the project."""

from __future__ import annotations

import tomllib
from pathlib import Path

from meridian.release import RELEASE

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_the_code_and_the_project_have_one_release() -> None:
    assert tomllib.loads(PROJECT.read_text())["project"]["version"] == RELEASE
