"""`meridian dev`, as scripts use it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.ports import free_port, free_ports

from meridian.cli.dev_folder import DevFolder
from meridian.cli.region_place import HOST
from meridian.client import Client, Endpoint

MERIDIAN = str(Path(sys.executable).parent / "meridian")


def start(data: Path, first: int, *more: str) -> subprocess.Popen[str]:
    command = [MERIDIAN, "dev", "--data", str(data), "--grpc-port", str(first), "--admin-port", str(first + 2), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready"):
            return process
    raise AssertionError(f"dev ended with {process.wait()}")


def interrupt(process: subprocess.Popen[str]) -> tuple[int, float]:
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    code = process.wait(timeout=15)
    return code, time.monotonic() - began


def open_to_others(folder: Path) -> list[Path]:
    """Everything in a folder that others than its owner may use."""
    return [p for p in (folder, *folder.rglob("*")) if not p.is_symlink() and stat.S_IMODE(p.stat().st_mode) & 0o077]


def environment(data: Path) -> dict[str, str]:
    shell = subprocess.run(["sh", "-c", f". {data}/env; env"], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in shell.stdout.splitlines() if line.startswith("MERIDIAN_"))


@pytest.mark.timeout(120)
@pytest.mark.deep
def test_it_serves_ends_at_ctrl_c_and_has_every_key_when_it_comes_back(tmp_path: Path) -> None:
    data, first = tmp_path / "data", free_ports(4)
    process = start(data, first)
    try:
        values = environment(data)
        assert values["MERIDIAN_ENDPOINT"] == f"{HOST}:{first}"
        assert values["MERIDIAN_ENDPOINT_EU_WEST_1"] == f"{HOST}:{first + 1}"
        with Client(Endpoint.from_environment(values)) as alice:
            key_id = alice.create_key(description="kept").key_metadata.key_id
    finally:
        code, seconds = interrupt(process)
    assert code == 0
    assert seconds < 10
    process = start(data, first)
    try:
        with Client(Endpoint.from_environment(environment(data))) as alice:
            assert alice.describe_key(key_id=key_id).key_metadata.description == "kept"
        done = subprocess.run(
            [MERIDIAN, "kms", "describe-key", "--key-id", key_id, "--field", "KeyMetadata.Description"],
            capture_output=True,
            text=True,
            env={**os.environ, **environment(data)},
            check=False,
            timeout=30,
        )
        assert (done.returncode, done.stdout) == (0, "kept\n")
        made = {path.name for path in data.rglob("*")}
        assert {"region.sqlite3", "region.sqlite3-wal", "log", "env", "pid"} <= made
        assert open_to_others(data) == []
        out = tmp_path / "key"
        out.write_text("open to all")
        out.chmod(0o666)
        generate = [
            MERIDIAN,
            "kms",
            "generate-data-key",
            "--key-id",
            key_id,
            "--key-spec",
            "AES_256",
            "--field",
            "Plaintext",
            "--out",
            str(out),
        ]
        app = {"MERIDIAN_CERTIFICATE": f"{data}/clients/developer.crt", "MERIDIAN_PRIVATE_KEY": f"{data}/clients/developer.key"}
        subprocess.run(generate, env={**os.environ, **environment(data), **app}, check=True, timeout=30)
        assert (out.stat().st_size, stat.S_IMODE(out.stat().st_mode)) == (32, 0o600)
        process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 20
        while "files are read again" not in (data / "us-east-1" / "log").read_text():
            assert time.monotonic() < until, "SIGHUP is passed on"
            time.sleep(0.1)
    finally:
        assert interrupt(process)[0] == 0


@pytest.mark.deep
@pytest.mark.timeout(120)
def test_the_ports_of_the_aws_wire_follow_the_option_and_are_kept(tmp_path: Path) -> None:
    first, aws = free_ports(4), free_ports(2)
    process = start(tmp_path / "d", first, "--aws-port", str(aws))
    try:
        text = (tmp_path / "d" / "env").read_text()
        assert f"AWS_ENDPOINT_URL_KMS='http://{HOST}:{aws}'" in text
        assert f"MERIDIAN_AWS_ENDPOINT_EU_WEST_1='http://{HOST}:{aws + 1}'" in text
        for port in (aws, aws + 1):
            with socket.create_connection((HOST, port), timeout=5):
                pass
    finally:
        assert interrupt(process)[0] == 0
    folder = DevFolder(tmp_path / "d", ["us-east-1", "eu-west-1"], grpc_port=1, admin_port=3, aws_port=None, find_port=free_port)
    assert [place.aws_port for place in folder.places] == [aws, aws + 1]
    free = DevFolder(tmp_path / "e", ["us-east-1"], grpc_port=1, admin_port=3, aws_port=None, find_port=free_port)
    assert free.places[0].aws_port not in (aws, 0)


@pytest.mark.timeout(60)
def test_what_it_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = DevFolder(tmp_path / "d", ["us-east-1"], grpc_port=1, admin_port=2, aws_port=None, find_port=free_port)
    folder.prepare(None)
    folder.write_settings({})
    private = [p for p in folder.root.rglob("*") if p.is_file()]
    assert len(private) > 25
    assert open_to_others(folder.root) == []
    before = {p: p.read_bytes() for p in private}
    folder.prepare(None)
    assert {p: p.read_bytes() for p in private} == before, "made once, kept"


@pytest.mark.timeout(60)
def test_a_setup_that_cannot_work_says_why_and_ends_with_its_code(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('region = "Mars"\nsurprise = 1\n')
    done = subprocess.run([MERIDIAN, "serve", "--config", str(settings)], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 3
    for fault in ("region", "surprise", "deployment", "database", "grpc"):
        assert fault in done.stderr, "every fault at once"


@pytest.mark.deep
@pytest.mark.timeout(90)
def test_a_region_refuses_to_start_on_a_hole(tmp_path: Path) -> None:
    from tests.deployment import HOME, Deployment

    deployment = Deployment(tmp_path / "d", [HOME]).prepare()
    place = deployment.place(HOME)
    command = [MERIDIAN, "serve", "--config", str(place.settings)]

    def attempt(*more: str) -> str:
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 3
        return done.stderr

    assert "--allow-file-seal" in attempt()
    seal, policy = place.folder / "seal", deployment.root / "policies" / "lockout.cedar"
    right = seal.read_bytes()
    seal.write_bytes(b"x" * 32)
    assert "does not open the root key" in attempt("--allow-file-seal")
    seal.chmod(0o644)
    assert "looser" in attempt("--allow-file-seal")
    seal.write_bytes(right)
    seal.chmod(0o600)
    text = policy.read_text()
    policy.write_text(text.replace("bypassPolicyLockoutSafetyCheck", "tpyo"))
    assert "tpyo" in attempt("--allow-file-seal")
    policy.write_text(text)
    settings = place.settings.read_text()
    place.settings.write_text(settings.replace('deployment = "development"', 'deployment = "another"'))
    assert "the database belongs to deployment development" in attempt("--allow-file-seal")
