"""The crypto engine inside this process, and how it is opened at start."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import structlog

from meridian.audit.keys import AuditKeys, AuditSigner
from meridian.crypto import ecdsa, hpke
from meridian.crypto.aead import OpenError
from meridian.domain.bounded_cache import Caches
from meridian.domain.secret import Secret
from meridian.engine import keyring as keyrings
from meridian.engine.asymmetric import AsymmetricCommands
from meridian.engine.audit_keys import open_signer, published_keys
from meridian.engine.commands import SymmetricCommands
from meridian.engine.imports import ImportCommands
from meridian.engine.kept_by_browsers import SealedForBrowsers
from meridian.engine.keyring import Keyring
from meridian.engine.page_markers import MarkerCommands
from meridian.engine.region_envelopes import HpkeKey, TransportCommands, TransportKeys
from meridian.engine.region_secrets import open_secret, secret_identity, secret_row
from meridian.engine.seals import NoSealError, Seal, SealError
from meridian.engine.serials import SerialCommands
from meridian.engine.session_tokens import SessionCommands
from meridian.engine.store_secrets import StoreSecrets
from meridian.errors import KMSInternalException
from meridian.ports.clock import Clock
from meridian.ports.crypto.faults import WrappedRowFault
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.ports.store.keyring import SecretRow
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import Store, UnitOfWork

SIGNING_KEY: Final = "transport-signing-key"
HPKE_KEY: Final = "transport-hpke-key"
SERIAL_KEY: Final = "membership-serial-key"
SERIAL_KEY_SPEC: Final = "HMAC_256"
SERIAL_KEY_BYTES: Final = 32
HPKE_FRESH: Final = timedelta(hours=24)
HPKE_KEPT: Final = timedelta(days=8)
"""A day of use and seven more for what is still under way."""


class InProcessCryptoEngine(
    SymmetricCommands, AsymmetricCommands, TransportCommands, MarkerCommands, SessionCommands, ImportCommands, SerialCommands
):
    """Implements `ports.crypto.engine.CryptoEngine`."""

    def __init__(
        self,
        identity: RegionIdentity,
        keyring: Keyring,
        seals: Sequence[Seal],
        keys: TransportKeys,
        serial_key: Secret,
        clock: Clock,
        entropy: Entropy,
        events: SecurityEvents,
        caches: Caches,
    ) -> None:
        SymmetricCommands.__init__(self, keyring, clock, entropy, caches)
        AsymmetricCommands.__init__(self, self, clock, entropy, caches)
        TransportCommands.__init__(self, identity.region, keys, self, clock)
        MarkerCommands.__init__(self, keyring)
        SessionCommands.__init__(self, keyring)
        ImportCommands.__init__(self, keyring, self, entropy)
        SerialCommands.__init__(self, serial_key, entropy)
        self._identity = identity
        self._own_keyring = keyring
        self._own_entropy = entropy
        self._events = events
        self.store_secrets = StoreSecrets(identity, keyring, clock, entropy)
        self.kept_by_browsers = SealedForBrowsers(keyring)
        self._seals = tuple(seals)
        self._trouble = ""
        self._log = structlog.get_logger("meridian.engine")

    def __repr__(self) -> str:
        return f"InProcessCryptoEngine({self._identity.region})"

    def keyring_numbers(self) -> frozenset[int]:
        """Numbers of the key-encryption keys that were read here."""
        return self._own_keyring.numbers

    def is_under_active(self, sealed_bytes: bytes) -> bool:
        """Whether a wrapped row names the active key-encryption key."""
        return self._own_keyring.is_under_active(sealed_bytes)

    async def reload_keyring(self, store: Store) -> None:
        """Read the keyring anew and use it from now on. Raises: KmsError; the present keyring stays in use then."""
        async with store.reading() as uow:
            roots, keks = await uow.keyring.roots(), await uow.keyring.keks()
        try:
            newer = await asyncio.to_thread(keyrings.unlock, self._identity, roots, keks, self._seals, self._own_entropy, self._events)
        except SealError as fault:
            self._tell(fault)
            raise KMSInternalException(reason=f"the keyring cannot be read: {fault}") from fault
        self._own_keyring.take_over(newer)
        self._trouble = ""

    def _tell(self, fault: SealError) -> None:
        """Once, and not in every round that finds it so; readiness says it until it is over."""
        before, self._trouble = self._trouble, f"seals: {fault}"
        if self._trouble == before:
            return
        if isinstance(fault, NoSealError):  # nobody has touched a row: the operators have changed the seals
            self._log.error("keyring under other seals", why=str(fault))
        else:
            self._events.report(SecurityEvent.WRAPPED_ROW_UNREADABLE, subject="keyring", kind="keyring", why=str(fault))

    def trouble(self) -> str:
        """Why rows that are written now may not open here, or nothing: the seals do not open the keyring that is stored."""
        return self._trouble

    def open_region_secret(self, row: SecretRow) -> bytes:
        """What is in a secret of the Region. Raises: SealError; the keyring has reported it."""
        return open_secret(self._identity, self._own_keyring, row)

    def rewrap_secret(self, row: SecretRow) -> SecretRow:
        """A secret of the Region under the active key-encryption key, opened again before anybody relies on it.

        Raises: KmsError, SealError.
        """
        renewed = replace(row, row_version=row.row_version + 1)
        try:
            plaintext = self._own_keyring.unwrap(secret_identity(self._identity, row), row.sealed_bytes)
        except OpenError as fault:
            raise WrappedRowFault(reason=f"the Region's {row.kind} does not open") from fault
        renewed = replace(renewed, sealed_bytes=self._own_keyring.wrap(secret_identity(self._identity, renewed), plaintext))
        if open_secret(self._identity, self._own_keyring, renewed) != plaintext:
            raise SealError(f"the Region's {row.kind} does not open from its new wrapping")
        return renewed

    async def audit_signer(self, store: Store, now: datetime) -> AuditSigner:
        """The Region's audit key, made first where there is none. Raises: KmsError, SealError."""
        async with store.transaction() as uow:
            return await open_signer(uow, self._identity, self._own_keyring, now)

    async def audit_keys(self, store: Store) -> AuditKeys:
        """The public halves of every audit key. Raises: KmsError."""
        async with store.reading() as uow:
            return await published_keys(uow, self._identity)

    async def renew_transport_keys(self, store: Store, now: datetime) -> None:
        """Make a fresh HPKE key when the newest is a day old, and destroy those that have served their time."""
        async with store.transaction() as uow:
            rows = await uow.keyring.secrets(HPKE_KEY)
            if not rows or rows[0].created_at + HPKE_FRESH <= now:
                await uow.keyring.insert_secret(_new_hpke_row(self._identity, self._own_keyring, now))
            for row in rows[1:]:
                if row.created_at + HPKE_KEPT <= now:
                    await uow.keyring.delete_secret(HPKE_KEY, row.owner, row.secret_id)
            keys = await _transport_keys(uow, self._identity, self._own_keyring, self._events, now)
        self.use_transport_keys(keys)


async def open_engine(
    store: Store, identity: RegionIdentity, seals: Sequence[Seal], clock: Clock, entropy: Entropy, events: SecurityEvents, caches: Caches
) -> InProcessCryptoEngine:
    """The engine of this Region, its keyring created in one transaction on a fresh database. Raises: SealError."""
    async with store.transaction() as uow:
        roots = await uow.keyring.roots()
        if not roots:
            new_roots, kek = keyrings.create(identity, seals, clock.now(), entropy)
            for row in new_roots:
                await uow.keyring.insert_root(row)
            await uow.keyring.insert_kek(kek)
            roots = new_roots
        keyring = keyrings.unlock(identity, roots, await uow.keyring.keks(), seals, entropy, events)
        if await _only_secret(uow, SIGNING_KEY) is None:
            await uow.keyring.insert_secret(_new_signing_row(identity, keyring, clock.now()))
            await uow.keyring.insert_secret(_new_hpke_row(identity, keyring, clock.now()))
        serial_row = await _only_secret(uow, SERIAL_KEY)
        if serial_row is None:
            serial_row = _new_serial_row(identity, keyring, clock.now(), entropy)
            await uow.keyring.insert_secret(serial_row)
        keys = await _transport_keys(uow, identity, keyring, events, clock.now())
        serial_key = Secret(open_secret(identity, keyring, serial_row))
    return InProcessCryptoEngine(identity, keyring, seals, keys, serial_key, clock, entropy, events, caches)


async def _only_secret(uow: UnitOfWork, kind: str) -> SecretRow | None:
    """The one secret of a kind that there is for ever. Raises: SealError if it is there and cannot be read: a new one is another Region."""
    found = await uow.keyring.secrets(kind)
    if found.unreadable:
        raise SealError(f"the Region's {kind} cannot be read")
    return found[0] if found else None


async def _transport_keys(
    uow: UnitOfWork, identity: RegionIdentity, keyring: Keyring, events: SecurityEvents, now: datetime
) -> TransportKeys:
    """The signing key, and every HPKE key that opens: one that does not keeps no other from use, and is replaced if it was the newest.

    Raises: SealError if the signing key does not open: other Regions know it, so nothing can take its place.
    """
    signing = (await uow.keyring.secrets(SIGNING_KEY))[0]
    found = await uow.keyring.secrets(HPKE_KEY)
    for unreadable in found.unreadable:
        name = "/".join(unreadable.name)
        events.report(SecurityEvent.WRAPPED_ROW_UNREADABLE, subject=name, kind=HPKE_KEY, row=name, why=unreadable.fault)
    opened = [(row, _open_hpke(identity, keyring, row)) for row in found]
    hpke_keys = [key for _, key in opened if key is not None]
    if not opened or opened[0][1] is None:
        row = _new_hpke_row(identity, keyring, now)
        await uow.keyring.insert_secret(row)
        hpke_keys.insert(0, HpkeKey(Secret(open_secret(identity, keyring, row)), row.public_bytes, row.created_at))
    signing_key = ecdsa.load_signing_key(open_secret(identity, keyring, signing))
    return TransportKeys(signing_key, signing.public_bytes, tuple(hpke_keys))


def _open_hpke(identity: RegionIdentity, keyring: Keyring, row: SecretRow) -> HpkeKey | None:
    """None for one that does not open; the keyring has reported it."""
    try:
        return HpkeKey(Secret(open_secret(identity, keyring, row)), row.public_bytes, row.created_at)
    except SealError:
        return None


def _new_signing_row(identity: RegionIdentity, keyring: Keyring, now: datetime) -> SecretRow:
    private, public = ecdsa.new_signing_key()
    return secret_row(identity, keyring, SIGNING_KEY, sha256(public).digest(), private, public, now)


def _new_hpke_row(identity: RegionIdentity, keyring: Keyring, now: datetime) -> SecretRow:
    private, public = hpke.new_key_pair()
    return secret_row(identity, keyring, HPKE_KEY, hpke.key_id(public), private, public, now)


def _new_serial_row(identity: RegionIdentity, keyring: Keyring, now: datetime, entropy: Entropy) -> SecretRow:
    """There is one for ever; its name is fixed, so that of two processes that start at once one makes it."""
    row = SecretRow(SERIAL_KEY, identity.region, sha256(SERIAL_KEY.encode()).hexdigest(), SERIAL_KEY_SPEC, 1, now, b"")
    return replace(row, sealed_bytes=keyring.wrap(secret_identity(identity, row), entropy.random_bytes(SERIAL_KEY_BYTES)))
