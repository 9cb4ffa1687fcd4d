"""How old what a process knows may be while both processes of a Region have more to do than they can: a call that begins later than five
seconds after a key was disabled at one of them is never answered by the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from tests.deployment import HOME
from tests.histories.callers import Callers
from tests.twins import Twins, two_processes

from meridian.client import Client
from meridian.client.errors import KmsServiceError

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

CHANGES = 100
CALLERS = 8
OLDEST_SECONDS = 5.0
PATIENCE_SECONDS = 30.0


@pytest.fixture
def twins(tmp_path: Path, postgresql_server: str) -> Iterator[Twins]:
    with two_processes(tmp_path, postgresql_server, "", {}) as made:
        yield made


def answered_last(app: Client, key_id: str, since: float) -> float:
    """Seconds after `since` at which the last call began that was answered, until five in a row are refused; 0 where none was."""
    last, refused = 0.0, 0
    while refused < 5:
        began = time.monotonic()
        try:
            app.encrypt(key_id=key_id, plaintext=b"x")
        except KmsServiceError:
            refused += 1
        else:
            last, refused = began - since, 0
        assert began - since < PATIENCE_SECONDS
    return last


def wait_until_answered(app: Client, key_id: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            app.encrypt(key_id=key_id, plaintext=b"x")
        except KmsServiceError:
            assert time.monotonic() < until
        else:
            return


def test_nothing_is_answered_by_knowledge_older_than_five_seconds(twins: Twins) -> None:
    with twins.deployment.client(HOME, "developer") as developer, twins.second("developer") as second:
        busy, key_id = (developer.create_key().key_metadata.key_id for _ in range(2))

        def load(number: int) -> None:
            client = (developer, second)[number % 2]
            while not callers.ended.is_set():
                try:
                    client.encrypt(key_id=busy, plaintext=b"x")
                except KmsServiceError:
                    continue

        callers = Callers(CALLERS, load, patience_seconds=PATIENCE_SECONDS)
        callers.start()
        ages = []
        try:
            for _ in range(CHANGES):
                wait_until_answered(second, key_id)
                developer.disable_key(key_id=key_id)
                ages.append(answered_last(second, key_id, time.monotonic()))
                developer.enable_key(key_id=key_id)
        finally:
            callers.stop()
    print(f"\n{CHANGES} changes: p50 {median(ages):.2f} s, oldest {max(ages):.2f} s")
    assert max(ages) < OLDEST_SECONDS
