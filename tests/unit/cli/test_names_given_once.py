"""A name that a command line gives twice is refused: the first value would be lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from meridian.cli import values
from meridian.cli.exit_codes import USAGE
from meridian.cli.main import main
from meridian.contract.catalog import is_map, message_of, rpcs
from meridian.contract.fields import descriptor_of

PAIRS = [
    (rpc.method_name.replace("_", "-"), values.option_name(field))
    for rpc in rpcs().values()
    for field in descriptor_of(rpc.request_class).fields
    if is_map(field) or (field.type == field.TYPE_MESSAGE and message_of(field).name == "Tag")
]


@pytest.mark.parametrize(("command", "option"), PAIRS)
def test_of_a_request(command: str, option: str) -> None:
    done = CliRunner().invoke(main, ["kms", command, option, "a=1", option, "a=2"])
    assert done.exit_code == USAGE
    assert f"{option}: 'a' is given more than once" in done.output


@pytest.mark.parametrize("command", ["encrypt", "decrypt"])
def test_of_an_envelope(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    key = ["--key-id", "alias/a"] if command == "encrypt" else []
    twice = ["--encryption-context", "a=1", "--encryption-context", "a=2"]
    done = CliRunner().invoke(main, ["envelope", command, *key, *twice, str(tmp_path / "file"), str(tmp_path / "target")])
    assert done.exit_code == USAGE
    assert "--encryption-context: a name is given more than once" in done.output
