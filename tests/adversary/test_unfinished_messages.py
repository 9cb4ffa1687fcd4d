"""A caller who begins many messages and ends none of them: memory stays, others are served, and so is he when he calls as one does."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.adversary.raw_http2 import UnfinishedCalls
from tests.deployment import HOME, Deployment

from meridian.cli.region_place import HOST
from meridian.client.errors import KmsServiceError
from meridian.contract.catalog import rpcs

pytestmark = pytest.mark.timeout(120)

CONNECTIONS, CALLS = 12, 250
GROWTH_MB_MAX = 200
"""The longest messages of one caller that are read at once, what gRPC takes unasked of the others, and what calls and connections cost."""
SECONDS = 6.0


def rss_mb(deployment: Deployment) -> float:
    status = Path(f"/proc/{deployment.processes[HOME].pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_messages_that_never_end_fill_no_memory_and_stop_nobody(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    root, port = own_regions.root, own_regions.place(HOME).grpc_port
    with own_regions.client(HOME, "developer") as developer, own_regions.client(HOME, "app") as app:
        developer.list_keys(limit=1)
        with pytest.raises(KmsServiceError, match="plaintext"):
            app.encrypt(key_id="x", plaintext=b"x" * 250_000)
        before = peak = rss_mb(own_regions)
        begun = [
            UnfinishedCalls((HOST, port), root / "clients" / "app", root / "client-ca.crt", rpcs()["Encrypt"].path, CALLS)
            for _ in range(CONNECTIONS)
        ]
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(1) as other:
            served = other.submit(lambda: [developer.list_keys(limit=1, timeout=20) for _ in range(20)])
            while time.monotonic() < until:
                for each in begun:
                    each.go_on()
                peak = max(peak, rss_mb(own_regions))
            assert len(served.result(timeout=120)) == 20
        assert not any(each.is_closed for each in begun)
        sent = [(each.began, each.ended, each.bytes >> 20) for each in begun]
        assert sum(began for began, _, _ in sent) == CONNECTIONS * CALLS
        assert peak - before < GROWTH_MB_MAX, sent
        for each in begun:
            each.close()
        with pytest.raises(KmsServiceError, match="plaintext"):
            app.encrypt(key_id="x", plaintext=b"x" * 250_000, timeout=20)
    shed = own_regions.wait_until(lambda: [r for r in own_regions.audit(HOME) if r["eventName"] == "CallsShed"])
    assert shed[0]["serviceEventDetails"]["code"] == "ThrottlingException"
