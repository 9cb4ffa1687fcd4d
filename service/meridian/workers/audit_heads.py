"""Tells the database where the audit stream ends, and the stream which audit key to sign with.

Every five seconds, so that a cut of the end of the log goes unseen for five seconds at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from meridian.audit.keys import AuditKeys, AuditSigner
from meridian.audit.standing_faults import StandingFaults
from meridian.errors import KmsError
from meridian.ports.store.audit_streams import RegisterView
from meridian.ports.store.store import Store
from meridian.workers.periodic import URGENT_SECONDS, Job

HEAD_SECONDS: Final = 5.0


class OldStreams(Protocol):
    """What the worker needs of retention."""

    @property
    def ending(self) -> Sequence[str]:
        """The streams of which the database's word is needed."""
        ...

    def note(self, view: RegisterView) -> None: ...


class RegisteredStream(Protocol):
    """What the worker needs of the stream."""

    @property
    def key_number(self) -> int: ...

    @property
    def retention(self) -> OldStreams: ...

    async def use_signer(self, signer: AuditSigner, keys: AuditKeys) -> None: ...


class Shipping(Protocol):
    """What the worker needs of the shipping of events, which must know of each head."""

    async def register(self, *, is_closed: bool) -> None: ...


class SigningKeyring(Protocol):
    """What the worker needs of the engine."""

    async def audit_signer(self, store: Store, now: datetime) -> AuditSigner: ...

    async def audit_keys(self, store: Store) -> AuditKeys: ...


class AuditHeads:
    """One per process."""

    def __init__(
        self, *, store: Store, stream: RegisteredStream, shipping: Shipping, keyring: SigningKeyring, faults: StandingFaults
    ) -> None:
        self._store = store
        self._stream = stream
        self._keyring = keyring
        self._faults = faults
        self._shipping = shipping

    def job(self) -> Job:
        """Every five seconds."""
        return Job("audit heads", self._look_and_tell, HEAD_SECONDS, URGENT_SECONDS)

    async def _look_and_tell(self) -> None:
        try:
            await self.look()
        except KmsError as fault:  # tried again in five seconds; until then the end of the log is vouched for by digests alone
            self._faults.tell("head", fault.reason)
            raise
        self._faults.ended("head")

    async def look(self) -> None:
        """Register the present end, say what is registered of streams that are to end, and take over a new audit key. Raises: KmsError."""
        await self._shipping.register(is_closed=False)
        async with self._store.reading() as uow:
            keys = await uow.audit_streams.keys()
            rows = {name: await uow.audit_streams.find(name) for name in self._stream.retention.ending}
            now = await uow.region.now()
        self._stream.retention.note(RegisterView(now, keys, {name: row.head if row else None for name, row in rows.items()}))
        newest = keys[-1]
        if newest.number != self._stream.key_number:
            signer = await self._keyring.audit_signer(self._store, now)
            await self._stream.use_signer(signer, await self._keyring.audit_keys(self._store))

    async def close(self) -> None:
        """Register the last end, after the stream was closed. A database that is away leaves the one before."""
        try:
            await self._shipping.register(is_closed=True)
        except KmsError as fault:
            self._faults.tell("head", fault.reason)
