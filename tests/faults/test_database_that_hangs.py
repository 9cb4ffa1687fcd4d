"""A database that hangs, a network that loses its connections: calls end soon, and the Region heals by itself."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment
from tests.network import Relay
from tests.relayed_region import relayed_region

from meridian.adapters.store_cache import STALENESS_SECONDS_MAX
from meridian.adapters.store_sql.dialects import CHECKOUT_SECONDS, WRITE_SECONDS
from meridian.cli.exit_codes import OTHER, SETUP
from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.domain.limits import Limits

pytestmark = pytest.mark.deep
ATTEMPTS_MAX = 4
"""A busy machine may spoil one; what is wrong spoils all."""
PATIENCE = 4
"""How many times longer than its bound something may take on a busy machine."""


@pytest.fixture
def relayed(tmp_path: Path, postgresql_server: str) -> Iterator[tuple[Deployment, Relay]]:
    with relayed_region(tmp_path, postgresql_server) as made:
        yield made


def seconds_until(client: Client, key_id: str, *, works: bool, limit: float) -> float:
    """How long it took until an Encrypt worked, or was refused."""
    began = time.monotonic()
    while time.monotonic() < began + limit:
        try:
            client.encrypt(key_id=key_id, plaintext=b"x", timeout=2)
            worked = True
        except KmsServiceError:
            worked = False
        if worked is works:
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"not within {limit} s")


def refused_when_stranded(app: Client, relay: Relay, key_id: str) -> int:
    """How many warm calls are refused in the time in which the change feed must be read again, or no call is answered."""
    app.encrypt(key_id=key_id, plaintext=b"warm")
    relay.strand()
    until, refused = time.monotonic() + STALENESS_SECONDS_MAX + 1, 0
    while time.monotonic() < until:
        try:
            app.encrypt(key_id=key_id, plaintext=b"x")
        except KmsServiceError:
            refused += 1
        time.sleep(0.02)
    return refused


def test_connections_that_lost_their_way_are_replaced_before_a_warm_call_is_refused(relayed: tuple[Deployment, Relay]) -> None:
    regions, relay = relayed
    with regions.client() as alice, regions.client(HOME, "app") as app:
        key_id = alice.create_key().key_metadata.key_id
        for _ in range(3):
            assert any(not refused_when_stranded(app, relay, key_id) for _ in range(ATTEMPTS_MAX))
        alice.update_key_description(key_id=key_id, description="written")
    assert regions.metrics(HOME)["meridian_database_connections_lost_total"] >= 3


def test_a_database_that_hangs_holds_no_call_longer_than_its_deadline_and_heals(relayed: tuple[Deployment, Relay]) -> None:
    regions, relay = relayed
    with regions.client() as alice, regions.client(HOME, "app") as app:
        key_id = alice.create_key().key_metadata.key_id
        app.encrypt(key_id=key_id, plaintext=b"warm")
        relay.is_cut = True
        seconds_until(app, key_id, works=False, limit=PATIENCE * STALENESS_SECONDS_MAX)
        began, deadline = time.monotonic(), Limits().deadline_seconds_max
        with pytest.raises(KmsServiceError):
            alice.create_key(timeout=2 * deadline)
        assert time.monotonic() - began < min(PATIENCE * (CHECKOUT_SECONDS + WRITE_SECONDS), 0.9 * deadline)
        relay.is_cut = False
        relay.strand()
        seconds_until(app, key_id, works=True, limit=PATIENCE * STALENESS_SECONDS_MAX)
        alice.create_key()


def test_a_start_and_a_command_on_a_database_that_hangs_say_so_and_end(relayed: tuple[Deployment, Relay]) -> None:
    regions, relay = relayed
    regions.stop(HOME)
    relay.is_cut = True
    settings = str(regions.place(HOME).settings)
    ends = {("serve", "--allow-file-seal"): SETUP, ("region", "doctor"): OTHER, ("migrate",): SETUP, ("outbox", "list"): SETUP}
    for words, code in ends.items():
        command = [sys.executable, "-m", "meridian", *words, "--config", settings]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, words
        assert "Traceback" not in done.stderr
        assert "does not answer" in done.stdout + done.stderr or "timed out" in done.stdout + done.stderr, (words, done.stderr)
