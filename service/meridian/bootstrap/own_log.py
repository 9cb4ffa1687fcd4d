"""Whether the audit directory of the settings has the log of the Region whose database the settings name, and which logs lie beside it."""

from __future__ import annotations

from pathlib import Path

from meridian.adapters.audit_logs_seen import SeenLogs
from meridian.adapters.store_sql.dialects import missing_file
from meridian.adapters.store_sql.schema import current
from meridian.audit.directories import has_log, log_directories
from meridian.audit.keys import KEYS_FILE, KEYS_FILE_BYTES_MAX, AuditKeys, AuditKeysError
from meridian.bootstrap.seat import Seat
from meridian.bootstrap.startup import StartupError
from meridian.regular_file import read_regular
from meridian.settings import Settings

REMEDY = "put it back where it was; where it is lost, put a backup back with `meridian restore`; or give a new Region a folder of its own"


def require_database_of_log(settings: Settings) -> None:
    """Raises: StartupError where a log is here and its database is not: it is lost, not yet to be made."""
    path, directory = missing_file(settings.database), settings.audit.directory
    if path and _has_log(directory):
        raise StartupError(f"database: no database at {path}, but {directory} has the log of a Region: {REMEDY}")


async def require_no_log_of_another(settings: Settings) -> None:
    """Before a database is made. Raises: StartupError where a log is here and the database has nothing yet."""
    require_database_of_log(settings)
    directory = settings.audit.directory
    if not missing_file(settings.database) and _has_log(directory) and not await current(settings.database):
        raise StartupError(f"audit.directory: {directory} has the log of another Region than this empty database: {REMEDY}")


def require_own_log(directory: Path, own: AuditKeys) -> None:
    """Raises: StartupError where the log was signed with none of these keys."""
    path = directory / KEYS_FILE
    if not path.exists():
        return
    try:
        found = AuditKeys.from_json(read_regular(path, KEYS_FILE_BYTES_MAX))
    except (AuditKeysError, OSError):
        return  # a copy for convenience, which is written anew
    if not {key.public_key for key in found.keys} & {key.public_key for key in own.keys}:
        raise StartupError(f"audit.directory: {directory} has the log of another keyring than the database: {REMEDY}")


def _has_log(directory: Path) -> bool:
    return any(map(has_log, log_directories(directory)))


def seen_logs(settings: Settings, seat: Seat) -> SeenLogs:
    """The logs of all processes of one parent lie in one directory, by whose name they are found."""
    own = settings.audit.directory
    if not seat.is_shared:
        return SeenLogs(settings.replica, own, settings.audit.replicas)
    return SeenLogs(settings.replica.rpartition("-")[0], own.parent, settings.audit.replicas)
