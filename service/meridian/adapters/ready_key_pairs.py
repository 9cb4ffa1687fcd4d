"""RSA keys kept ready, made at the lowest priority in a process of their own: a call takes one in a millisecond where making it takes a
second.

As many of a spec are kept as were asked for, up to its bound: a Region that is never asked for one makes none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Final, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.domain.key import KeySpec
from meridian.domain.secret import Secret
from meridian.errors import KmsError
from meridian.setbacks import Setbacks

READY_MAX: Final = {KeySpec.RSA_2048: 32, KeySpec.RSA_3072: 16, KeySpec.RSA_4096: 16}
"""How many of each spec are kept at most."""
ANSWER_SECONDS: Final = 300.0
"""How long one may take: there is no hurry, and others go first."""
RETRY_SECONDS: Final = 5.0


class KeyMaker(Protocol):
    """Makes keys. Blocks, so it is called in a thread."""

    def new_rsa_key(self, key_spec: str) -> bytes: ...


class ReadyKeyPairs:
    """Implements `ports.crypto.key_pair_source.KeyPairSource`. Used on one event loop alone."""

    def __init__(self, maker: KeyMaker, registry: CollectorRegistry) -> None:
        self._maker = maker
        self._shelves: dict[KeySpec, deque[Secret]] = {spec: deque() for spec in READY_MAX}
        self._taken = {spec: {"ready": 0, "missing": 0} for spec in READY_MAX}
        self._asked = asyncio.Event()
        self._setbacks = Setbacks("making RSA keys ahead of calls")
        registry.register(self)

    def take(self, key_spec: KeySpec) -> Secret | None:
        shelf = self._shelves.get(key_spec)
        if shelf is None:
            return None
        self._taken[key_spec]["ready" if shelf else "missing"] += 1
        self._asked.set()
        return shelf.popleft() if shelf else None

    async def refill(self) -> None:
        """Keep ready what will be asked for, until cancelled; then nothing is kept."""
        try:
            while True:
                await self._asked.wait()
                spec = self._most_wanted()
                if spec is None:
                    self._asked.clear()
                    continue
                made = None
                with self._setbacks.expected(KmsError):
                    made = Secret(await asyncio.to_thread(self._maker.new_rsa_key, spec))
                if made is None:
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    self._shelves[spec].append(made)
        finally:
            for shelf in self._shelves.values():
                shelf.clear()

    def _most_wanted(self) -> KeySpec | None:
        """The spec whose shelf is the emptiest."""
        missing = {spec: self._wanted(spec) - len(shelf) for spec, shelf in self._shelves.items()}
        spec = max(missing, key=missing.__getitem__)
        return spec if missing[spec] > 0 else None

    def _wanted(self, spec: KeySpec) -> int:
        return min(READY_MAX[spec], sum(self._taken[spec].values()))

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them."""
        ready = GaugeMetricFamily("meridian_key_pairs_ready", "RSA keys that are ready to be taken.", labels=["key_spec"])
        taken = CounterMetricFamily(
            "meridian_key_pairs_taken", "RSA keys asked for: taken ready, or made while the caller waits.", labels=["key_spec", "outcome"]
        )
        for spec, shelf in self._shelves.items():
            ready.add_metric([spec], len(shelf))
            for outcome, count in self._taken[spec].items():
                taken.add_metric([spec, outcome], count)
        yield ready
        yield taken
