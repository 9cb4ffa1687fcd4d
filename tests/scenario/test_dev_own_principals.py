"""`meridian dev` with the operator's own principals and policies, and with its end asked for too early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.ports import free_ports

MERIDIAN = str(Path(sys.executable).parent / "meridian")
REGION = "us-east-1"
ACCOUNT = "999988887777"
PRINCIPALS = f'[[principals]]\nkind = "User"\naccount = "{ACCOUNT}"\nname = "zoe"\nspiffe_id = "spiffe://tests/zoe"\n'
READ_ONLY = f"""
@id("account.{ACCOUNT}.readers")
@layer("account")
@reason("everybody looks")
permit (principal, action in KMS::Action::"Read", resource in KMS::Account::"{ACCOUNT}")
when {{ principal.account == "{ACCOUNT}" }};
"""


def dev(data: Path, *more: str) -> subprocess.Popen[str]:
    first = free_ports(2)
    command = [MERIDIAN, "dev", "--data", str(data), "--regions", REGION, "--grpc-port", str(first), "--admin-port", str(first + 1), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def await_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    if not any(line.startswith("ready") for line in process.stdout):
        raise AssertionError(process.stderr.read())


def create_key(data: Path) -> subprocess.CompletedProcess[str]:
    script = f". {data}/env; {MERIDIAN} kms create-key --field KeyMetadata.AWSAccountId"
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=60, env=dict(os.environ))


def end(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(timeout=20)


@pytest.mark.timeout(180)
@pytest.mark.deep
def test_a_principal_of_a_new_account_works_and_own_policies_are_followed(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(PRINCIPALS)
    own = tmp_path / "own"
    own.mkdir()
    data = tmp_path / "d"
    process = dev(data, "--principals", str(tmp_path / "p.toml"))
    try:
        await_ready(process)
        done = create_key(data)
        assert (done.returncode, done.stdout) == (0, f"{ACCOUNT}\n"), done.stderr
    finally:
        assert end(process) == 0
    for path in (data / "policies").glob("[b-z]*.cedar"):
        (own / path.name).write_text(path.read_text())
    (own / "readers.cedar").write_text(READ_ONLY)
    process = dev(data, "--policies", str(own))
    try:
        await_ready(process)
        assert create_key(data).returncode == 4
    finally:
        assert end(process) == 0
    assert f"account-{ACCOUNT}.cedar" not in {path.name for path in own.iterdir()}


@pytest.mark.timeout(60)
def test_the_end_that_is_asked_for_while_regions_start_comes_without_a_traceback(tmp_path: Path) -> None:
    data = tmp_path / "d"
    process = dev(data)
    until = time.monotonic() + 30
    while not (data / REGION / "region.sqlite3").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert (out, err) == ("", "ended before every Region was ready\n")


@pytest.mark.timeout(30)
def test_a_folder_of_policies_that_is_not_there_is_named(tmp_path: Path) -> None:
    _, err = dev(tmp_path / "d", "--policies", str(tmp_path / "nope")).communicate(timeout=20)
    assert f"--policies': Directory '{tmp_path}/nope' does not exist" in err
