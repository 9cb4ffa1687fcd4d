"""The Regions that have the key: the first that answers is asked, and one that is away is left alone until it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from meridian.client import AsyncClient
from meridian.client.errors import KmsServiceError
from meridian.client.statuses import CANCELLED, UNREACHABLE
from meridian.k8s_kms.endpoints import Place
from meridian.k8s_kms.metrics import Metrics
from meridian.log import structlog

T = TypeVar("T")

AWAY: Final = frozenset({UNREACHABLE, CANCELLED, "DEADLINE_EXCEEDED", "DependencyTimeoutException", "KeyUnavailableException"})
"""THE table: what a Region does not answer for itself, and another may. Everything else, a refusal above all, is an answer."""
PAUSE_SECONDS: Final = 0.1
"""After each Region was asked in vain, before the first is asked again."""
TURN_SECONDS_MIN: Final = 0.05
"""A Region that has less time is not asked any more."""
TELL_SECONDS: Final = 0.25
"""Kept back of the time of a call, so that what went wrong is told, not that the time is over."""
LOOK_SECONDS: Final = 3.0
"""How often a Region that is away is asked whether it is back."""
LOOK_TIMEOUT_SECONDS: Final = 2.0
LOOK_AT_ALL_SECONDS: Final = 60.0
"""How often one is asked that no call went to meanwhile: a Region that is to answer for another is known before it has to."""

Work = Callable[[AsyncClient, Place, float], Awaitable[T]]
"""Calls of one Region, within so many seconds. Raises: KmsServiceError, BehindError."""


class AnswerError(Exception):
    """A Region answered, and its answer cannot be used."""


class BehindError(AnswerError):
    """The Region still encrypts with a material that another Region has replaced."""


class RegionError(Exception):
    """A Region refused, or none answered; the text names the last one that was asked."""

    def __init__(self, place: Place, error: KmsServiceError) -> None:
        where = f" (request id {error.request_id})" if error.request_id else ""
        super().__init__(f"{place.region}: {error}{where}")
        self.code = error.code


class Regions:
    """Places with a client each. Clients are exchanged under running calls as credentials change."""

    def __init__(self, places: Sequence[Place], clients: dict[Place, AsyncClient], metrics: Metrics) -> None:
        self._places = tuple(places)
        self.clients = clients
        self._away: set[Place] = set()
        self._answered_at: dict[Place, float] = {}
        """Monotonic seconds of the last answer; none of an endpoint that never gave one."""
        self._metrics = metrics
        self._log = structlog.get_logger("meridian.k8s_kms")
        for place in self._places:
            metrics.region_up.labels(place.region, place.target).set(0)

    async def ask(self, work: Work[T], seconds: float) -> T:
        """What the first Region answers that can, within this time.

        Raises: RegionError of a refusal, or of the last Region that was away; BehindError where every Region that answers is behind.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds - TELL_SECONDS
        failure: RegionError | None = None
        while True:
            behind: BehindError | None = None
            order = self._in_order()
            for at, place in enumerate(order):
                left = until - loop.time()
                if failure is not None and left < TURN_SECONDS_MIN:
                    break
                # Each later Region keeps its share of the time, so that one that says nothing does not use it up.
                try:
                    answer = await work(self.clients[place], place, max(left, TURN_SECONDS_MIN) / (len(order) - at))
                except BehindError as fault:
                    self._note_back(place)
                    behind = fault
                except KmsServiceError as error:
                    if error.code not in AWAY:
                        self._note_back(place)
                        raise RegionError(place, error) from error
                    self._note_away(place, error)
                    failure = RegionError(place, error)
                else:
                    self._note_back(place)
                    return answer
            if behind is not None:
                raise behind
            if failure is not None and until - loop.time() < PAUSE_SECONDS:
                raise failure
            await asyncio.sleep(PAUSE_SECONDS)

    def _in_order(self) -> list[Place]:
        """As they were given, those that are away last: where all are, each is tried."""
        return sorted(self._places, key=lambda place: place in self._away)

    def _note_away(self, place: Place, error: KmsServiceError) -> None:
        self._metrics.failures.labels(place.region, error.code).inc()
        if place not in self._away:
            self._away.add(place)
            self._metrics.region_up.labels(place.region, place.target).set(0)
            self._log.warning("region is away", region=place.region, endpoint=place.target, code=error.code, fault=error.message)

    def _note_back(self, place: Place) -> None:
        self._answered_at[place] = asyncio.get_running_loop().time()
        self._metrics.region_up.labels(place.region, place.target).set(1)
        if place in self._away:
            self._away.discard(place)
            self._log.info("region is back", region=place.region, endpoint=place.target)

    async def look_for_lost(self, work: Work[object]) -> None:
        """Ask Regions that are away whether they are back, and others now and then, for as long as this process lives; calls never wait
        for that."""
        while True:
            for place in [place for place in self._places if self._needs_a_look(place)]:
                try:
                    await work(self.clients[place], place, LOOK_TIMEOUT_SECONDS)
                except KmsServiceError as error:
                    if error.code in AWAY:
                        self._note_away(place, error)
                        continue
                except AnswerError:
                    pass  # it answers
                self._note_back(place)
            await asyncio.sleep(LOOK_SECONDS)

    def _needs_a_look(self, place: Place) -> bool:
        at = self._answered_at.get(place)
        return place in self._away or at is None or asyncio.get_running_loop().time() - at >= LOOK_AT_ALL_SECONDS
