"""Options that every command has which calls a Region, and those of `meridian dev` and `meridian envelope`."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment
from tests.ports import free_ports
from tests.scenario.test_dev_command import MERIDIAN

from meridian.cli.main import main  # noqa: F401 - the command must import


def run(*arguments: str | Path, code: int = 0) -> bytes:
    done = subprocess.run([sys.executable, "-m", "meridian", *map(str, arguments)], capture_output=True, check=False, timeout=60, env={})
    assert done.returncode == code, done.stderr.decode()
    return done.stdout


def connection(deployment: Deployment, caller: str = "developer") -> dict[str, str]:
    endpoint = deployment.endpoint(HOME, caller)
    return {
        "--endpoint": endpoint.target,
        "--ca": str(endpoint.ca),
        "--certificate": str(endpoint.certificate),
        "--private-key": str(endpoint.private_key),
    }


def flat(options: dict[str, str]) -> list[str]:
    return [each for pair in options.items() for each in pair]


@pytest.fixture
def key_id(two_regions: Deployment) -> str:
    with two_regions.client(HOME, "developer") as developer:
        return str(developer.create_key().key_metadata.key_id)


def test_each_part_of_a_connection_is_needed_and_used(two_regions: Deployment, tmp_path: Path) -> None:
    """--endpoint, --ca, --certificate, --private-key, --token-file and --profile."""
    options = connection(two_regions)
    assert json.loads(run("kms", "list-keys", *flat(options)))["Keys"] is not None
    for left_out in options:
        run("kms", "list-keys", *flat({name: value for name, value in options.items() if name != left_out}), code=3)
    (tmp_path / "meridian").mkdir()
    names = {"--endpoint": "endpoint", "--ca": "ca", "--certificate": "certificate", "--private-key": "private_key"}
    profile = "\n".join(f'{names[option]} = "{value}"' for option, value in options.items())
    (tmp_path / "meridian" / "profiles.toml").write_text(f"[trial]\n{profile}\n")
    command = [sys.executable, "-m", "meridian", "kms", "list-keys", "--profile"]
    for name, code in (("trial", 0), ("tril", 3)):
        done = subprocess.run(
            [*command, name], capture_output=True, text=True, timeout=60, env={"XDG_CONFIG_HOME": str(tmp_path)}, check=False
        )
        assert done.returncode == code, done.stderr
    assert "trial" in done.stderr, "what may have been meant"
    token = two_regions.root / "clients" / "developer.token"
    run("kms", "list-keys", *flat(connection(two_regions, "transport")), code=4)
    run("kms", "list-keys", *flat({**connection(two_regions, "transport"), "--token-file": str(token)}))


def test_each_form_of_an_answer(two_regions: Deployment, key_id: str, tmp_path: Path) -> None:
    """--output, --query, --field, --out, --base64, --timeout and --debug."""
    options = flat(connection(two_regions))
    describe = ["kms", "describe-key", "--key-id", key_id, *options]
    assert json.loads(run(*describe, "--output", "json"))["KeyMetadata"]["KeyId"] == key_id
    assert b"KeyMetadata.KeyId" in run(*describe, "--output", "table")
    assert run(*describe, "--field", "KeyMetadata.KeyId") == f"{key_id}\n".encode()
    random = ["kms", "generate-random", "--number-of-bytes", "9", "--field", "Plaintext", *options]
    assert len(run(*random)) == 9
    assert len(base64.b64decode(run(*random, "--base64"))) == 9
    assert run(*random, "--out", tmp_path / "out") == b""
    assert len((tmp_path / "out").read_bytes()) == 9
    assert run(*describe, "--query", "KeyMetadata.KeyId", "--output", "text") == f"{key_id}\n".encode()
    (tmp_path / "secret").write_bytes(b"canary-of-debug")
    encrypt = ["kms", "encrypt", "--key-id", key_id, "--plaintext", str(tmp_path / "secret"), "--debug", *options]
    debug = subprocess.run([sys.executable, "-m", "meridian", *encrypt], capture_output=True, text=True, check=True, timeout=60).stderr
    assert [line.split()[1] for line in debug.splitlines()] == ["Encrypt", "sends", "was"]
    assert '"Plaintext": "(15 bytes)"' in debug
    assert "canary" not in debug.replace(str(tmp_path), "")
    assert run(*describe, "--timeout", "20")
    run(*describe, "--timeout", "0.000001", code=8)


def test_a_file_opens_under_its_key_and_context_alone(two_regions: Deployment, key_id: str, tmp_path: Path) -> None:
    """`meridian envelope` with --key-id and --encryption-context."""
    options = flat(connection(two_regions))
    source, sealed, opened = tmp_path / "source", tmp_path / "sealed", tmp_path / "opened"
    source.write_bytes(b"of value")
    run("envelope", "encrypt", source, sealed, "--key-id", key_id, "--encryption-context", "a=b", *options)
    run("envelope", "decrypt", sealed, opened, "--encryption-context", "a=b", *options)
    assert (opened.read_bytes(), opened.stat().st_mode & 0o777) == (b"of value", 0o600)
    opened.unlink()
    run("envelope", "decrypt", sealed, opened, "--encryption-context", "a=c", *options, code=1)
    assert not opened.exists()


def test_deliveries_are_listed_in_both_forms(two_regions: Deployment) -> None:
    """`meridian outbox list` with --output."""
    settings = two_regions.place(HOME).settings
    assert isinstance(json.loads(run("outbox", "list", "--config", settings, "--output", "json")), list)
    assert b"target_region" in run("outbox", "list", "--config", settings, "--output", "table")


def test_an_audit_log_is_judged_in_both_forms(two_regions: Deployment) -> None:
    """`meridian audit verify` with --output."""
    folder = two_regions.place(HOME).folder / "audit"
    (two_regions.root / "copy").mkdir(exist_ok=True)
    for path in folder.glob("*.jsonl*"):
        (two_regions.root / "copy" / path.name).write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "meridian", "audit", "verify", str(two_regions.root / "copy")]
    shown = subprocess.run([*command, "--output", "json"], capture_output=True, check=False, timeout=60).stdout
    assert "verdict" in json.loads(shown)
    table = subprocess.run([*command, "--output", "table"], capture_output=True, check=False, timeout=60).stdout
    assert b"directory" in table
    assert b"{" not in table


@pytest.mark.timeout(120)
def test_dev_runs_the_regions_and_principals_it_is_given_and_keeps_nothing(tmp_path: Path) -> None:
    """`meridian dev` with --regions, --principals and --ephemeral."""
    principals = tmp_path / "principals.toml"
    principals.write_text('[[principals]]\nkind = "User"\naccount = "111122223333"\nname = "zoe"\nspiffe_id = "spiffe://dev/zoe"\n')
    first = free_ports(3)
    command = [MERIDIAN, "dev", "--ephemeral", "--regions", "eu-central-1", "--principals", str(principals)]
    command += ["--grpc-port", str(first), "--admin-port", str(first + 1), "--aws-port", str(first + 2)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("ready"):
            break
    root = Path(next(line for line in lines if line.startswith("source ")).removeprefix("source ").strip()).parent
    try:
        assert {path.name for path in root.iterdir() if (path / "settings.toml").exists()} == {"eu-central-1"}
        assert (root / "clients" / "zoe.crt").exists()
        assert not (root / "clients" / "alice.crt").exists()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    assert not root.exists()


def test_a_change_is_repeated_under_its_token(two_regions: Deployment) -> None:
    """--client-token; without one, each change is another."""
    create = ["kms", "create-key", "--field", "KeyMetadata.KeyId", *flat(connection(two_regions))]
    first = run(*create, "--client-token", "from-the-command-line")
    assert run(*create, "--client-token", "from-the-command-line") == first
    assert run(*create) not in (first, run(*create))
    run("kms", "list-keys", "--client-token", "x", *flat(connection(two_regions)), code=2)
