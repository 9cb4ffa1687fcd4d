"""`meridian dev`, as scripts use it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.deployment import free_ports

from meridian.cli.dev_files import HOST
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


def environment(data: Path) -> dict[str, str]:
    shell = subprocess.run(["sh", "-c", f". {data}/env; env"], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in shell.stdout.splitlines() if line.startswith("MERIDIAN_"))


@pytest.mark.timeout(120)
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
    finally:
        assert interrupt(process)[0] == 0


@pytest.mark.timeout(60)
def test_what_it_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    from meridian.cli.dev_files import DevFolder

    folder = DevFolder(tmp_path / "d", ["us-east-1"], grpc_port=1, admin_port=2, aws_port=None)
    folder.prepare(None)
    folder.write_settings({})
    private = [p for p in folder.root.rglob("*") if p.is_file() and "policies" not in p.parts]
    assert len(private) > 15
    assert [p for p in private if stat.S_IMODE(p.stat().st_mode) & 0o077] == []
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
