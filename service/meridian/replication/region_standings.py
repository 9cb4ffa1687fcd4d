"""How the Regions of the deployment stand, as this one sees them: who answers, what they were not told yet, and which keys they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from meridian.domain.peers import PeerContact
from meridian.ports.clock import Clock
from meridian.ports.store.key_sets import RelatedKeys
from meridian.ports.store.outbox import Backlog
from meridian.ports.store.store import Store

KINDS_MAX: Final = 1000
"""Of sets of Regions that keys of one account have."""
TROUBLES_MAX: Final = 16
"""Of one Region, told."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One Region."""

    region: str
    is_here: bool
    labels: tuple[str, ...]
    primaries: int
    replicas: int
    release: str
    troubles: tuple[str, ...]
    heard_at: datetime | None
    waiting: int
    waiting_since: datetime | None


@dataclass(frozen=True, slots=True)
class Standings:
    """All of them, this Region first."""

    regions: tuple[Standing, ...]
    keys: int
    """Of the account, in this Region."""


@dataclass(frozen=True, slots=True)
class OwnStanding:
    """What this Region says of itself."""

    region: str
    release: str
    troubles: Callable[[], list[str]]
    """Why a call would not work here now."""


class RegionStandings:
    """Looks when it is asked."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        own: OwnStanding,
        *,
        labels: Mapping[str, Sequence[str]],
        contacts: Mapping[str, Callable[[], PeerContact]],
    ) -> None:
        """`contacts`: with each configured Region."""
        self._store = store
        self._clock = clock
        self._own = own
        self._region = own.region
        self._labels = labels
        self._contacts = contacts

    async def of(self, account: str) -> Standings:
        """As they stand now, with the numbers of this account's keys. Raises: KmsError if the store fails."""
        async with self._store.reading() as uow:
            keys = await uow.keys.count(account)
            related = await uow.key_sets.count_related(account, limit=KINDS_MAX)
            backlogs = {each.target_region: each for each in await uow.outbox.backlogs_of(account)}
        here = PeerContact(heard_at=self._clock.now(), release=self._own.release)
        # What is wrong, and not with which address or file: that is for operators, who read the log.
        troubles = list(dict.fromkeys(each.partition(":")[0] for each in self._own.troubles()))
        found = [self._standing(self._region, here, troubles, related, None)]
        for name in sorted(self._contacts):
            contact = self._contacts[name]()
            found.append(self._standing(name, contact, [contact.trouble] if contact.trouble else [], related, backlogs.get(name)))
        return Standings(tuple(found), keys)

    def _standing(
        self, region: str, contact: PeerContact, troubles: list[str], related: Sequence[RelatedKeys], backlog: Backlog | None
    ) -> Standing:
        return Standing(
            region=region,
            is_here=region == self._region,
            labels=tuple(self._labels.get(region, ())),
            primaries=sum(each.count for each in related if each.primary_region == region),
            replicas=sum(each.count for each in related if region in each.replica_regions),
            release=contact.release,
            troubles=tuple(troubles[:TROUBLES_MAX]),
            heard_at=contact.heard_at,
            waiting=backlog.entries if backlog is not None else 0,
            waiting_since=backlog.oldest if backlog is not None else None,
        )
