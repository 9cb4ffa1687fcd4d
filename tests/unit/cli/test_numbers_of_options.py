"""Numbers and addresses that options take: what cannot be meant is refused by the option's name, before anything is done."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests.unit.cli.test_every_file_option import commands

from meridian.cli.exit_codes import USAGE
from meridian.cli.main import main
from meridian.cli.numbers import FiniteRange
from meridian.client import Endpoint
from meridian.client.attempts import Attempts
from meridian.client.methods import ENCRYPT
from meridian.client.retry_budget import RetryBudget


def test_every_number_has_a_range() -> None:
    numbers = (click.types.IntParamType, click.types.FloatParamType)
    found = [((*path, p.name), p.type) for path, command in commands(main) for p in command.params if isinstance(p.type, numbers)]
    assert len(found) > 50
    ranges = {name: kind for name, kind in found if isinstance(kind, click.IntRange | FiniteRange)}
    assert [name for name, _ in found if name not in ranges] == []
    assert [name for name, kind in ranges.items() if kind.min is None or kind.max is None] == []


REFUSED = [
    *[(["kms", "list-keys", "--timeout", value], "--timeout") for value in ("nan", "inf", "-inf", "1e300", "-1", "0", "0.0")],
    *[(["policy", "coverage", "--fail-under", value], "--fail-under") for value in ("200", "-1", "nan")],
    *[(["region", "takeover", "eu-west-1", "--wait", value], "--wait") for value in ("nan", "inf", "-1", "1e9")],
    *[(["dev", "--ephemeral", f"--{kind}-port", value], f"--{kind}-port") for kind in ("grpc", "aws", "admin") for value in ("0", "70000")],
    (["dev", "--ephemeral", "--grpc-port", "65535"], "--grpc-port"),
    (["dev", "--ephemeral", "--admin-port", "7402"], "7402 is taken by --"),
    (["dev", "--ephemeral", "--aws-port", "7400"], "7401 is taken by --"),
    *[
        ([*command, "--endpoint", value], "--endpoint")
        for command in (["kms", "list-keys"], ["policy", "describe-set"], ["envelope", "encrypt", "a", "b", "--key-id", "k"])
        for value in ("localhost:86656", "localhost:0", "localhost", ":7401", "https://localhost:7401", "::1:7401", "localhost:7401x")
    ],
]


@pytest.mark.parametrize(("arguments", "named"), REFUSED, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_cannot_be_meant_is_refused_by_name(arguments: list[str], named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meridian.cli.dev_deployment.run_deployment", lambda *_, **__: 99)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == USAGE, done.output
    assert named in done.output


@pytest.mark.parametrize("target", ["localhost:7401", "[::1]:65535", "kms.example:1", "dns:///kms.example:7401", "unix:/run/kms"])
def test_an_address_that_can_be_meant(target: str) -> None:
    assert Endpoint(target, Path(), Path(), Path()).target == target


@pytest.mark.parametrize("target", ["localhost:86656", "127.0.0.1:65536", "localhost:-1", "localhost:", "x"])
def test_the_library_takes_no_other_port_for_the_one_that_is_named(target: str) -> None:
    with pytest.raises(ValueError, match="is no host:port"):
        Endpoint(target, Path(), Path(), Path())


@pytest.mark.parametrize("seconds", [0, 0.0, -1, float("nan"), float("inf"), 1e300])
def test_the_library_waits_for_some_time_and_not_for_ever(seconds: float) -> None:
    endpoint = Endpoint("localhost:1", Path(), Path(), Path())
    with pytest.raises(ValueError, match="timeout: must be seconds, more than 0 and 86,400 at most"):
        Attempts(endpoint, RetryBudget(), ENCRYPT, seconds, None, None)
