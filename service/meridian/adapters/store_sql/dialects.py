"""Everything that differs between SQLite and PostgreSQL.

One writer at a time per Region: SQLite by its own lock, PostgreSQL by an advisory lock at the start of each write. So numbers of
the change feed commit in their order, and quotas are counted on what is really there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import URL, Connection, Dialect, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from meridian.adapters.store_sql.password_file import PASSWORD_FILE, require_one_password, without_password_file

BUSY_TIMEOUT_MS: Final = 5000
STATEMENT_TIMEOUT_MS: Final = 10_000
CONNECT_SECONDS: Final = 1.25
CHECKOUT_SECONDS: Final = 2.0
"""How long a caller waits for a connection of the pool."""
READ_SECONDS: Final = 1.25
"""Limit of a statement that reads, kept here whatever the server does. With this, `CONNECT_SECONDS`, and a quarter of a second before and
after, the change feed is read within two seconds of the moment at which the database answers again."""
ERRAND_SECONDS: Final = 2.0
"""Limit of an attempt to connect, and of a statement, for a start's look or a command."""
WRITE_SECONDS: Final = 4.0
"""The same for one that writes, waiting for other writers included; below the deadline of a call that names none."""
WRITER_LOCK: Final = 0x6D6572696469616E
POOL: Final = 5
OWNER_ALONE: Final = 0o600
FORMS: Final = "must be sqlite:///path or postgresql://user@host/name"
PARAMETERS: Final = frozenset(
    {
        "gsslib",
        "host",
        "krbsrvname",
        "passfile",
        PASSWORD_FILE,
        "port",
        "prepared_statement_cache_size",
        "service",
        "servicefile",
        "ssl",
        "target_session_attrs",
    }
)
"""What may stand behind `?` in a URL of PostgreSQL: its driver takes it as a text, and it is not set here; `password_file` is read here.
A password there is shown."""
WHOLE_COPY: Final = 0x4D4B4D53
"""The application id in the header of a SQLite file that is a whole copy; a database that is in use has none."""


def async_url(url: str) -> URL:
    """The URL with its asyncio driver. Raises: ValueError for another database; it shows nothing of the URL, which may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(f"is no URL: {FORMS}") from None
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}.get(parsed.drivername)
    if driver is None:
        raise ValueError(FORMS)
    return parsed.set(drivername=driver)


def require_usable(url: str) -> None:
    """Refuse a URL that no Region can keep its rows under. Raises: ValueError; it shows nothing of the URL but names of parameters."""
    parsed = async_url(url)
    is_file = parsed.get_backend_name() == "sqlite"
    if is_file and (parsed.host or parsed.database in (None, "", ":memory:")):
        raise ValueError(f"names no file: {FORMS}, a path from the root with four slashes")
    unknown = sorted(set(parsed.query) - (set() if is_file else PARAMETERS))
    if unknown:
        raise ValueError(f"has parameters that are not known here: {', '.join(unknown)}; known are {', '.join(sorted(PARAMETERS))}")
    require_one_password(parsed)


def database_name(url: str) -> str:
    """The URL as it may be shown, without its password."""
    return make_url(url).render_as_string(hide_password=True)


def missing_file(url: str) -> str:
    """The path of a database file that is not there, in a folder that is; otherwise empty, and connecting tells. Raises: ValueError."""
    parsed = async_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return ""
    path = Path(str(parsed.database))
    return str(path) if path.parent.is_dir() and not path.exists() else ""


def keep_private(url: str) -> None:
    """Where the database is a file, let its owner alone read it: made so before SQLite makes it for everybody, set so where it is not.

    SQLite gives its journals the mode of the database. A file of another user is left alone. Raises: ValueError.
    """
    parsed = async_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return
    with contextlib.suppress(OSError):  # a folder that is not there: connecting says so
        os.close(os.open(str(parsed.database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ALONE))
    for suffix in ("", "-wal", "-shm"):
        path = Path(f"{parsed.database}{suffix}")
        if path.is_file() and path.stat().st_uid == os.geteuid():
            path.chmod(OWNER_ALONE)


def engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    """(engine for writing, engine for reading)."""
    parsed = async_url(url)
    keep_private(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, 1, _begin_writing), _sqlite(parsed, POOL, _begin_reading)
    writing, reading = _postgresql(parsed, WRITE_SECONDS), _postgresql(parsed, READ_SECONDS)
    event.listen(writing.sync_engine, "begin", take_writer_lock)
    return writing, reading.execution_options(isolation_level="REPEATABLE READ")


def room_of(engine: AsyncEngine) -> tuple[int, float]:
    """(how many connections an engine of `engines` opens, how many seconds a caller waits for one)."""
    pool = cast(QueuePool, engine.pool)
    return pool.size() + (0 if engine.dialect.name == "sqlite" else POOL), pool.timeout()


def engine_for_once(url: str, statement_seconds: float | None) -> AsyncEngine:
    """An engine for one errand, a start's look or a command; a statement may take so long on PostgreSQL, None for as long as it takes. A
    database that hangs is told of after `ERRAND_SECONDS`. The caller disposes of it."""
    parsed = async_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _opened_first(create_async_engine(parsed))
    plain, password = without_password_file(parsed)
    return create_async_engine(plain, connect_args={"timeout": ERRAND_SECONDS, "command_timeout": statement_seconds, **password})


def driver_faults(dialect: Dialect) -> tuple[type[Exception], ...]:
    """What the driver raises past SQLAlchemy. PostgreSQL's is imported for a Region that has such a database, and for no other."""
    if dialect.name == "sqlite":
        return ()
    from asyncpg import InterfaceError, PostgresError

    return (PostgresError, InterfaceError)


def _opened_first(engine: AsyncEngine) -> AsyncEngine:
    """The engine, which opens each file here before a thread of the driver does: one that cannot open it would tell a loop that may have
    ended, and die with a traceback before its user's eyes."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def before(_: Any, __: Any, arguments: Any, ___: Any) -> None:
        path = Path(arguments[0])
        if path.exists() or not path.parent.is_dir():  # none is made here: who moved his database finds no empty one in its place
            sqlite3.connect(path).close()

    return engine


PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}", "secure_delete=ON")
"""`secure_delete`: what is deleted, wrapped key material above all, is overwritten with zeros, and does not wait in free pages."""


def _sqlite(url: URL, pool_size: int, begin: Callable[[Connection], None]) -> AsyncEngine:
    engine = _opened_first(
        create_async_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=10, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin when we say so
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute("PRAGMA application_id")
        if tuple(cursor.fetchone()) == (WHOLE_COPY,):
            cursor.execute("PRAGMA application_id = 0")  # a copy of this file alone would be whole no more
        cursor.close()

    event.listen(engine.sync_engine, "begin", begin)
    return engine


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    driver.begin_with_next("BEGIN")  # which sees the database as it is at its first statement, whenever it is said


def _postgresql(url: URL, statement_seconds: float) -> AsyncEngine:
    settings = {"statement_timeout": str(STATEMENT_TIMEOUT_MS), "timezone": "UTC"}
    plain, password = without_password_file(url)
    arguments = {"server_settings": settings, "timeout": CONNECT_SECONDS, "command_timeout": statement_seconds, **password}
    return create_async_engine(plain, pool_size=POOL, max_overflow=POOL, pool_timeout=CHECKOUT_SECONDS, connect_args=arguments)


def take_writer_lock(connection: Connection) -> None:
    """Wait until nobody else writes to this database on PostgreSQL, and let nobody until the transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITER_LOCK})
