"""What an operator does to a Region's database while it does not serve."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Final

from meridian.adapters.audit_keys import published_keys
from meridian.adapters.audit_segment import AuditDirectory
from meridian.adapters.clock_system import SystemClock
from meridian.adapters.engine_in_process import open_engine
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.security_events import EventsOfCommand
from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.store_sql.schema import require_current, require_there
from meridian.adapters.store_sql.store import SqlStore
from meridian.audit.against_database import Evidence, read_evidence
from meridian.audit.keys import AuditKeys
from meridian.bootstrap.database import seals_of, stored_identity
from meridian.bootstrap.own_log import require_database_of_log, require_no_log_of_another, require_own_log
from meridian.bootstrap.startup import FAULTS, StartupError, naming, text_of
from meridian.domain.bounded_cache import Caches
from meridian.engine.seals import Seal, SealError
from meridian.ports.entropy import Entropy
from meridian.ports.store import Store, UnitOfWork
from meridian.ports.store_faults import VersionConflict
from meridian.ports.store_rows import OutboxEntry, RegionIdentity
from meridian.settings import Settings

OUTBOX_SHOWN_MAX: Final = 1000


@contextlib.asynccontextmanager
async def _store_of(settings: Settings) -> AsyncIterator[SqlStore]:
    """The Region's store, of this release's schema. Raises: StartupError, for what fails in here as well."""
    try:
        require_database_of_log(settings)
        with naming("database"):
            await require_current(settings.database)
        store = SqlStore.connect(settings.database)
        try:
            yield store
        finally:
            await store.close()
    except (*FAULTS, VersionConflict) as fault:
        raise StartupError(text_of(fault)) from fault


async def migrate(settings: Settings) -> None:
    """Bring the Region's database to the schema of this release. Raises: StartupError."""
    with naming("database"):
        require_there(settings.database)
        await upgrade(settings.database)


async def initialise(settings: Settings) -> str:
    """Migrate the database and make the keyring where there is none; the answer is the Region's transport fingerprint.

    Raises: StartupError.
    """
    with naming("database"):
        await require_no_log_of_another(settings)
        await upgrade(settings.database)
    async with _store_of(settings) as store:
        identity = await stored_identity(store, settings)
        with naming("seals"):
            engine = await open_engine(
                store, identity, seals_of(settings), SystemClock(), OsEntropy(), EventsOfCommand(), Caches(settings.limits.cache_bytes)
            )
        await engine.audit_signer(store, SystemClock().now())
        require_own_log(settings.audit.directory, await engine.audit_keys(store))
        return engine.transport_fingerprint()


async def turn_keyring(settings: Settings, turn: Callable[[Store, Sequence[Seal], Entropy], Awaitable[int]]) -> int:
    """Turn a level of the Region's key hierarchy; the answer is the number of the new key. Raises: StartupError."""
    async with _store_of(settings) as store:
        return await turn(store, seals_of(settings), OsEntropy())


async def read_audit_keys(settings: Settings) -> AuditKeys:
    """The public halves of the Region's audit keys. Raises: StartupError."""
    async with _store_of(settings) as store, store.reading() as uow:
        return await published_keys(uow, await _identity_in(uow))


async def read_evidence_of(settings: Settings) -> tuple[Evidence, AuditKeys]:
    """What the database knows of the audit log, and the keys that it is signed with. Raises: StartupError."""
    async with _store_of(settings) as store, store.reading() as uow:
        return await read_evidence(uow), await published_keys(uow, await _identity_in(uow))


async def read_outbox(settings: Settings) -> list[OutboxEntry]:
    """The oldest deliveries that are not made yet, as many as a list shows. Raises: StartupError."""
    async with _store_of(settings) as store, store.reading() as uow:
        return list(await uow.outbox.list(limit=OUTBOX_SHOWN_MAX))


async def say_word(settings: Settings, word: Callable[[Store, Entropy, str], Awaitable[int]], about: str) -> int:
    """An operator's word about another Region, kept in this one. Raises: StartupError."""
    async with _store_of(settings) as store:
        return await word(store, OsEntropy(), about)


async def _identity_in(uow: UnitOfWork) -> RegionIdentity:
    """Raises: SealError."""
    identity = await uow.region.identity()
    if identity is None:
        raise SealError("the database belongs to no Region yet: run `meridian region init`")
    return identity


@contextlib.contextmanager
def while_nobody_serves(settings: Settings) -> Iterator[None]:
    """No process with these settings serves now, nor begins to in here. Raises: StartupError."""
    path = settings.audit.directory
    if not path.is_dir():
        yield
        return
    try:
        taken = AuditDirectory.take(path)
    except OSError as fault:
        raise StartupError(f"the Region may be serving, stop it first: {text_of(fault)}") from fault
    with contextlib.closing(taken):
        yield
