"""One Region as two processes on one PostgreSQL: the event of each change stands once in their streams, also where one is killed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.deployment import HOME
from tests.twins import Twins, two_processes

from meridian.adapters.store_sql.store import SqlStore
from meridian.audit.copies import Copies
from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.settings import load_settings

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

SECONDS = 8.0
TAKEN_OVER_SECONDS = 30.0
"""The lease, and a few rounds."""


@pytest.fixture
def twins(tmp_path_factory: pytest.TempPathFactory, postgresql_server: str) -> Iterator[Twins]:
    with two_processes(tmp_path_factory.mktemp("once"), postgresql_server, "", {}) as made:
        yield made


def change_for(seconds: float, client: Client, made: list[str]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(KmsServiceError):  # throttled, or the process was killed
            key_id = client.create_key(timeout=10).key_metadata.key_id
            made.append(key_id)
            client.create_alias(alias_name=f"alias/{key_id}", target_key_id=key_id, timeout=10)


def change_at_both(twins: Twins, meanwhile: float | None) -> list[str]:
    """Keys whose creation was answered."""
    made: list[str] = []
    with twins.deployment.client() as first, twins.second("alice") as second:
        threads = [threading.Thread(target=change_for, args=(SECONDS, client, made)) for client in (first, first, second, second)]
        for thread in threads:
            thread.start()
        if meanwhile is not None:
            time.sleep(meanwhile)
            assert twins.process is not None
            twins.process.kill()
        for thread in threads:
            thread.join()
    return made


def copies_of(twins: Twins) -> dict[str, int]:
    """How often each event stands that stands more than once."""
    counted = Counter(r["eventID"] for r in twins.records() if "eventID" in r)
    return {name: count for name, count in counted.items() if count > 1}


def created(twins: Twins) -> set[str]:
    return {r["resources"][0]["ARN"].rsplit("/", 1)[1] for r in twins.events("CreateKey") if "errorCode" not in r}


async def nobody_waits(twins: Twins) -> bool:
    """Whether the database has no event left."""
    store = SqlStore.connect(load_settings(twins.deployment.place(HOME).settings).database)
    async with store.reading() as uow:
        owners = await uow.audit_events.owners()
    await store.close()
    return not owners


def test_under_changes_at_both_processes_each_event_stands_once(twins: Twins) -> None:
    made = change_at_both(twins, None)
    assert made
    time.sleep(3)  # rounds of shipping at both
    assert copies_of(twins) == {}
    assert created(twins) >= set(made)
    done = twins.verify_audit()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "twice" not in done.stdout
    assert "clean: " in done.stdout


def test_what_a_killed_process_left_is_taken_over_and_copies_say_so(twins: Twins) -> None:
    made = change_at_both(twins, SECONDS / 2)
    assert twins.process is not None
    assert twins.process.wait(timeout=10) == -signal.SIGKILL
    with twins.deployment.client() as client:
        there = {entry.key_id for entry in client.list_keys(limit=1000).keys}
    assert there >= set(made)
    twins.deployment.wait_until(lambda: asyncio.run(nobody_waits(twins)), TAKEN_OVER_SECONDS)
    assert created(twins) >= there
    copies = Copies()
    for record in twins.records():
        copies.visit(record)
    counted = copies.count()
    assert counted.unexplained == 0
    assert counted.taken_over == len(copies_of(twins))
    done = twins.verify_audit()
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("twice: " in done.stdout) is (counted.taken_over > 0)
