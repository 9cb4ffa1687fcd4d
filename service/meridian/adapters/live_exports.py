"""What is exported to another KMS, in memory, as the database has it: looked at twice a second, so that a revocation acts within one.

INVARIANT: what was not looked at for longer than the staleness bound is not served, and a row that does not open is no export.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from meridian.domain.xks import Export
from meridian.engine.seals import SealError
from meridian.engine.xks_rows import CREDENTIAL_KIND, EXPORT_KIND, read_credential, read_export
from meridian.errors import KMSInternalException
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.store.keyring import SecretName, SecretRow
from meridian.ports.store.store import Store
from meridian.ports.xks import KeyStorePlace

LOOK_SECONDS: Final = 0.4
STALENESS_SECONDS_MAX: Final = 5.0
TRIED_AGAIN_SECONDS: Final = 5.0
"""A row that did not open, perhaps because the key-encryption key over it has not been read yet."""
ROWS_AT_ONCE: Final = 50
"""Then others have their turn."""
KINDS: Final = (EXPORT_KIND, CREDENTIAL_KIND)


class SecretOpener(Protocol):
    """The part of the crypto engine that opens secrets of the Region."""

    def open_region_secret(self, row: SecretRow) -> bytes:
        """Raises: SealError."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    """One state of the database; its secrets are not shown."""

    names: tuple[SecretName, ...] = ()
    exports: dict[str, Export] = field(default_factory=dict)
    stores: dict[str, KeyStorePlace] = field(default_factory=dict)
    secrets: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    unopened: int = 0


class LiveExports:
    """Implements `ports.xks.Exports`."""

    def __init__(self, store: Store, secrets: SecretOpener, clock: Clock) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._known = _Known()
        self._good_until = -1.0
        self._try_again_at = 0.0

    async def look(self) -> None:
        """Read what is exported where that has changed. Raises: StoreUnavailable."""
        began = self._clock.monotonic()
        async with self._store.reading() as uow:
            names = tuple(await uow.keyring.secret_names(KINDS))
            if names != self._known.names or (self._known.unopened and began >= self._try_again_at):
                exports, credentials = await uow.keyring.secrets(EXPORT_KIND), await uow.keyring.secrets(CREDENTIAL_KIND)
                unreadable = len(exports.unreadable) + len(credentials.unreadable)
                self._known = await self._opened(names, exports, credentials, unreadable)
                self._try_again_at = began + TRIED_AGAIN_SECONDS
        self._good_until = began + STALENESS_SECONDS_MAX

    def is_whole(self) -> bool:
        """Whether the last look opened everything."""
        return not self._known.unopened

    def nothing_changed(self, at: float) -> None:
        """Nobody had committed anything since the last look at this moment, in monotonic seconds: it counts as one."""
        self._good_until = at + STALENESS_SECONDS_MAX

    def find_store(self, prefix: str) -> KeyStorePlace | None:
        return self._fresh().stores.get(prefix)

    def find_secret(self, prefix: str, access_key_id: str) -> str | None:
        return self._fresh().secrets.get((prefix, access_key_id))

    def find_export(self, export_id: str) -> Export | None:
        return self._fresh().exports.get(export_id)

    def _fresh(self) -> _Known:
        if self._clock.monotonic() > self._good_until:
            raise KMSInternalException(reason="what is exported was not read within the staleness bound")
        return self._known

    async def _opened(
        self, names: tuple[SecretName, ...], export_rows: Iterable[SecretRow], credential_rows: Iterable[SecretRow], unreadable: int
    ) -> _Known:
        known, unopened = _Known(names), unreadable
        for number, row in enumerate((*export_rows, *credential_rows), 1):
            try:
                self._take(known, row)
            except SealError:  # the engine has reported it
                unopened += 1
            if number % ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
        if unopened:
            structlog.get_logger("meridian.xks").error("exports or credentials cannot be read and are not served", rows=unopened)
        return _Known(names, known.exports, known.stores, known.secrets, unopened)

    def _take(self, known: _Known, row: SecretRow) -> None:
        content = self._secrets.open_region_secret(row)
        if row.kind == EXPORT_KIND:
            export = read_export(content, row)
            known.exports[export.export_id] = export
            known.stores[export.prefix] = KeyStorePlace(export.prefix, export.account)
            return
        credential, secret = read_credential(content, row)
        known.secrets[credential.prefix, credential.access_key_id] = secret
