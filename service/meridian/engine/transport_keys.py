"""The keys by which a Region speaks to others, as rows: one that signs and stays, and keys for envelopes that are renewed every day.

Source: docs/spec/ciphertext.md, envelopes between Regions.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from meridian.crypto import ecdsa, hpke
from meridian.domain.secret import Secret
from meridian.engine.keyring import Keyring
from meridian.engine.region_envelopes import HpkeKey, TransportKeys
from meridian.engine.region_secrets import RegionKeyPair, open_secret, secret_row
from meridian.engine.seals import SealError
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.ports.store.keyring import SecretRow
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import Store, UnitOfWork

SIGNING_KEY: Final = "transport-signing-key"
HPKE_KEY: Final = "transport-hpke-key"
HPKE_FRESH: Final = timedelta(hours=24)
HPKE_KEPT: Final = timedelta(days=8)
"""A day of use and seven more for what is still under way."""


class StoredTransportKeys:
    """Makes, opens and ends them."""

    def __init__(self, identity: RegionIdentity, keyring: Keyring, events: SecurityEvents) -> None:
        self._identity = identity
        self._keyring = keyring
        self._events = events

    async def create(self, uow: UnitOfWork, now: datetime) -> None:
        """The first of each."""
        private, public = ecdsa.new_signing_key()
        row = secret_row(self._identity, self._keyring, SIGNING_KEY, RegionKeyPair(sha256(public).digest(), private, public), now)
        await uow.keyring.insert_secret(row)
        await uow.keyring.insert_secret(self._new_hpke_row(now))

    async def open(self, uow: UnitOfWork, now: datetime) -> TransportKeys:
        """The signing key, and every HPKE key that opens: one that does not keeps no other from use, and is replaced if it was the newest.

        Raises: SealError if the signing key does not open: other Regions know it, so nothing can take its place.
        """
        signing = (await uow.keyring.secrets(SIGNING_KEY))[0]
        found = await uow.keyring.secrets(HPKE_KEY)
        for unreadable in found.unreadable:
            name = "/".join(unreadable.name)
            self._events.report(SecurityEvent.WRAPPED_ROW_UNREADABLE, subject=name, kind=HPKE_KEY, row=name, why=unreadable.fault)
        opened = [(row, self._opened(row)) for row in found]
        hpke_keys = [key for _, key in opened if key is not None]
        if not opened or opened[0][1] is None:
            row = self._new_hpke_row(now)
            await uow.keyring.insert_secret(row)
            hpke_keys.insert(0, HpkeKey(Secret(open_secret(self._identity, self._keyring, row)), row.public_bytes, row.created_at))
        signing_key = ecdsa.load_signing_key(open_secret(self._identity, self._keyring, signing))
        return TransportKeys(signing_key, signing.public_bytes, tuple(hpke_keys))

    async def renew(self, store: Store, now: datetime) -> TransportKeys:
        """The keys to use from now on: a fresh HPKE key where the newest is a day old, and none that have served their time."""
        async with store.transaction() as uow:
            rows = await uow.keyring.secrets(HPKE_KEY)
            if not rows or rows[0].created_at + HPKE_FRESH <= now:
                await uow.keyring.insert_secret(self._new_hpke_row(now))
            for row in rows[1:]:
                if row.created_at + HPKE_KEPT <= now:
                    await uow.keyring.delete_secret(HPKE_KEY, row.owner, row.secret_id)
            return await self.open(uow, now)

    def _opened(self, row: SecretRow) -> HpkeKey | None:
        """None for one that does not open; the keyring has reported it."""
        try:
            return HpkeKey(Secret(open_secret(self._identity, self._keyring, row)), row.public_bytes, row.created_at)
        except SealError:
            return None

    def _new_hpke_row(self, now: datetime) -> SecretRow:
        private, public = hpke.new_key_pair()
        return secret_row(self._identity, self._keyring, HPKE_KEY, RegionKeyPair(hpke.key_id(public), private, public), now)
