"""A Region's own database: is it of this release, and does it belong to the Region of the settings?"""

from __future__ import annotations

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.pkcs11.library import TokenPlace
from meridian.adapters.pkcs11.seal import TokenSeal
from meridian.adapters.security_events import log_event
from meridian.adapters.store_sql.dialects import database_name
from meridian.adapters.store_sql.schema import DatabaseAheadError, require_current
from meridian.adapters.store_sql.store import SqlStore
from meridian.engine.seals import FileSeal, PassphraseSeal, Seal
from meridian.ports.security_events import SecurityEvent
from meridian.ports.store.region import RegionIdentity
from meridian.settings import FileSealSettings, PassphraseSealSettings, Settings
from meridian.settings_tokens import TokenSealSettings


def seals_of(settings: Settings) -> list[Seal]:
    """The configured seals of the root key."""
    return [_seal_of(each) for each in settings.seals]


def _seal_of(settings: FileSealSettings | PassphraseSealSettings | TokenSealSettings) -> Seal:
    match settings:
        case FileSealSettings():
            return FileSeal(settings.path)
        case PassphraseSealSettings():
            return PassphraseSeal(settings.passphrase_file, settings.time_cost, settings.memory_kib, settings.parallelism)
        case TokenSealSettings():
            return TokenSeal(TokenPlace(settings.module, settings.token), settings.key, settings.pin_file)


async def require_own_release(database: str) -> None:
    """Raises: SchemaError. A database of a newer release is told in the log alone: there is no audit stream yet."""
    try:
        await require_current(database)
    except DatabaseAheadError as fault:
        log_event(SecurityEvent.DATABASE_AHEAD, "database", 1, {"reason": str(fault)})
        raise


async def stored_identity(store: SqlStore, settings: Settings) -> RegionIdentity:
    """The stored names of the Region, stored now if there are none. Raises: ValueError if the settings say otherwise."""
    async with store.transaction() as uow:
        stored = await uow.region.identity()
        if stored is None:
            stored = RegionIdentity(settings.deployment, settings.partition, settings.region, 0, SystemClock().now())
            await uow.region.initialise(stored)
    require_names(stored, settings)
    return stored


def require_names(stored: RegionIdentity, settings: Settings) -> None:
    """Raises: ValueError if the settings name another deployment, partition or Region than the database."""
    wanted = {"deployment": settings.deployment, "partition": settings.partition, "region": settings.region}
    for name, value in wanted.items():
        if getattr(stored, name) != value:
            belongs = f"the database belongs to {name} {getattr(stored, name)}, the settings say {value}"
            raise ValueError(f"{name}: {belongs}; it is {database_name(settings.database)}")
