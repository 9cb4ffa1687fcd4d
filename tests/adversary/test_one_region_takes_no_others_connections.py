"""One Region opens connections to the peer listener again and again, under its own certificate: the others still come in, and the
operators hear who it is."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.cli.region_place import HOST
from meridian.domain.peers import region_server_name
from meridian.kms.v1 import types_pb2 as t
from meridian.peer.v1 import replication_pb2 as wire
from meridian.peer.v1 import replication_pb2_grpc

HOSTILE = "ca-central-1"
CONNECTIONS = 60
HELD = 10
"""By each of the threads of the hostile Region."""
THREADS = 8
pytestmark = [pytest.mark.deep, pytest.mark.timeout(240)]


class Greedy:
    """Holds as many connections as it gets, and opens each again when it ends."""

    def __init__(self, deployment: Deployment) -> None:
        self._place, self._root = deployment.place(HOSTILE), deployment.root
        self._port = deployment.place(HOME).peer_port
        self._done = threading.Event()

    def _calling(self) -> None:
        """Connections that call, each of them twice a second."""
        credentials = grpc.ssl_channel_credentials(
            (self._root / "peer-ca.crt").read_bytes(),
            (self._place.folder / "peer.key").read_bytes(),
            (self._place.folder / "peer.crt").read_bytes(),
        )
        options = [("grpc.ssl_target_name_override", region_server_name(HOME)), ("grpc.use_local_subchannel_pool", 1)]
        with contextlib.ExitStack() as stack:
            channels = [stack.enter_context(grpc.secure_channel(f"{HOST}:{self._port}", credentials, options=options)) for _ in range(HELD)]
            while not self._done.wait(0.5):
                for channel in channels:
                    with contextlib.suppress(grpc.RpcError):
                        ask = replication_pb2_grpc.ReplicationServiceStub(channel).GetTransportOffer
                        ask(wire.GetTransportOfferRequest(), timeout=1)

    def _silent(self) -> None:
        """Connections that say who they are and call nothing."""
        context = ssl.create_default_context(cafile=str(self._root / "peer-ca.crt"))
        context.check_hostname = False
        context.load_cert_chain(str(self._place.folder / "peer.crt"), str(self._place.folder / "peer.key"))
        context.set_alpn_protocols(["h2"])
        held: list[ssl.SSLSocket] = []
        while not self._done.wait(0.05):
            for each in [each for each in held if _has_ended(each)]:
                each.close()
                held.remove(each)
            with contextlib.suppress(OSError):
                while len(held) < HELD:
                    held.append(context.wrap_socket(socket.create_connection((HOST, self._port), timeout=2)))
        for each in held:
            each.close()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=work) for work in [self._calling, self._silent] * (THREADS // 2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join(30)


def _has_ended(connection: ssl.SSLSocket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(65536) == b""
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True


def told_of(deployment: Deployment) -> set[str]:
    """Whose connections are told to have been closed."""
    return {r["serviceEventDetails"]["subject"] for r in deployment.audit(HOME) if r["eventName"] == "PeerConnectionClosed"}


def test_a_region_that_connects_again_and_again_keeps_no_other_out(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, [HOME, AWAY, HOSTILE]).prepare()
    settings = deployment.place(HOME).settings
    settings.write_text(settings.read_text().replace("[peer]", f"[peer]\nconnections = {CONNECTIONS}"))
    try:
        deployment.start()
        with deployment.client() as alice:
            key_id = alice.create_key(multi_region=True).key_metadata.key_id
            alice.replicate_key(key_id=key_id, replica_region=AWAY)
        deployment.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
        deployment.stop(HOSTILE)
        deployment.stop(AWAY)
        with Greedy(deployment).at_work():
            deployment.wait_until(lambda: _closed(deployment) > CONNECTIONS, seconds=60)
            deployment.start(AWAY)
            with deployment.client() as alice:
                before = alice.describe_key(key_id=key_id).key_metadata.current_key_material_id
                alice.rotate_key_on_demand(key_id=key_id)

                def is_rotated() -> bool:
                    return bool(alice.describe_key(key_id=key_id).key_metadata.current_key_material_id != before)

                deployment.wait_until(is_rotated, seconds=60)  # for this AWAY calls HOME
            deployment.wait_until(lambda: HOSTILE in told_of(deployment), seconds=60)
        assert AWAY not in told_of(deployment)
    finally:
        deployment.stop_all()


def _closed(deployment: Deployment) -> float:
    return deployment.metrics(HOME).get('meridian_security_events_total{event="PeerConnectionClosed"}', 0.0)
