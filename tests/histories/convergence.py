"""How long related keys of three Regions differ after a Region started again, a message was lost, or a word had to be passed on."""

from __future__ import annotations

import contextlib
import itertools
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from tests.deployment import AWAY, HOME, Deployment
from tests.network import Relay

from meridian.client import Client
from meridian.client.errors import AlreadyExistsException, KmsServiceError
from meridian.kms.v1 import types_pb2 as t

THIRD: Final = "ap-south-1"
SETTINGS: Final = "limits.rotation_conflict_seconds = 0.0\nlimits.on_demand_rotations_per_key = 1000\n"
WAIT_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.02

T = TypeVar("T")


class Related:
    """A multi-Region key whose primary is in the first Region, and what its Regions show of it."""

    def __init__(self, deployment: Deployment, relays: list[Relay]) -> None:
        self.deployment = deployment
        self.relays = relays
        self._days = itertools.cycle(range(91, 400))
        with deployment.client() as alice:
            self.key_id: str = alice.create_key(multi_region=True).key_metadata.key_id
            for region in (AWAY, THIRD):
                self._insist(lambda: self._replicate(alice, region))  # noqa: B023 - called in its turn
        for region in (AWAY, THIRD):
            deployment.wait_for_state(region, self.key_id, t.KEY_STATE_ENABLED)

    def _replicate(self, client: Client, region: str) -> None:
        with contextlib.suppress(AlreadyExistsException):  # by a try whose answer came too late
            client.replicate_key(key_id=self.key_id, replica_region=region)

    def rotate(self) -> str:
        """Begin a rotation; the answer is the material before it."""
        before = self.material(HOME)
        with self.deployment.client() as alice:
            self._insist(lambda: alice.rotate_key_on_demand(key_id=self.key_id))
        return before

    def change_period(self, *seen_in: str) -> int:
        """Change what is shared without new material, and wait until these Regions know it."""
        days = next(self._days)
        with self.deployment.client() as alice:
            self._insist(lambda: alice.enable_key_rotation(key_id=self.key_id, rotation_period_in_days=days))
        self.until(lambda: all(self.period(region) == days for region in seen_in))
        return days

    def material(self, region: str) -> str:
        return str(self._asked(region, lambda client: client.describe_key(key_id=self.key_id)).key_metadata.current_key_material_id)

    def period(self, region: str) -> int:
        return int(self._asked(region, lambda client: client.get_key_rotation_status(key_id=self.key_id)).rotation_period_in_days)

    def until(self, reached: Callable[[], bool]) -> float:
        """Seconds until it is so."""
        began = time.monotonic()
        while time.monotonic() - began < WAIT_SECONDS:
            with contextlib.suppress(KmsServiceError):  # a Region that refuses shows nothing yet
                if reached():
                    return time.monotonic() - began
            time.sleep(LOOK_SECONDS)
        raise AssertionError("not reached in time")

    def turned_everywhere(self, before: str) -> float:
        """Seconds until every Region has one new material."""
        return self.until(
            lambda: len({before, *(now := [self.material(region) for region in self.deployment.regions])}) == 2 and before not in now
        )

    def _asked(self, region: str, ask: Callable[[Client], T]) -> T:
        with self.deployment.client(region) as client:
            return ask(client)

    def _insist(self, call: Callable[[], object]) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                call()
            except KmsServiceError:
                if time.monotonic() > until:
                    raise
                time.sleep(LOOK_SECONDS)
            else:
                return


def _primary_restarts(related: Related) -> float:
    related.deployment.stop(HOME, signal.SIGKILL)
    related.deployment.start(HOME)
    return related.turned_everywhere(related.rotate())


def _replica_restarts(related: Related) -> float:
    related.deployment.stop(AWAY, signal.SIGKILL)
    related.deployment.start(AWAY)
    return related.turned_everywhere(related.rotate())


def _primary_dies_rotating(related: Related) -> float:
    before = related.rotate()
    related.deployment.stop(HOME, signal.SIGKILL)
    related.deployment.start(HOME)
    return related.turned_everywhere(before)


def _messages_are_lost(related: Related) -> float:
    """Those under way, and their connections: both ends believe that they live."""
    before = related.rotate()
    for relay in related.relays:
        relay.strand()
    return related.turned_everywhere(before)


def _word_is_passed_on(related: Related) -> float:
    """The primary is away, so only another replica can tell the third Region, which was away before."""
    related.deployment.stop(THIRD)
    days = related.change_period(AWAY)
    related.deployment.stop(HOME)
    related.deployment.start(THIRD)
    taken = related.until(lambda: related.period(THIRD) == days)
    related.deployment.start(HOME)
    return taken


KINDS: Final[dict[str, Callable[[Related], float]]] = {
    "the primary's Region starts again, then a rotation": _primary_restarts,
    "a replica's Region starts again, then a rotation": _replica_restarts,
    "the primary's Region is killed while it rotates": _primary_dies_rotating,
    "messages of a rotation are lost": _messages_are_lost,
    "a change is passed on by a replica": _word_is_passed_on,
}


@contextmanager
def relayed(deployment: Deployment) -> Iterator[list[Relay]]:
    """Regions that reach each other through relays, one for each pair."""
    relays = []
    for place in deployment.folder.places:
        for other in deployment.folder.places:
            if other.region != place.region:
                relays.append(Relay(other.peer_port))
                own, through = (f'address = "127.0.0.1:{port}"' for port in (other.peer_port, relays[-1].port))
                text = place.settings.read_text()
                assert own in text
                place.settings.write_text(text.replace(own, through))
    try:
        deployment.start()
        yield relays
    finally:
        deployment.stop_all()
        for relay in relays:
            relay.close()


def converge(deployment: Deployment, runs: int, told: Callable[[str], None]) -> dict[str, list[float]]:
    """Seconds until all Regions agree, by kind: each kind in its turn, `runs` in all."""
    taken: dict[str, list[float]] = defaultdict(list)
    with relayed(deployment) as relays:
        related = Related(deployment, relays)
        for run in range(runs):
            name = list(KINDS)[run % len(KINDS)]
            taken[name].append(KINDS[name](related))
            told(f"{run + 1} of {runs}: {name}: {taken[name][-1]:.2f} s")
    return taken
