# ruff: noqa: S608 - statements are made of words of this test
"""THE table of jobs and the row that no release wrote: one such row among a hundred stops no other, whatever job meets it.

A job that is not in the table fails the first test: it says which rows it reads, and is shown one that it cannot.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client
from meridian.kms.v1 import types_pb2 as t

HUNDRED = 100
QUICK = """
limits.day_seconds = 0.05
limits.rotation_conflict_seconds = 0.0
limits.kek_settle_seconds = 0.2
limits.compare_seconds = 0.5
limits.reservation_seconds = 0.5
limits.usage_seconds = 0.2
"""


@dataclass(frozen=True)
class Crowd:
    """Two Regions with a hundred related keys, all in both."""

    regions: Deployment
    keys: list[str]

    def read(self, region: str, statement: str, *values: object) -> list[Any]:
        return self._execute(region, statement, values).fetchall()

    def change(self, region: str, statement: str, *values: object) -> None:
        assert self._execute(region, statement, values).rowcount >= 1, statement

    def _execute(self, region: str, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        database = sqlite3.connect(self.regions.place(region).folder / "region.sqlite3", timeout=20)
        with database:
            return database.execute(statement, values)

    def job_is_well(self, region: str, job: str) -> bool:
        """Whether a whole round was walked from now on; none has ended by a fault."""
        name = f'meridian_job_rounds_total{{job="{job}"}}'
        before = self.regions.metrics(region)[name]
        self.regions.wait_until(lambda: self.regions.metrics(region)[name] > before + 1)
        return self.regions.metrics(region)[f'meridian_job_faults_total{{job="{job}"}}'] == 0

    def set_aside(self, region: str, job: str) -> float:
        return self.regions.metrics(region)[f'meridian_rows_set_aside{{job="{job}"}}']


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    deployment = Deployment(tmp_path_factory.mktemp("crowd"), [HOME, AWAY]).prepare()
    try:
        deployment.start()
        with deployment.client() as alice:
            keys = sorted(alice.create_key(multi_region=True).key_metadata.key_id for _ in range(HUNDRED))
            for key_id in keys:
                alice.replicate_key(key_id=key_id, replica_region=AWAY)
        deployment.wait_until(lambda: not Crowd(deployment, keys).read(HOME, "select 1 from outbox"))
        for region in (HOME, AWAY):
            deployment.stop(region)
            settings = deployment.place(region).settings
            settings.write_text(QUICK + settings.read_text())
        deployment.start()
        yield Crowd(deployment, keys)
    finally:
        deployment.stop_all()


def change_feed(crowd: Crowd) -> None:
    with crowd.regions.client() as alice:
        for key_id in crowd.keys:
            alice.describe_key(key_id=key_id)
        crowd.change(HOME, "insert into changes (account, key_id) values (x'ff', x'00')")
        crowd.change(HOME, "update keys set description = 'told by the feed'")
        crowd.change(HOME, "insert into changes (account, key_id) select account, key_id from keys")
        for key_id in crowd.keys:
            crowd.regions.wait_until(partial(_is_told_by_the_feed, alice, key_id))
    assert crowd.job_is_well(HOME, "change feed")


def _is_told_by_the_feed(client: Client, key_id: str) -> bool:
    return bool(client.describe_key(key_id=key_id).key_metadata.description == "told by the feed")


def transport_keys(crowd: Crowd) -> None:
    """The newest of few; it is read at the start and once an hour."""
    crowd.regions.stop(AWAY)
    spoilt = "sealed_bytes = cast(substr(sealed_bytes, 1, 40) || zeroblob(40) as blob)"
    crowd.change(AWAY, f"update secrets set {spoilt} where kind = 'transport-hpke-key'")
    crowd.regions.start(AWAY)
    with crowd.regions.client() as alice:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    crowd.regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    told = 'meridian_security_events_total{event="WrappedRowUnreadable"}'
    assert crowd.regions.metrics(AWAY)[told] >= 1


def audit_heads(crowd: Crowd) -> None:
    insert = "insert into audit_streams (stream, replica, opened_at, head_sequence, head_hash, digests, is_closed)"
    crowd.change(HOME, f"{insert} values (x'00', 'another', 'never', 'none', x'ff', 'many', 7)")
    stream = "select head_sequence from audit_streams where is_closed = 0"
    before = crowd.read(HOME, stream)
    with crowd.regions.client() as alice:
        alice.create_key()
    crowd.regions.wait_until(lambda: crowd.read(HOME, stream) != before)
    crowd.change(HOME, "delete from audit_streams where replica = 'another'")


def outbox(crowd: Crowd) -> None:
    crowd.regions.stop(AWAY)
    with crowd.regions.client() as alice:
        for key_id in crowd.keys:
            alice.rotate_key_on_demand(key_id=key_id)
    waiting = "select key_id from outbox where kind = 'set_state'"
    crowd.regions.wait_until(lambda: len(crowd.read(HOME, waiting)) == HUNDRED)
    spoil = f"update outbox set created_at = 'once' where key_id = '{crowd.keys[3]}'"
    # Comparing puts the same intention anew, and so a sound row in the place of the poisoned one.
    crowd.read(HOME, f"create trigger poison after insert on outbox begin {spoil}; end")
    crowd.change(HOME, spoil)
    crowd.regions.start(AWAY)
    delivered = "select key_id from materials group by key_id having count(*) > 1"
    crowd.regions.wait_until(lambda: len(crowd.read(AWAY, delivered)) >= HUNDRED - 1, seconds=120)
    log = crowd.regions.place(HOME).folder / "log"
    told = [line for line in log.read_text().splitlines() if '"row set aside"' in line and '"job": "outbox"' in line]
    assert told
    crowd.read(HOME, "drop trigger poison")
    assert all(crowd.keys[3] in line for line in told)
    assert crowd.job_is_well(HOME, f"outbox {AWAY}")


def outbox_backlog(crowd: Crowd) -> None:
    entries = f'meridian_outbox_entries{{target="{AWAY}"}}'
    for sequence, (when, key_id) in enumerate((("'once'", "'a'"), ("x'ff'", "'b'"), ("1", "'c'")), 900_000):
        values = f"'held', '{AWAY}', '111122223333', {key_id}, 'r', {sequence}, 0, 99999999999999999, '', null, '', {when}"
        crowd.change(HOME, f"insert into outbox values ({values})")
    crowd.regions.wait_until(lambda: crowd.regions.metrics(HOME)[entries] >= 3, seconds=60)
    assert crowd.job_is_well(HOME, "outbox backlog")
    crowd.change(HOME, "delete from outbox where sequence >= 900000")


def reservations(crowd: Crowd) -> None:
    columns = [row[1] for row in crowd.read(AWAY, "pragma table_info(key_sets)")]
    new = {"key_id": "'mrk-' || substr(key_id, 8) || 'aaa'", "status": "'reserved'", "prepared_by": f"'{HOME}'", "reserved_at": "0"}
    made = ", ".join(new.get(name, name) for name in columns)
    statuses = {status for (status,) in crowd.read(AWAY, "select distinct status from key_sets")}
    assert "live" in statuses, statuses
    crowd.change(AWAY, f"insert into key_sets ({', '.join(columns)}) select {made} from key_sets where status = 'live' limit {HUNDRED}")
    (poisoned,) = crowd.read(AWAY, "select key_id from key_sets where status = 'reserved' limit 1")[0]
    crowd.change(AWAY, "update key_sets set refused_serials = '{' where key_id = ?", poisoned)
    # The Region that they name has prepared none of them: it is asked about each, and says so; the place stays, and is asked about later.
    unasked = "select key_id from key_sets where status = 'reserved' and reserved_at = 0"
    crowd.regions.wait_until(lambda: crowd.read(AWAY, unasked) == [(poisoned,)], seconds=150)
    assert crowd.set_aside(AWAY, "reservations") == 1
    assert crowd.job_is_well(AWAY, f"reservations {HOME}")
    crowd.change(AWAY, "delete from key_sets where key_id like '%aaa'")


def membership(crowd: Crowd) -> None:
    whole = crowd.read(HOME, "select view from key_sets where key_id = ?", crowd.keys[5])[0][0]
    crowd.change(HOME, "update key_sets set view = '{\"term\": 7}' where key_id = ?", crowd.keys[5])
    crowd.change(HOME, "update key_sets set stale = 1, version = version + 1 where status = 'live'")
    stale = "select key_id from key_sets where stale"
    crowd.regions.wait_until(lambda: crowd.read(HOME, stale) == [(crowd.keys[5],)], seconds=60)
    assert crowd.set_aside(HOME, "sets") == 1
    assert crowd.job_is_well(HOME, "membership")
    crowd.change(HOME, "update key_sets set view = ? where key_id = ?", whole, crowd.keys[5])
    crowd.regions.wait_until(lambda: not crowd.read(HOME, stale), seconds=60)


def comparing(crowd: Crowd) -> None:
    crowd.change(HOME, "update key_sets set reserved_at = 'once' where key_id = ?", crowd.keys[7])
    assert crowd.job_is_well(HOME, f"comparing {AWAY}")
    assert crowd.set_aside(HOME, "sets") >= 1
    crowd.change(HOME, "update key_sets set reserved_at = null")


def last_usage(crowd: Crowd) -> None:
    with crowd.regions.client(caller="app") as app:
        for _ in range(2):
            for key_id in crowd.keys:
                app.encrypt(key_id=key_id, plaintext=b"x")
            crowd.regions.wait_until(lambda: len(crowd.read(HOME, "select 1 from key_usage where used_at > 0")) >= HUNDRED)
            crowd.change(HOME, "update key_usage set used_at = 'once' where key_id = ?", crowd.keys[2])
            crowd.change(HOME, "update key_usage set used_at = 0 where key_id <> ?", crowd.keys[2])
        app.encrypt(key_id=crowd.keys[2], plaintext=b"x")
        app.encrypt(key_id=crowd.keys[3], plaintext=b"x")
    written = "select 1 from key_usage where typeof(used_at) = 'integer' and used_at > 0"
    crowd.regions.wait_until(lambda: len(crowd.read(HOME, written)) >= 2)
    assert crowd.job_is_well(HOME, "last usage")


def key_schedule(crowd: Crowd) -> None:
    with crowd.regions.client() as alice:
        ending = [alice.create_key().key_metadata.key_id for _ in range(HUNDRED)]
    crowd.change(HOME, "update keys set key_spec = 'ROT13' where key_id = ?", ending[3])
    marks = ", ".join("?" * HUNDRED)
    crowd.change(HOME, f"update keys set state = 'PendingDeletion', deletion_at = created_at where key_id in ({marks})", *ending)
    left = f"select key_id from keys where key_id in ({marks})"
    crowd.regions.wait_until(lambda: crowd.read(HOME, left, *ending) == [(ending[3],)])
    crowd.regions.wait_until(lambda: crowd.set_aside(HOME, "key schedule") == 1)
    assert crowd.job_is_well(HOME, "key schedule")
    crowd.change(HOME, "update keys set key_spec = 'SYMMETRIC_DEFAULT' where key_id = ?", ending[3])


def rewrap(crowd: Crowd) -> None:
    """An older material beside the current one of its key, whose encryption goes on, and a retired key-encryption key."""
    spoilt = "sealed_bytes = cast(substr(sealed_bytes, 1, 40) || zeroblob(40) as blob)"
    several = crowd.read(HOME, "select key_id from materials group by key_id having count(*) > 1 limit 1")[0][0]
    older = "row_version = 1 and material_id <> (select current_material_id from keys where key_id = ?) limit 1"
    row = f"rowid = (select rowid from materials where key_id = ? and {older})"
    crowd.change(HOME, f"update materials set {spoilt} where {row}", several, several)
    crowd.regions.stop(HOME)  # what it has in memory would mend the row
    crowd.regions.start(HOME)
    _turn(crowd, "rotate-kek")
    others = f"select 1 from materials where {UNDER} = 1 and length(sealed_bytes) > 0"
    crowd.regions.wait_until(lambda: len(crowd.read(HOME, others)) == 1, seconds=60)
    crowd.regions.wait_until(lambda: crowd.set_aside(HOME, "rewrap") == 1)
    crowd.regions.wait_until(lambda: not crowd.read(HOME, f"select 1 from secrets where {UNDER} = 1"))
    assert crowd.job_is_well(HOME, "rewrap")
    assert crowd.read(HOME, "select count(*) from keks") == [(2,)], "a row that was set aside may still need it"
    crowd.change(HOME, "update keks set sealed_bytes = zeroblob(120) where kek_number = 1")
    _turn(crowd, "rotate-root")
    _turn(crowd, "rotate-kek")
    crowd.regions.wait_until(lambda: not crowd.read(HOME, f"select 1 from materials where {UNDER} = 2 and length(sealed_bytes) > 0"))
    crowd.regions.stop(HOME)
    crowd.regions.start(HOME)
    with crowd.regions.client(caller="app") as app:
        for key_id in crowd.keys:
            app.encrypt(key_id=key_id, plaintext=b"x")


UNDER = "cast(substr(hex(sealed_bytes), 9, 8) as integer)"


def _turn(crowd: Crowd, command: str) -> None:
    arguments = [sys.executable, "-m", "meridian", "region", command, "--config", str(crowd.regions.place(HOME).settings)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def key_stores(crowd: Crowd) -> None:
    """A hundred stores that are to be disconnected, and one that no release wrote among them."""
    known = '{"xks_proxy_uri_endpoint": "https://xks.example.com", "xks_proxy_uri_path": "/kms/xks/v1", "access_key_id": "A"}'
    columns = "account, store_id, name, state, created_at, proxy, kind, error_code, credential_id, version"
    account = "111122223333"
    for number in range(HUNDRED):
        store = f"cks-{number:017}"
        crowd.change(
            HOME,
            f"insert into key_stores ({columns}) values (?, ?, ?, 'DISCONNECTED', (select max(created_at) from keys), ?, ?, '', '', 1)",
            account, store, store, known, "EXTERNAL_KEY_STORE",
        )  # fmt: skip
    crowd.change(HOME, "update key_stores set proxy = '{' where store_id = ?", f"cks-{3:017}")
    crowd.change(HOME, "update key_stores set state = 'DISCONNECTING'")
    left = "select store_id from key_stores where state = 'DISCONNECTING'"
    crowd.regions.wait_until(lambda: crowd.read(HOME, left) == [(f"cks-{3:017}",)], seconds=60)
    crowd.regions.wait_until(lambda: crowd.set_aside(HOME, "key stores") == 1)
    assert crowd.job_is_well(HOME, "key stores")
    crowd.change(HOME, "delete from key_stores")


def left_keys(crowd: Crowd) -> None:
    """A store that says of no token, and one whose row no release wrote: neither keeps the tokens of others from being asked."""
    columns = "account, store_id, name, state, created_at, proxy, kind, error_code, credential_id, version"
    for number, proxy in enumerate(("{}", "{")):
        store = f"cks-{number:017}"
        crowd.change(
            HOME,
            f"insert into key_stores ({columns}) values (?, ?, ?, 'CONNECTED', (select max(created_at) from keys), ?, ?, '', '', 1)",
            "111122223333", store, store, proxy, "AWS_CLOUDHSM",
        )  # fmt: skip
    assert crowd.job_is_well(HOME, "keys left in tokens")
    assert crowd.set_aside(HOME, "keys left in tokens") == 2
    crowd.change(HOME, "delete from key_stores")


def pruning(crowd: Crowd) -> None:
    """It is due once a minute, and at the start."""
    crowd.regions.stop(AWAY)
    insert = "insert into inbox (source_region, incarnation, sequence, digest, created_at)"
    for number in range(HUNDRED):
        crowd.change(AWAY, f"{insert} values ('{HOME}', 0, ?, x'00', 1)", -number - 1)
    crowd.change(AWAY, f"{insert} values ('{HOME}', 'first', 'second', x'00', 1)")
    crowd.regions.start(AWAY)
    crowd.regions.wait_until(lambda: not crowd.read(AWAY, "select 1 from inbox where created_at = 1"))
    assert crowd.regions.metrics(AWAY)['meridian_job_faults_total{job="pruning"}'] == 0


NO_ROWS = "reads no rows that anybody but itself writes"
JOBS: dict[str, Callable[[Crowd], None] | str] = {
    "change feed": change_feed,
    "transport keys": transport_keys,
    "audit heads": audit_heads,
    f"outbox {AWAY}": outbox,
    "outbox backlog": outbox_backlog,
    f"reservations {AWAY}": reservations,
    "membership": membership,
    f"comparing {AWAY}": comparing,
    "last usage": last_usage,
    "key schedule": key_schedule,
    "rewrap": rewrap,
    "key stores": key_stores,
    "keys left in tokens": left_keys,
    "pruning": pruning,
    "audit shipping": "an event that is no record is told and passed over; tests/contract/test_audit_shipping.py",
    "audit log": NO_ROWS,
    "security events": NO_ROWS,
    "connections of callers": NO_ROWS,
    "connections of other Regions": NO_ROWS,
    "key store health": NO_ROWS,
    "policy files": NO_ROWS,
    "identity files": NO_ROWS,
    "certificate expiry": NO_ROWS,
    "clock watch": NO_ROWS,
    "token key sets": NO_ROWS,
    "token reviews": NO_ROWS,
}


def test_every_job_is_in_the_table(two_regions: Deployment) -> None:
    prefix = 'meridian_job_rounds_total{job="'
    jobs = {name.removeprefix(prefix).removesuffix('"}') for name in two_regions.metrics(HOME) if name.startswith(prefix)}
    assert jobs == set(JOBS)


@pytest.mark.deep
@pytest.mark.parametrize("job", [job for job, poison in JOBS.items() if callable(poison)])
def test_one_poisoned_row_among_a_hundred_stops_no_other(crowd: Crowd, job: str) -> None:
    poison = JOBS[job]
    assert callable(poison)
    poison(crowd)
