"""What is wrong with a Region, as far as its database, its files and its admin listener show; nothing is changed."""

from __future__ import annotations

import asyncio
import errno
import os
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from meridian.adapters.audit_segment import NOT_IN_PLACE
from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.security_events import UntoldEvents
from meridian.adapters.store_sql.row_survey import survey_rows
from meridian.adapters.store_sql.schema import HEAD, SchemaError, current, require_there
from meridian.administration.admin_look import AdminLook, look_at_admin
from meridian.administration.database import store_at
from meridian.administration.doctor_start import look_at_start
from meridian.administration.finding import NEEDS_SCHEMA, Finding, Seen, Verdict, verdicts
from meridian.administration.row_remedies import OF_TABLE
from meridian.audit.directories import log_directories
from meridian.audit.stream_files import head_of, segments_in
from meridian.bootstrap.database import require_names, seals_of
from meridian.bootstrap.own_log import require_database_of_log
from meridian.bootstrap.startup import FAULTS, StartupError, text_of
from meridian.engine import keyring as keyrings
from meridian.engine.keyring import Keyring
from meridian.engine.seals import NO_SEAL, SealError
from meridian.ports.store.audit_events import NOBODY
from meridian.ports.store.faults import ROW_FAULTS
from meridian.ports.store.outbox import OutboxEntry
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import UnitOfWork
from meridian.replication.sets.claims import DECLARED_LOST
from meridian.settings import Settings

LATE: Final = timedelta(seconds=60)
"""What waits for less is under way."""
BRING_BACK: Final = (
    "bring it back; if it is lost, restart the process, which begins a new one; `meridian audit verify --against-db` tells more"
)
CLOCK_STEP: Final = timedelta(seconds=2)
RUNNING: Final = "running process"
NEEDS_DATABASE: Final = frozenset({"audit log"})
"""Areas of which a part stands in the database: without it they are not well, whatever their files are."""
OTHER_SCHEMA: Final = "run `meridian migrate` of this release, or the release that made it"
AWAY: Final = "bring it back; if it is lost, restore a backup; what needs it was not looked at"
LOOKED_AT_MAX: Final = 1000
"""Entries of a kind that are looked at; where there are more, that is told."""


GONE: Final = (os.strerror(errno.ENOENT), NOT_IN_PLACE)
"""What the audit log says of a file that somebody has taken away while it is written."""


async def examine(settings: Settings, *, rows: bool) -> list[Verdict]:
    """What is wrong and what is well; `rows` also reads every row and opens every wrapped one. What needs no database is looked at without
    one, too."""
    look = await asyncio.to_thread(look_at_admin, settings.admin.listen)
    at_start, unseen = await look_at_start(settings, serves=look.serves)
    found: list[Finding | Seen] = [*_audit_directory(settings), *_admin(look), *at_start]
    unseen |= frozenset() if look.serves else {RUNNING}
    try:
        revision = await _revision(settings)
        if revision == HEAD:
            return list(verdicts([*found, *await _in_database(settings, look, rows=rows)], unseen))
        why, do = f"the database is at revision {revision or 'none'}, this release needs {HEAD}", OTHER_SCHEMA
    except StartupError as fault:
        why, do = str(fault), AWAY
    return list(verdicts([*found, Finding("schema", "database", why, do)], unseen | NEEDS_SCHEMA | NEEDS_DATABASE))


async def _revision(settings: Settings) -> str:
    """Raises: StartupError where the database is not there, or cannot be reached."""
    require_database_of_log(settings)
    try:
        require_there(settings.database)
        return await current(settings.database)
    except SchemaError as fault:
        raise StartupError(f"database: {text_of(fault)}") from fault


async def _in_database(settings: Settings, look: AdminLook, *, rows: bool) -> list[Finding]:
    """Raises: StartupError where the database cannot be read."""
    try:
        async with store_at(settings.database) as store:
            async with store.reading() as uow:
                opened, found = await _keyring(uow, settings)
                found += await _waiting(uow, look, settings.region)
                found += await _sets(uow, settings.region)
                found += await _clock(uow)
                found += await _stream(uow, settings)
            return found + (await _rows(settings, *opened) if rows and opened is not None else [])
    except (*FAULTS, *ROW_FAULTS) as fault:
        raise StartupError(f"database: {text_of(fault)}") from fault


async def _keyring(uow: UnitOfWork, settings: Settings) -> tuple[tuple[RegionIdentity, Keyring] | None, list[Finding]]:
    """The keyring where it opens, and what is wrong with it or with one of the seals."""
    identity, roots, keks = await uow.region.identity(), await uow.keyring.roots(), await uow.keyring.keks()
    if identity is None or not roots:
        return None, [Finding("keyring", "database", "it has no keyring", "run `meridian region init`, or `meridian restore` a backup")]
    try:
        require_names(identity, settings)
    except ValueError as fault:
        return None, [Finding("names", "database", str(fault), "use the settings of that Region, or its database")]
    opened, found = None, []
    for seal in seals_of(settings):
        try:
            unlocked = await asyncio.to_thread(keyrings.unlock, identity, roots, keks, [seal], OsEntropy(), UntoldEvents())
        except SealError as fault:
            found.append(
                Finding("seal", seal.provider, str(fault), "bring the seal back; for other seals run `meridian region rotate-root`")
            )
            continue
        opened = identity, unlocked
    unopened = sorted(opened[1].unopened) if opened is not None else []
    return opened, found + [Finding("row", f"keks {n}", "does not open under the root key", OF_TABLE["keks"]) for n in unopened]


async def _rows(settings: Settings, identity: RegionIdentity, keyring: Keyring) -> list[Finding]:
    survey = await survey_rows(settings.database, identity, keyring, wrapped_alone=False)
    named = [fault for fault in survey.faults if fault.table != "keks" or fault.why.startswith("cannot")]
    found = [Finding("row", f"{fault.table} {fault.name}", fault.why, OF_TABLE[fault.table]) for fault in named]
    more = [Finding("rows", "database", f"{survey.unnamed} more cannot be used", "mend those that are named first")]
    return found + (more if survey.unnamed else [])


async def _waiting(uow: UnitOfWork, look: AdminLook, own: str) -> list[Finding]:
    now, found = await uow.region.now(), []
    owners = [*await uow.audit_events.owners(), NOBODY]
    held = [event_id for owner in owners for event_id in await uow.audit_events.held(owner, are_steady=False)]
    events = await uow.audit_events.read(held[:LOOKED_AT_MAX])
    late = [event.event_id for event in events if not look.serves or _is_late(event.body, now)]
    if late:
        do = "look for AuditLogFault in its log" if look.serves else "start the Region; it writes them"
        found.append(Finding("audit events", f"{_count(late)} events", "not in the audit log yet", do))
    entries = await uow.outbox.list(limit=LOOKED_AT_MAX)
    found += [
        Finding("row", f"outbox {'/'.join(unreadable.name)}", f"cannot be read ({unreadable.fault})", OF_TABLE["outbox"])
        for unreadable in entries.unreadable
    ]
    for region in sorted({entry.target_region for entry in entries}):
        slow = [entry for entry in entries if entry.target_region == region and _is_slow(entry, now)]
        if slow:
            why = f"waiting since {min(entry.created_at for entry in slow):%Y-%m-%dT%H:%M:%SZ}"
            last = next((entry.last_error for entry in slow if entry.last_error), "")
            do = f"bring {region} back, or `meridian region detach` it; `meridian outbox list` names each"
            if DECLARED_LOST in last:
                lost = f"{region} has given this Region up: `meridian region found {own}` there is all where nobody took over"
                do = f"{lost}; else {_following(region, own)}"
            found.append(Finding("deliveries", f"{_count(slow)} to {region}", f"{why}{': ' if last else ''}{last}", do))
    return found


def _is_slow(entry: OutboxEntry, now: datetime) -> bool:
    return now - entry.created_at > LATE


def _is_late(body: bytes, now: datetime) -> bool:
    try:
        record: Any = orjson.loads(body)
        return now - datetime.fromisoformat(record["eventTime"]) > LATE
    except (ValueError, KeyError, TypeError):
        return True


def _following(region: str, own: str) -> str:
    """What brings this Region back into the sets that another leads on."""
    return f"`region found {own}` in every other Region, then here `meridian region rejoin {region}`, then there `region take-back {own}`"


async def _sets(uow: UnitOfWork, own: str) -> list[Finding]:
    found, after, led_on = list[Finding](), ("", ""), Counter[str]()
    while True:
        page = await uow.key_sets.list_members(after=after, limit=LOOKED_AT_MAX, unsettled=True)
        for row in page.rows:
            led_on.update(row.led_on_by)
            if not row.stale and not row.lost:
                continue
            why = f"waits without {', '.join(sorted(row.lost))}" if row.lost else "waits for the others' word"
            do = 'run the Region, and the others; the guide for operators, "When a Region is gone, or comes back"'
            found.append(Finding("set", f"{row.account}/{row.key_id}", why, do))
        if page.next is None:
            break
        after = page.next
    for region, count in sorted(led_on.items()):
        why = f"{region} goes on with them as primary, without this Region, and changes to them are refused here"
        do = f"{_following(region, own)}; where nobody took over, {region} lies: `meridian region detach {region}` here"
        found.append(Finding("sets", f"{count} sets", why, do))
    now = await uow.region.now()
    for account, key_id in await uow.keys.list_updating(before=now - LATE, limit=LOOKED_AT_MAX):
        do = "run the Region: it ends by itself; its log says why not"
        found.append(Finding("key", f"{account}/{key_id}", "is Updating for longer than it should be", do))
    return found


async def _clock(uow: UnitOfWork) -> list[Finding]:
    here, there = SystemClock().now(), await uow.region.now()
    found = []
    if abs(here - there) > CLOCK_STEP:
        why = f"{(there - here).total_seconds():+.1f} s against this machine's"
        found.append(Finding("clock", "the database's clock", why, "set both by NTP"))
    last = await uow.audit_streams.last()
    if last is not None and last.opened_at > there + CLOCK_STEP:
        why = f"the database tells of {last.opened_at:%Y-%m-%dT%H:%M:%SZ}, which is to come"
        found.append(Finding("clock", "the system clock", why, "set it by NTP; deletions and expiries wait until then"))
    return found


async def _stream(uow: UnitOfWork, settings: Settings) -> list[Finding]:
    """Whether the newest stream that each process of these settings registered is in its directory."""
    path = settings.audit.directory
    if not path.exists():
        is_new = await uow.audit_streams.last() is None
        return [] if is_new else [Finding("audit directory", str(path), "is not there", "mount it or move it back")]
    found = []
    for directory in log_directories(settings.audit.directory) if path.is_dir() else ():
        row = await uow.audit_streams.newest(settings.replica if directory == settings.audit.directory else directory.name)
        if row is None:
            continue
        if any(first is not None and first.stream == row.head.stream for first in map(head_of, segments_in(directory))):
            continue
        why = f"stream {row.head.stream} of {row.replica} is not there"
        found.append(Finding("audit directory", str(directory), why, BRING_BACK))
    return found


def _audit_directory(settings: Settings) -> list[Finding]:
    path = settings.audit.directory
    if not path.exists():
        return []  # a new Region makes it; whether one was there the database tells
    if not path.is_dir():
        return [Finding("audit directory", str(path), "is a file, not a folder", "move it away, or name another folder")]
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return [Finding("audit directory", str(path), "this user cannot write there", "give it to the user of the process")]
    disk = os.statvfs(path)
    if disk.f_bavail * disk.f_frsize < settings.audit.reserve_bytes:
        why = "its disk is down to the reserve, and every call is refused"
        return [Finding("audit directory", str(path), why, "make room: move old streams away whole, with their digests")]
    return []


def _admin(look: AdminLook) -> list[Finding]:
    found = [Finding("readiness", "the running process", reason, _remedy(reason)) for reason in look.troubles]
    for sink, seconds in look.sinks_behind:
        if seconds > LATE.total_seconds():
            do = "look at the other end, and for AuditLogFault in the log; what it does not have stays on this disk"
            found.append(Finding("audit sink", sink, f"has not had everything for {seconds:,.0f} seconds", do))
    for job, rows in look.set_aside:
        why = f"{rows} rows are set aside, and tried again every five minutes at most"
        found.append(Finding("rows", job, why, "the log names them (`row set aside`); `--rows` tells what each is"))
    return found


def _remedy(trouble: str) -> str:
    """What ends such a trouble of a running process."""
    if trouble.startswith("audit log: ") and any(words in trouble for words in GONE):
        return "put it back as it was; if it is lost, restart the process: it begins a new stream, and `audit verify` names what is missing"
    if trouble.startswith(f"seals: {NO_SEAL}"):
        return "its settings name seals that the Region has no longer: start the process again with its settings of now"
    return "its log says more; what heals is ready again by itself"


def _count(entries: list[Any]) -> str:
    return f"{len(entries)}" if len(entries) < LOOKED_AT_MAX else f"{LOOKED_AT_MAX} or more"
