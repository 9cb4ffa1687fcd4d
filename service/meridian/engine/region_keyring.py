"""The Region's keyring as workers and readiness see it: read anew under turned keys, and what is wrapped under it but key material."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from meridian.audit.keys import AuditKeys, AuditSigner
from meridian.crypto.aead import OpenError
from meridian.engine import keyring as keyrings
from meridian.engine.audit_keys import open_signer, published_keys
from meridian.engine.keyring import Keyring
from meridian.engine.region_secrets import open_secret, secret_identity
from meridian.engine.seals import NoSealError, Seal, SealError
from meridian.errors import KMSInternalException
from meridian.log import structlog
from meridian.ports.crypto.faults import WrappedRowFault
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.ports.store.keyring import SecretRow
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import Store


class RegionKeyring:
    """One keyring, shared with everything that wraps under it."""

    def __init__(self, identity: RegionIdentity, keyring: Keyring, seals: Sequence[Seal], entropy: Entropy, events: SecurityEvents) -> None:
        self._identity = identity
        self._keyring = keyring
        self._seals = tuple(seals)
        self._entropy = entropy
        self._events = events
        self._trouble = ""
        self._log = structlog.get_logger("meridian.engine")

    def __repr__(self) -> str:
        return f"RegionKeyring({self._identity.region})"

    def numbers(self) -> frozenset[int]:
        """Of the key-encryption keys that were read here."""
        return self._keyring.numbers

    def is_under_active(self, sealed_bytes: bytes) -> bool:
        """Whether a wrapped row names the active key-encryption key."""
        return self._keyring.is_under_active(sealed_bytes)

    async def reload(self, store: Store) -> None:
        """Read the keyring anew and use it from now on. Raises: KmsError; the present keyring stays in use then."""
        async with store.reading() as uow:
            roots, keks = await uow.keyring.roots(), await uow.keyring.keks()
        try:
            newer = await asyncio.to_thread(keyrings.unlock, self._identity, roots, keks, self._seals, self._entropy, self._events)
        except SealError as fault:
            self._tell(fault)
            raise KMSInternalException(reason=f"the keyring cannot be read: {fault}") from fault
        self._keyring.take_over(newer)
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
        return open_secret(self._identity, self._keyring, row)

    def rewrap_secret(self, row: SecretRow) -> SecretRow:
        """A secret of the Region under the active key-encryption key, opened again before anybody relies on it.

        Raises: KmsError, SealError.
        """
        renewed = replace(row, row_version=row.row_version + 1)
        try:
            plaintext = self._keyring.unwrap(secret_identity(self._identity, row), row.sealed_bytes)
        except OpenError as fault:
            raise WrappedRowFault(reason=f"the Region's {row.kind} does not open") from fault
        renewed = replace(renewed, sealed_bytes=self._keyring.wrap(secret_identity(self._identity, renewed), plaintext))
        if open_secret(self._identity, self._keyring, renewed) != plaintext:
            raise SealError(f"the Region's {row.kind} does not open from its new wrapping")
        return renewed

    async def audit_signer(self, store: Store, now: datetime) -> AuditSigner:
        """The Region's audit key, made first where there is none. Raises: KmsError, SealError."""
        async with store.transaction() as uow:
            return await open_signer(uow, self._identity, self._keyring, now)

    async def audit_keys(self, store: Store) -> AuditKeys:
        """The public halves of every audit key. Raises: KmsError."""
        async with store.reading() as uow:
            return await published_keys(uow, self._identity)
