"""`meridian svid` beside a real Workload API: its files are what a Region reads, each rotation is followed, and what goes wrong is told."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from tests.workload_api_server import SPIFFE_ID, WorkloadApi, new_svid, workload_api

from meridian.cli.exit_codes import OK, SETUP, UNAVAILABLE, USAGE
from meridian.crypto.certificates import new_authority
from meridian.transport.tls_files import TlsFiles, TlsPaths, read_tls
from meridian.workload_api.v1 import workload_pb2

SECONDS = 30.0


@pytest.fixture
def api(tmp_path: Path) -> Iterator[WorkloadApi]:
    with workload_api(tmp_path) as made:
        yield made


def command(api: WorkloadApi, folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "meridian", "svid", "--socket", api.socket, "--to", str(folder), *words]


def run(api: WorkloadApi, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(api, folder, *words), capture_output=True, text=True, timeout=60, check=False)


def as_a_region_reads(folder: Path) -> TlsFiles:
    return read_tls(TlsPaths(folder / "svid.pem", folder / "svid.key", folder / "bundle.pem"), datetime.now(UTC))


def test_its_files_are_what_a_region_reads(api: WorkloadApi, tmp_path: Path) -> None:
    other = new_svid(api.authority, "spiffe://example.internal/other")
    api.say(other, new_svid(api.authority))
    done = run(api, tmp_path / "svid", "--once", "--spiffe-id", SPIFFE_ID)
    assert done.returncode == OK, done.stderr
    assert done.stdout.startswith(f"{SPIFFE_ID} until 20")
    assert as_a_region_reads(tmp_path / "svid").client_ca == api.authority.certificate
    files = list((tmp_path / "svid").iterdir())
    assert sorted(path.name for path in files) == ["bundle.pem", "svid.key", "svid.pem"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_each_rotation_is_followed_until_the_end_is_asked_for(api: WorkloadApi, tmp_path: Path) -> None:
    folder = tmp_path / "svid"
    api.say(new_svid(api.authority))
    process = subprocess.Popen(command(api, folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith(SPIFFE_ID)
        first = as_a_region_reads(folder)
        api.say(workload_pb2.X509SVID(spiffe_id=SPIFFE_ID))
        api.authority = new_authority("the next one", datetime.now(UTC))
        api.say(new_svid(api.authority))
        assert process.stdout.readline().startswith(SPIFFE_ID)
        second = as_a_region_reads(folder)
        assert second.digest != first.digest
        assert second.client_ca == api.authority.certificate
        api.end_streams()
        until = time.monotonic() + SECONDS
        while api.calls < 3 and time.monotonic() < until:
            time.sleep(0.05)
        assert api.calls >= 3, "after what it could not use, and after the end of the stream, it asks again"
    finally:
        process.terminate()
        _, told = process.communicate(timeout=SECONDS)
    assert process.returncode == OK
    assert "it tells no certificate; what was written stays" in told
    assert "Traceback" not in told


def test_what_cannot_be_had_is_told_once_and_waited_for(api: WorkloadApi, tmp_path: Path) -> None:
    api.refusal = grpc.StatusCode.PERMISSION_DENIED
    done = run(api, tmp_path / "svid", "--once", "--wait", "2")
    assert done.returncode == UNAVAILABLE
    assert done.stderr.count("PERMISSION_DENIED: no identity issued") == 1
    assert api.calls > 1
    assert list((tmp_path / "svid").iterdir()) == []


def test_a_folder_that_cannot_be_written_into_is_told_before_anything_is_asked(api: WorkloadApi, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(api, tmp_path / "file" / "below")
    assert done.returncode == SETUP
    assert done.stderr.startswith(f"--to: {tmp_path}/file/below: ")
    assert api.calls == 0


def test_a_socket_of_elsewhere_is_refused(tmp_path: Path, api: WorkloadApi) -> None:
    api.socket = "tcp://10.0.0.1:8081"
    done = run(api, tmp_path / "svid")
    assert done.returncode == USAGE
    assert "unix:///path" in done.stderr
