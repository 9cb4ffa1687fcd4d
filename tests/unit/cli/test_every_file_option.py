"""Every option of every command that names a file or a folder, against every ordinary mistake: one plain sentence that names it, never a
traceback, and before anything is done."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tests.ports import free_port

from meridian.cli.dev_folder import DevFolder
from meridian.cli.exit_codes import INCOMPLETE, OTHER, SETUP, USAGE
from meridian.cli.main import main
from meridian.cli.values import FILE, JSON, TEXT
from meridian.contract.catalog import is_secret, rpcs
from meridian.contract.fields import descriptor_of

pytestmark = pytest.mark.thorough

WRITTEN = {"out", "socket", "svg", "junit", "target", "to"}
"""Parameters that name what is written."""
MADE = {("dev", "data"), ("svid", "folder")}
"""Folders that are made where there is none: what stands in their place is a mistake."""
ENDS = (USAGE, SETUP)
FINDING: dict[tuple[str, ...], tuple[int, ...]] = {
    ("audit", "verify"): (OTHER, INCOMPLETE),
    ("policy", "validate"): (OTHER,),
    ("policy", "import-aws"): (OTHER,),
}
"""Commands that judge the file that they are given: what is wrong with it may be their finding."""
FIELDS = [field for rpc in rpcs().values() for field in descriptor_of(rpc.request_class).fields]
CEDAR_FOR_THE_REGION = ("policy", "try")
"""Any text may be tried: the Region says what is wrong with it, and where."""
TEXTS = {"policy", *(field.name for field in FIELDS if is_secret(field) and field.type != field.TYPE_BYTES)}
BYTES = {field.name for field in FIELDS if field.type == field.TYPE_BYTES}
GARBAGE = "{[ this is : no\n such ] file \x01\n"
NOT_UTF8 = b"\xff\xfe\x00 \xe9\n"


@dataclass(frozen=True, slots=True)
class World:
    """Sound files, so that one thing at a time is wrong."""

    root: Path
    settings: Path
    mistakes: dict[str, Path]
    outputs: dict[str, Path]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("world")
    folder = DevFolder(root / "dev", ["us-east-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port)
    folder.prepare(None)
    folder.write_settings({})
    (root / "a-folder").mkdir()
    (root / "suite.yaml").write_text("principals: {ann: {}}\ninvariants: [{name: none, never: allow, where: 'false'}]\n")
    (root / "garbage").write_text(GARBAGE)
    (root / "not-utf8").write_bytes(NOT_UTF8)
    mistakes = {"absent": root / "absent", "a folder": root / "a-folder", "garbage": root / "garbage", "not UTF-8": root / "not-utf8"}
    for what in ("garbage", "not-utf8", "a-folder"):
        holder = root / f"folder-of-{what}"
        holder.mkdir()
        for ending in ("cedar", "yaml", "jsonl", "digest"):
            if (root / what).is_dir():
                (holder / f"x.{ending}").mkdir()
            else:
                (holder / f"x.{ending}").write_bytes((root / what).read_bytes())
        mistakes[f"a folder of {what}"] = holder
    outputs = {"a folder": root / "a-folder", "below a file": root / "garbage" / "x", "far below a file": root / "garbage" / "x" / "y"}
    outputs |= {"where no file can be": Path("/proc/x"), "in a folder that is absent": root / "absent" / "x"}
    return World(root, folder.places[0].settings, mistakes, outputs)


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(group, click.Group):
        yield path, group
        return
    for name in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), name)
        assert found is not None
        yield from commands(found, (*path, name))


def names_a_file(parameter: click.Parameter) -> bool:
    metavar = getattr(parameter, "metavar", None)
    return isinstance(parameter.type, click.Path) or metavar in (FILE, TEXT, JSON)


def sound_value(path: tuple[str, ...], parameter: click.Parameter, world: World) -> str | None:
    """What a parameter is given while another one is wrong; None leaves it out."""
    clients = world.root / "dev" / "clients"
    known = {
        "ca": str(world.root / "dev" / "client-ca.crt"),
        "certificate": str(clients / "alice.crt"),
        "private_key": str(clients / "alice.key"),
        "endpoint": "127.0.0.1:1",
        "endpoints": "127.0.0.1:1",
        "key": "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "api": f"unix://{world.root}/agent.sock",
        "socket": str(world.root / "kms.sock"),
        "source": str(world.settings),
        "target": str(world.root / "target"),
        "config": str(world.settings),
        "key_arn": "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "document": str(world.settings),
        "tests": str(world.root / "suite.yaml"),
        "fixtures": str(world.root / "suite.yaml"),
        "old": str(world.root / "dev" / "policies"),
        "new": str(world.root / "dev" / "policies"),
        "allow": "encrypt",
        "prefix": "/store",
    }
    if parameter.name in known:
        return known[str(parameter.name)]
    if path[0] == "policy" and parameter.name == "policies" and parameter.required:
        return str(world.root / "dev" / "policies")
    if path == ("dev",) and parameter.name == "data":
        return str(world.root / "kept")
    if path == ("policy", "replay") and parameter.name == "log":
        return str(world.root / "a-folder")
    return "us-east-1" if parameter.required else None


def invoke(world: World, path: tuple[str, ...], wrong: str, value: str) -> Result:
    command: click.Command = main
    arguments: list[str] = []
    for name in path:
        assert isinstance(command, click.Group)
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.required:
                arguments += [parameter.opts[0], "arn:aws:iam::111122223333:user/bob"]
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
        arguments.append(name)
    positional: list[str] = []
    for parameter in command.params:
        given = value if parameter.name == wrong else sound_value(path, parameter, world)
        if parameter.name == wrong and getattr(parameter, "metavar", None) in (TEXT, JSON):
            given = f"@{value}"
        if given is None:
            continue
        if isinstance(parameter, click.Argument):
            positional.append(given)
        else:
            arguments += [parameter.opts[0], given]
    if path == ("audit", "verify") and wrong == "config":
        arguments.append("--against-db")
    if path == ("audit", "verify") and wrong != "config":
        at = arguments.index("--config")
        del arguments[at : at + 2]
        positional = positional or [str(world.root / "a-folder")]
    if path == ("policy", "explain"):
        if wrong == "audit":
            arguments += ["--event", "1"]
        elif wrong != "file":
            arguments += ["--principal", "User:111122223333/alice", "--action", "Decrypt"]
    runner = CliRunner(env={name: None for name in os.environ if name.startswith("MERIDIAN_")})
    return runner.invoke(main, [*arguments, "--", *positional], catch_exceptions=True)


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """`serve` ignores SIGHUP from its first line on."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(autouse=True)
def _no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be sent to a Region before every file is looked at."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a Region is called although a file is wrong")

    monkeypatch.setattr("grpc.secure_channel", refuse)


def mistakes_of(path: tuple[str, ...], parameter: click.Parameter, world: World) -> dict[str, Path]:
    """What can be wrong with what this parameter names."""
    if parameter.name in WRITTEN:
        return world.outputs
    if (*path, parameter.name) in MADE:
        return {name: world.mistakes[name] for name in ("garbage", "not UTF-8")}
    if parameter.name in BYTES or (path[0] == "envelope" and parameter.name == "source"):
        return {name: world.mistakes[name] for name in ("absent", "a folder")}
    if parameter.name in TEXTS or path == CEDAR_FOR_THE_REGION:
        return {name: world.mistakes[name] for name in ("absent", "a folder", "not UTF-8")}
    return world.mistakes


@pytest.mark.parametrize("path", [path for path, _ in commands(main)], ids=" ".join)
def test_a_mistake_in_a_file_is_told_in_plain_words(world: World, path: tuple[str, ...]) -> None:
    (command,) = [command for found, command in commands(main) if found == path]
    wrong = []
    for parameter in filter(names_a_file, command.params):
        for mistake, value in mistakes_of(path, parameter, world).items():
            done = invoke(world, path, str(parameter.name), str(value))
            option = f"--{str(parameter.name).replace('_', '-')}"
            caught = done.exception is None or isinstance(done.exception, SystemExit)
            said = done.output.replace("\n", "")
            named = str(value) in said or option in said or (value.is_dir() and "x.cedar" in said)
            if not caught or "Traceback" in done.output or not named or done.exit_code not in (*ENDS, *FINDING.get(path, ())):
                wrong.append(f"{option} {mistake}: {done.exit_code} {done.output[-300:]!r} {done.exception!r}")
    assert wrong == []


def test_the_walk_finds_the_options() -> None:
    found = {(path, p.name) for path, command in commands(main) for p in filter(names_a_file, command.params)}
    assert {
        (("serve",), "config"), (("dev",), "principals"), (("kms", "encrypt"), "plaintext"), (("kms", "put-key-policy"), "policy"),
        (("policy", "check-access", "sign"), "ca"), (("policy", "explain"), "key_policy"), (("envelope", "decrypt"), "target"),
    } <= found  # fmt: skip


@pytest.mark.parametrize("limit", ["99999999999", "-99999999999", "many"])
def test_a_number_that_no_request_can_hold_is_refused_by_name(limit: str) -> None:
    done = CliRunner().invoke(main, ["kms", "list-keys", "--limit", limit])
    assert done.exit_code == USAGE
    assert "--limit" in done.output
