"""A Region's database as operators open it: while no process serves, or beside one that does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from meridian.adapters.audit_segment import AuditDirectory
from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.security_events import EventsOfCommand
from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.store_sql.schema import require_current, require_made
from meridian.adapters.store_sql.store import SqlStore
from meridian.audit.directories import log_directories
from meridian.bootstrap.database import seals_of, stored_identity
from meridian.bootstrap.own_log import require_database_of_log, require_no_log_of_another, require_own_log
from meridian.bootstrap.startup import FAULTS, StartupError, naming, text_of
from meridian.domain.bounded_cache import Caches
from meridian.engine.engine import EngineSurroundings, open_engine
from meridian.engine.seals import Seal
from meridian.ports.entropy import Entropy
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.store import Store
from meridian.settings import Settings

T = TypeVar("T")


@contextlib.asynccontextmanager
async def store_at(url: str) -> AsyncIterator[SqlStore]:
    """The store of this database, whatever its schema is; closed in the end."""
    store = SqlStore.connect(url)
    try:
        yield store
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[SqlStore]:
    """The Region's store, of this release's schema. Raises: StartupError, for what fails in here as well."""
    try:
        require_database_of_log(settings)
        with naming("database"):
            await require_current(settings.database)
        async with store_at(settings.database) as store:
            yield store
    except (*FAULTS, VersionConflict) as fault:
        raise StartupError(text_of(fault)) from fault


async def migrate(settings: Settings) -> None:
    """Bring the database of a Region to the schema of this release; an empty one stays empty. Raises: StartupError."""
    require_database_of_log(settings)
    with naming("database"):
        await require_made(settings.database)
        await upgrade(settings.database)


async def initialise(settings: Settings) -> str:
    """Migrate the database and make the keyring where there is none; the answer is the Region's transport fingerprint.

    Raises: StartupError.
    """
    with naming("database"):
        await require_no_log_of_another(settings)
        await upgrade(settings.database)
    async with open_store(settings) as store:
        identity = await stored_identity(store, settings)
        with naming("seals"):
            around = EngineSurroundings(SystemClock(), OsEntropy(), EventsOfCommand(), Caches(settings.limits.cache_bytes))
            engine = await open_engine(store, identity, seals_of(settings), around)
        await engine.region_keyring.audit_signer(store, SystemClock().now())
        for directory in log_directories(settings.audit.directory):
            require_own_log(directory, await engine.region_keyring.audit_keys(store))
        return engine.envelopes.transport_fingerprint()


async def administer(settings: Settings, work: Callable[[Store, Sequence[Seal], Entropy], Awaitable[T]]) -> T:
    """What comes of work on the Region's database with its seals: a level of the key hierarchy is turned, a key exported. Raises:
    StartupError."""
    async with open_store(settings) as store:
        return await work(store, seals_of(settings), OsEntropy())


@contextlib.contextmanager
def while_nobody_serves(settings: Settings) -> Iterator[None]:
    """No process with these settings serves now, nor begins to in here. Raises: StartupError."""
    path = settings.audit.directory
    if not path.is_dir():
        yield
        return
    with contextlib.ExitStack() as taken:
        try:
            for directory in dict.fromkeys((path, *log_directories(path))):
                taken.callback(AuditDirectory.take(directory).close)
        except OSError as fault:
            raise StartupError(f"the Region may be serving, stop it first: {text_of(fault)}") from fault
        yield
