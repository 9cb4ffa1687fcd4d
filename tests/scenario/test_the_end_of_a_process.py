"""SIGTERM: unready at once, served for the pause, then all listeners stop, that of the admin last; the audit stream is closed by then."""

from __future__ import annotations

import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from tests.aws import kms
from tests.deployment import HOME, Deployment

from meridian.cli.region_place import HOST

PAUSE = 2.0


@pytest.fixture
def pausing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A Region with a pause for balancers: `limits.drain_pause_seconds`."""
    deployment = Deployment(tmp_path_factory.mktemp("pausing"), [HOME]).prepare()
    settings = deployment.place(HOME).settings
    none = "limits.drain_pause_seconds = 0\n"
    assert none in settings.read_text()
    settings.write_text(settings.read_text().replace(none, f"limits.drain_pause_seconds = {PAUSE}\n"))
    with deployment.serving():
        yield deployment


def readiness(deployment: Deployment) -> int:
    """The status of `/readyz`; 0 where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{deployment.place(HOME).admin_port}/readyz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except OSError:
        return 0


def is_open(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except OSError:
        return False
    return True


def test_a_process_that_ends_is_unready_and_serves_for_the_pause(pausing: Deployment) -> None:
    process, place = pausing.processes[HOME], pausing.place(HOME)
    with pausing.client(HOME, "developer") as client:
        key_id = client.create_key().key_metadata.key_id
        assert readiness(pausing) == 200
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        pausing.wait_until(lambda: readiness(pausing) == 503, PAUSE / 2)
        client.encrypt(key_id=key_id, plaintext=b"x")
        kms(pausing).encrypt(KeyId=key_id, Plaintext=b"x")
        assert time.monotonic() < began + PAUSE, "the pause was over too soon for this test to say anything"
    while readiness(pausing):
        time.sleep(0.01)
    listening = [port for port in (place.grpc_port, place.aws_port, place.peer_port) if is_open(port)]
    assert listening == [], "the admin listener is the last"
    assert pausing.wait_dead(HOME) == 0
    assert time.monotonic() >= began + PAUSE
    assert pausing.audit(HOME)[-1]["eventName"] == "StreamClose"
