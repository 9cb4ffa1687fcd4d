"""Whole copies of a PostgreSQL database by its own tools, and putting one in the database's place.

`pg_dump` reads the state of one transaction while the Region serves. A copy is filled into a database of a new name beside the present one,
looked at there, and only then takes its name; the present one keeps its rows under a name of its own.

INVARIANT: no password is an argument or in the environment of another program: they read it from a file that only this user can read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql.dialects import async_url, engine_for_once
from meridian.adapters.store_sql.password_file import PASSWORD_FILE, without_password_file
from meridian.adapters.store_sql.sqlite_copies import CopyError
from meridian.domain.foreign_text import printable

MAINTENANCE: Final = "postgres"
"""The database that is connected to while another is made or renamed."""
NAME_BYTES: Final = 30
"""Of a database's name, in the longer names that are made of it: PostgreSQL cuts names at 63."""
FAULT_CHARACTERS: Final = 500
VARIABLES: Final[Mapping[str, str]] = {
    "host": "PGHOST",
    "port": "PGPORT",
    "passfile": "PGPASSFILE",
    "ssl": "PGSSLMODE",
    "service": "PGSERVICE",
    "servicefile": "PGSERVICEFILE",
    "krbsrvname": "PGKRBSRVNAME",
    "gsslib": "PGGSSLIB",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
"""What PostgreSQL's programs read in the place of a parameter of the URL."""


def dump(url: str, to: Path) -> None:
    """Write the state of one transaction into a file that is there, whole and synced. Raises: CopyError, OSError."""
    _run(url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={to}")
    _run(url, "pg_restore", "--list", "--file=/dev/null", str(to))
    with to.open("rb") as file:
        os.fsync(file.fileno())


def fill(url: str, source: Path) -> None:
    """Put everything that a copy has into an empty database, all of it or nothing. Raises: CopyError, OSError."""
    if not source.is_file():
        raise CopyError(f"there is no file {source}")
    name = async_url(url).database or ""
    words = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", f"--dbname={name}")
    _run(url, "pg_restore", *words, str(source))


@contextlib.asynccontextmanager
async def database_beside(url: str, word: str) -> AsyncIterator[str]:
    """The URL of a new, empty database beside this one, whose name ends with `word`; in the end it is gone, unless it took the place of
    another. Raises: CopyError."""
    parsed = async_url(url)
    name = f"{_short(parsed)}_restoring_{word}"
    async with _maintenance(url) as connection:
        await _do(connection, f"CREATE DATABASE {_quoted(connection, name)} TEMPLATE template0", "the role of the settings may make none")
    try:
        yield _as_settings_say(url, name)
    finally:
        async with _maintenance(url) as connection:
            await _do(connection, f"DROP DATABASE IF EXISTS {_quoted(connection, name)}", "remove it by hand")


async def take_place(url: str, other: str, now: datetime) -> str:
    """Give another database the name of this one, which is kept under the name that is answered. Nobody may be connected to either.

    Raises: CopyError, and then this one has its name.
    """
    name, new = async_url(url).database or "", async_url(other).database or ""
    kept = f"{_short(async_url(url))}_before_restore_{now:%Y%m%d%H%M%S}"
    async with _maintenance(url) as connection:
        old_name, new_name, kept_name = (_quoted(connection, each) for each in (name, new, kept))
        await _do(connection, f"ALTER DATABASE {old_name} RENAME TO {kept_name}", "stop every process of the Region first")
        try:
            await _do(connection, f"ALTER DATABASE {new_name} RENAME TO {old_name}", "the database that was there is back")
        except CopyError:
            await _do(connection, f"ALTER DATABASE {kept_name} RENAME TO {old_name}", f"rename {kept} to {name} by hand")
            raise
    return kept


def _short(parsed: URL) -> str:
    return (parsed.database or "").encode()[:NAME_BYTES].decode(errors="ignore")


def _quoted(connection: AsyncConnection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)


def _as_settings_say(url: str, name: str) -> str:
    return async_url(url).set(drivername="postgresql", database=name).render_as_string(hide_password=False)


@contextlib.asynccontextmanager
async def _maintenance(url: str) -> AsyncIterator[AsyncConnection]:
    """Statements there are no transactions. Raises: CopyError where it cannot be reached."""
    engine = engine_for_once(_as_settings_say(url, MAINTENANCE), None)
    try:
        async with engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")
    except (DBAPIError, OSError) as fault:
        raise CopyError(f"the database {MAINTENANCE} of the same server cannot be used: {_words(fault)}") from fault
    finally:
        await engine.dispose()


async def _do(connection: AsyncConnection, statement: str, remedy: str) -> None:
    try:
        await connection.execute(text(statement.replace(":", r"\:")))
    except DBAPIError as fault:
        raise CopyError(f"{statement.partition(' TEMPLATE')[0]}: {_words(fault)}: {remedy}") from fault


def _words(fault: DBAPIError | OSError) -> str:
    """What the server says, without the statement's parameters."""
    said = str(fault.orig).partition(": ")[2] or str(fault.orig) if isinstance(fault, DBAPIError) else str(fault)
    return printable(said.splitlines()[0] if said else type(fault).__name__, FAULT_CHARACTERS)


def _run(url: str, program: str, *words: str) -> None:
    """Raises: CopyError with what the program says."""
    path = shutil.which(program)
    if path is None:
        raise CopyError(f"{program} is not in the PATH: install PostgreSQL's client programs, of the server's release or a newer one")
    with _environment(url) as environment:
        done = subprocess.run([path, "--no-password", *words], env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - no shell; paths and our words
    if done.returncode != 0:
        raise CopyError(f"{program}: {printable(done.stderr.strip(), FAULT_CHARACTERS)}")


@contextlib.contextmanager
def _environment(url: str) -> Iterator[dict[str, str]]:
    """What tells PostgreSQL's programs where the database is, with a file for the password."""
    parsed, password = without_password_file(async_url(url))
    given = {name: value for name, value in parsed.query.items() if isinstance(value, str) and name in VARIABLES}
    found = {"PGHOST": parsed.host, "PGPORT": parsed.port, "PGUSER": parsed.username, "PGDATABASE": parsed.database}
    told = {name: str(value) for name, value in found.items() if value} | {VARIABLES[name]: value for name, value in given.items()}
    others = {name: value for name, value in os.environ.items() if name != "PGPASSWORD"}
    secret = password["password"]() if PASSWORD_FILE in async_url(url).query else parsed.password
    if secret is None:
        yield others | told
        return
    with tempfile.NamedTemporaryFile("w", prefix="meridian-") as pgpass:  # of mode 0600
        escaped = str(secret).replace("\\", "\\\\").replace(":", "\\:")
        pgpass.write(f"*:*:*:*:{escaped}\n")
        pgpass.flush()
        yield others | told | {"PGPASSFILE": pgpass.name}
