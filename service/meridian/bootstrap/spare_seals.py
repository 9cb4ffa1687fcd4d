"""Every seal of the settings is tried at the start: one that would not open is told before it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric

from meridian.bootstrap.database import seals_of
from meridian.engine.keyring import fault_of_seal
from meridian.log import structlog
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import Store
from meridian.settings import Settings

NOTHING = ""


async def try_seals(store: Store, identity: RegionIdentity, settings: Settings) -> Mapping[str, str]:
    """Why a seal does not open the root key, by the name of its kind; nothing for one that does. One has opened it already."""
    seals = seals_of(settings)
    if len(seals) == 1:
        return {seals[0].provider: NOTHING}
    async with store.reading() as uow:
        roots = await uow.keyring.roots()
    found = {seal.provider: await asyncio.to_thread(fault_of_seal, identity, roots, seal) for seal in seals}
    log = structlog.get_logger("meridian.bootstrap")
    for provider, fault in found.items():
        if fault:
            log.warning("a spare seal does not open", setting="seals", provider=provider, reason=fault)
    return found


class SealMetrics:
    """Which seals opened at the start."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        self._faults = faults

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them."""
        family = GaugeMetricFamily(
            "meridian_seal_opens", "1 if a seal of the settings opened the root key at the start.", labels=["provider"]
        )
        for provider, fault in self._faults.items():
            family.add_metric([provider], 0.0 if fault else 1.0)
        yield family
