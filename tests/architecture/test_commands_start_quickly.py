"""A command imports what it needs and no more: what slows a start is a module, so modules are counted, not seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from meridian.cli.lazy_group import LazyGroup
from meridian.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
SERVER: Final = frozenset(
    {"alembic", "argon2", "botocore", "grpc", "grpc_health", "grpc_reflection", "opentelemetry", "prometheus_client", "pydantic"}
) | {"meridian.bootstrap", "meridian.operations", "meridian.transport", "sqlalchemy", "structlog", "uvloop"}
"""What serves, or reads the settings of what serves."""
POLICIES: Final = frozenset({"cedarpy", "meridian.authorization", "yaml"})
DRAWN: Final = frozenset({"rich"})
CONTRACT: Final = frozenset({"google.protobuf", "meridian.contract.catalog"})
REPLICATION: Final = frozenset({"meridian.domain.ciphertext_blob", "meridian.domain.multi_region", "meridian.domain.peer_message"})
"""Values of calls and of what Regions tell each other; a policy command meets neither."""

RUNS: Final = {
    ("--version",): SERVER | POLICIES | DRAWN | CONTRACT,
    ("--help",): SERVER | POLICIES | DRAWN | CONTRACT,
    ("kms", "--help"): SERVER | POLICIES | DRAWN,
    ("kms", "encrypt", "--help"): SERVER | POLICIES | DRAWN,
    ("policy", "--help"): SERVER | POLICIES | DRAWN | CONTRACT,
    ("policy", "validate", "policy/policies"): SERVER | DRAWN | REPLICATION,
    ("policy", "fmt", "--check", "policy/policies"): SERVER | DRAWN | REPLICATION,
    ("policy", "test", "policy/tests/conditions.yaml", "--policies", "policy/tests/library"): SERVER,
    ("policy", "explain", "--principal", "User:111122223333/alice", "--action", "Encrypt"): SERVER | DRAWN | REPLICATION,
    ("policy", "import-aws", "--help"): SERVER | DRAWN,
    ("audit", "verify", "docs"): SERVER | POLICIES,
}
"""THE table of runs without a Region, and what each of them does not import."""
CODE: Final = "import sys\nfrom meridian.cli.main import main\ntry:\n main(sys.argv[1:])\nfinally:\n print(*sys.modules, file=sys.stderr)"

HELPS: Final = """
import contextlib, io, json, sys
from meridian.cli.main import main
for line in sys.stdin:
    output = io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(output):
        main(line.split(), prog_name="meridian")
    print(json.dumps([line.strip(), output.getvalue(), list(sys.modules)]))
"""


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, LazyGroup):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            yield from commands(inner, (*path, name))


def imported_by(*arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", RUNS, ids=" ".join)
def test_a_command_imports_nothing_that_it_does_not_need(arguments: tuple[str, ...]) -> None:
    modules = imported_by(*arguments)
    assert "meridian.cli.main" in modules
    assert RUNS[arguments] & modules == set()


def test_a_region_waits_at_its_start_for_nothing_that_few_regions_need() -> None:
    """Each is loaded where the settings ask for it, or with its first use."""
    code = "import sys, meridian.cli.serving, meridian.bootstrap.region; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    modules = set(done.stdout.split())
    assert "meridian.bootstrap.region" in modules
    assert modules & {"aiohttp", "alembic", "asyncpg", "boto3", "opentelemetry", "pkcs11", "pyvoy"} == set()


def test_help_of_every_command_imports_no_server() -> None:
    """All of them one after the other in one process; the first that imports something is the one that is named."""
    lines = "".join(f"{' '.join(path)} --help\n" for path, _ in commands(main, ()) if path)
    done = subprocess.run([sys.executable, "-c", HELPS], input=lines, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line for line, _, _ in told] == lines.splitlines()
    assert all(output.startswith("Usage: ") for _, output, _ in told)
    assert {line: SERVER & set(modules) for line, _, modules in told if SERVER & set(modules)} == {}


def test_every_command_stands_in_the_list_in_one_line() -> None:
    for _, command in commands(main, ()):
        if isinstance(command, LazyGroup):
            context = click.Context(command, max_content_width=80, terminal_width=80)
            printed = command.get_help(context).split("Commands:")[1].split("\n\n")[0].strip().splitlines()
            assert [line.split()[0] for line in printed] == command.list_commands(context)
            assert all(line.endswith(".") and "..." not in line for line in printed)
