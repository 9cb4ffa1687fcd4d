"""Asks proxies and tokens of stores that this process has connections to whether they are well, every two minutes.

What they answer changes no state of a store: operators see it, and nobody else.

Source: AWS KMS External Key Store (XKS) Proxy API Specification, GetHealthStatus, KmsHealthCheck.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from meridian.ports.entropy import Entropy
from meridian.ports.key_store import AskedFor
from meridian.workers.periodic import PATIENT_SECONDS, Job

HEALTH_SECONDS: Final = 120.0
HEALTH_CHECK: Final = "KmsHealthCheck"
"""What a proxy is told that it is asked for."""


class HealthOfStores(Protocol):
    """Stores that can be asked."""

    async def check_health(self, asked: AskedFor) -> None:
        """Ask each; nothing is raised for what a proxy or a token does."""
        ...


class KeyStoreHealth:
    """The job."""

    def __init__(self, kinds: Sequence[HealthOfStores], entropy: Entropy) -> None:
        self._kinds = kinds
        self._entropy = entropy

    def job(self) -> Job:
        return Job("key store health", self.look, HEALTH_SECONDS, PATIENT_SECONDS)

    async def look(self) -> bool:
        """One round; there is never more to do at once."""
        await asyncio.gather(*(kind.check_health(AskedFor(self._entropy.uuid(), HEALTH_CHECK, "")) for kind in self._kinds))
        return False
