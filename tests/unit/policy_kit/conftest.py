"""What the tests of the policy kit share: folders of policies and tests, and the command as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meridian.cli.main import main

GUARD = '@id("no-london") @layer("guardrail") @reason("not to London") forbid (principal, action == KMS::Action::"ReplicateKey", resource) '
PERMIT = '@id("team") @layer("account") @reason("the team works") permit (principal in KMS::Group::"111122223333/team", action, '
PERMIT += 'resource in KMS::Account::"111122223333");\n'
TESTS = """
region: us-east-1
regionLabels: {us-east-1: [US], eu-west-2: [GB]}
principals:
  ann: {groups: [team]}
  eve: {}
keys:
  single: {}
  primary: {multiRegion: true}
"""


@pytest.fixture
def policies(tmp_path: Path) -> Callable[..., Path]:
    """A folder with these policies, one file."""

    def write(text: str, folder: str = "policies") -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "p.cedar").write_text(text)
        return tmp_path / folder

    return write


@pytest.fixture
def tests_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "t.yaml"
        path.write_text(TESTS + text)
        return path

    return write


@pytest.fixture
def policy() -> Callable[..., Result]:
    """`meridian policy …`, in this process; nothing of it needs a server."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(main, ["policy", *map(str, arguments)])

    return run


@pytest.fixture
def policy_json(policy: Callable[..., Result]) -> Callable[..., Any]:
    def run(*arguments: str | Path) -> Any:
        return json.loads(policy(*arguments, "-o", "json").stdout)

    return run
