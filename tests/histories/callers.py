"""What every load has: callers in threads, and related keys that they use."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.deployment import AWAY, Deployment

from meridian.client import Client
from meridian.kms.v1 import types_pb2 as t

SETTING_UP_SECONDS = 30.0
"""What comes before the load is not hurried, on any machine."""


class Callers:
    """So many threads that call until they are stopped."""

    def __init__(self, count: int, call: Callable[[int], None], *, patience_seconds: float) -> None:
        """`call` is a caller, by number: he calls until `ended`. What is under way at the stop is waited for so long."""
        self.ended = threading.Event()
        self._patience_seconds = patience_seconds
        self._threads = [threading.Thread(target=call, args=(number,), daemon=True) for number in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new calls; those under way are waited for."""
        self.ended.set()
        for thread in self._threads:
            thread.join(self._patience_seconds)
            assert not thread.is_alive()


def related_keys(deployment: Deployment, client: Client, count: int) -> list[str]:
    """Ids of new keys whose primary is at home and whose replica is enabled."""
    made = [client.create_key(multi_region=True).key_metadata.key_id for _ in range(count)]
    for key_id in made:
        client.replicate_key(key_id=key_id, replica_region=AWAY, timeout=SETTING_UP_SECONDS)
    for key_id in made:
        deployment.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    return made
