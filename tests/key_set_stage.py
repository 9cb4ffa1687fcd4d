"""Key sets of one issuer that a server here publishes, and a clock that goes on when a test says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.identity_tokens import Issuer, Published, Signer
from tests.stepped_clock import SteppedClock

from meridian.adapters.live_key_sets import AGAIN_SECONDS, LiveKeySets
from meridian.errors import DependencyTimeoutException, UnrecognizedClientException
from meridian.ports.key_sets import KeySetSource

DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"
IDP = Issuer()
TWO = Signer(kid="two")


class Stage:
    """Key sets of one issuer that a server here publishes."""

    def __init__(self, published: Published) -> None:
        self.published = published
        self.clock = SteppedClock(1000.0)
        self.woken = 0
        published.documents = {DISCOVERY: self.discovery(), KEYS: IDP.key_set()}
        self.source = KeySetSource(published.url, "", "", "", None)
        self.sources: tuple[KeySetSource, ...] = (self.source,)
        self.sets = LiveKeySets(lambda: self.sources, self.clock, self.wake)

    def wake(self) -> None:
        self.woken += 1

    def discovery(self, **changed: Any) -> bytes:
        return json.dumps({"issuer": self.published.url, "jwks_uri": f"{self.published.url}{KEYS}", **changed}).encode()

    def found(self, kid: str = "one") -> str:
        """ "yes", "no", or "later"."""
        try:
            self.sets.find(self.published.url, kid, "ES256")
        except DependencyTimeoutException:
            return "later"
        except UnrecognizedClientException:
            return "no"
        return "yes"

    async def settled(self, kid: str) -> str:
        """The same, once a fetch has begun and ended since it was asked."""
        first = self.found(kid)
        if first != "later":
            return first
        self.clock.seconds += AGAIN_SECONDS
        await self.sets.look()
        return self.found(kid)

    @property
    def fetches(self) -> int:
        return self.published.count(KEYS)

    def metrics(self) -> dict[str, float]:
        return {f"{s.name} {s.labels.get('outcome', '')}".strip(): s.value for family in self.sets.collect() for s in family.samples}


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await story()

    asyncio.run(bounded())
