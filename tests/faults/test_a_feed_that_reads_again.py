"""The change feed reads again within two seconds of the moment at which its database answers, by the words of the Region's own log."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.deployment import DATABASE, HOME, Deployment
from tests.network import Relay
from tests.relayed_region import relayed_region

from meridian.adapters.store_cache import READING_SECONDS, STALENESS_SECONDS_MAX
from meridian.adapters.store_sql.dialects import WRITE_SECONDS
from meridian.client.errors import DependencyTimeoutException, KmsServiceError

pytestmark = pytest.mark.deep
PROMISED_SECONDS = 2.0
ATTEMPTS_MAX = 4
"""A busy machine may spoil one; what is wrong spoils all."""
SETTLED_SECONDS = WRITE_SECONDS + 3
"""Then no job waits any more for a connection that was lost; one that gives such a connection up would end the feed's too."""
FEED = "change feed"


@pytest.fixture
def relayed(tmp_path: Path, postgresql_server: str) -> Iterator[tuple[Deployment, Relay]]:
    with relayed_region(tmp_path, postgresql_server) as made:
        yield made


def said_of_the_feed(regions: Deployment, event: str, after: datetime) -> list[datetime]:
    """When the Region said this of its feed, after a moment."""
    lines = (regions.place(HOME).folder / "log").read_text().splitlines()
    said = [each for each in map(json.loads, lines) if each["event"] == event and each.get("job") == FEED]
    return [moment for each in said if (moment := datetime.fromisoformat(each["timestamp"])) > after]


def told_of_the_feed(regions: Deployment, event: str, after: datetime) -> datetime:
    """When the Region first said this of its feed after a moment."""
    found: list[datetime] = regions.wait_until(lambda: said_of_the_feed(regions, event, after))
    return found[0]


def after_connections_were_lost(regions: Deployment, relay: Relay) -> float:
    """Seconds until the feed was read: it always is under way, or begins at once, on a connection that answers no more."""
    began = datetime.now(UTC)
    relay.strand()
    return (told_of_the_feed(regions, "job goes on", began) - began).total_seconds()


def after_nothing_passed(regions: Deployment, relay: Relay) -> float:
    """Seconds until the feed was read, from a moment just after it began to connect: what it sent is lost, so this is the longest way."""
    began = datetime.now(UTC)
    relay.is_cut = True
    failed = told_of_the_feed(regions, "job fails", began)
    time.sleep(max(0.0, 1.5 * READING_SECONDS - (datetime.now(UTC) - failed).total_seconds()))
    healed = datetime.now(UTC)
    relay.is_cut = False
    relay.strand()
    return (told_of_the_feed(regions, "job goes on", healed) - healed).total_seconds()


@pytest.mark.parametrize("seconds", [after_connections_were_lost, after_nothing_passed])
def test_on_postgresql_it_connects_again_by_itself(
    relayed: tuple[Deployment, Relay], seconds: Callable[[Deployment, Relay], float]
) -> None:
    regions, relay = relayed
    taken = [seconds(regions, relay)]
    while min(taken) >= PROMISED_SECONDS and len(taken) < ATTEMPTS_MAX:
        time.sleep(SETTLED_SECONDS)
        taken.append(seconds(regions, relay))
    print(f"\n{seconds.__name__}: {taken[-1]:.2f} s until the feed was read")
    assert min(taken) < PROMISED_SECONDS, taken


def test_on_sqlite_no_writer_who_holds_the_file_keeps_it_from_being_read(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    began = datetime.now(UTC)
    with own_regions.client() as alice, own_regions.client(HOME, "app") as app:
        key_id = alice.create_key().key_metadata.key_id
        app.encrypt(key_id=key_id, plaintext=b"warm")
        other = sqlite3.connect(own_regions.place(HOME).folder / DATABASE, timeout=20, isolation_level=None)
        other.execute("begin exclusive")
        with pytest.raises(KmsServiceError, match="KMSInternalException"):
            alice.create_key()
        until = time.monotonic() + STALENESS_SECONDS_MAX
        while time.monotonic() < until:
            with contextlib.suppress(DependencyTimeoutException):  # of an audit disk that is busy
                app.encrypt(key_id=key_id, plaintext=b"x")
            time.sleep(READING_SECONDS)
        other.rollback()
        other.close()
        alice.update_key_description(key_id=key_id, description="written")
    assert not said_of_the_feed(own_regions, "job fails", began)
