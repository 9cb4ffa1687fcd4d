"""`meridian region doctor` finds what is wrong, says what can be done, and shows no secret."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.administration.finding import AREAS
from meridian.cli.exit_codes import OK, OTHER, SETUP
from meridian.cli.region_place import HOST
from meridian.crypto.certificates import CertificateFiles, new_leaf
from meridian.domain.peer_message import PROTOCOL_VERSION

SPOILT = "sealed_bytes = cast(substr(sealed_bytes, 1, 40) || zeroblob(40) as blob)"


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("doctor"), [HOME]).prepare()
    try:
        deployment.start()
        with deployment.client() as alice:
            for _ in range(4):
                alice.create_key()
        yield deployment
    finally:
        deployment.stop_all()


def lines(region: Deployment, *words: str, code: int) -> list[dict[str, str]]:
    settings = str(region.place(HOME).settings)
    command = [sys.executable, "-m", "meridian", "region", "doctor", "--config", settings, "--output", "json", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    seal = (region.place(HOME).folder / "seal").read_bytes() if (region.place(HOME).folder / "seal").exists() else b"-"
    assert seal.hex() not in done.stdout
    said: list[dict[str, str]] = json.loads(done.stdout) if code != SETUP else []
    assert all(set(each) == {"verdict", "what", "subject", "why", "do"} for each in said)
    assert all(bool(each["do"]) == (each["verdict"] == "wrong") for each in said)
    return said


def examine(region: Deployment, *words: str, code: int) -> list[dict[str, str]]:
    """What is wrong."""
    return [each for each in lines(region, *words, code=code) if each["verdict"] == "wrong"]


def renew(region: Deployment, certificate: Path, key: Path, days: int) -> None:
    """A certificate of ninety days that has so many left."""
    began = datetime.now(UTC) - timedelta(days=90 - days)
    authority = CertificateFiles(*((region.root / f"client-ca.{end}").read_bytes() for end in ("crt", "key")))
    made = new_leaf(authority, "server", began, addresses=[HOST], life=timedelta(days=90))
    certificate.write_bytes(made.certificate)
    key.write_bytes(made.private_key)


def change(region: Deployment, statement: str, *values: object) -> None:
    with sqlite3.connect(region.place(HOME).folder / "region.sqlite3", timeout=20) as database:
        assert database.execute(statement, values).rowcount >= 1
    database.close()


def subjects(found: list[dict[str, str]], what: str) -> list[str]:
    return [each["subject"] for each in found if each["what"] == what]


def test_a_sound_region_that_serves_has_nothing(region: Deployment) -> None:
    region.wait_until(lambda: region.metrics(HOME)['meridian_job_rounds_total{job="audit shipping"}'] > 1)
    assert examine(region, "--rows", code=OK) == []
    command = [sys.executable, "-m", "meridian", "region", "doctor", "--config", str(region.place(HOME).settings), "--output", "table"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert all(area in told for area in AREAS), "each has its line"
    assert told.count(" well ") == len(AREAS)


def test_rows_that_do_not_open_or_cannot_be_read_are_named_with_what_to_do(region: Deployment) -> None:
    with region.client() as alice:
        spoilt, unread, used = (alice.create_key().key_metadata.key_id for _ in range(3))
    change(region, f"update materials set {SPOILT} where key_id = ?", spoilt)  # noqa: S608 - words of this test
    change(region, "update keys set key_spec = 'ROT13' where key_id = ?", unread)
    change(region, "update keys set created_at = 'once' where key_id = ?", used)
    found = examine(region, "--rows", code=OTHER)
    rows = {each["subject"]: each["why"] for each in found if each["what"] == "row"}
    assert any(subject.startswith("materials ") and spoilt in subject and "does not open" in why for subject, why in rows.items())
    assert any(subject.startswith("keys ") and unread in subject and "ValueError" in why for subject, why in rows.items())
    assert any(subject.startswith("keys ") and used in subject and "cannot be read" in why for subject, why in rows.items())
    assert all("meridian restore" in each["do"] for each in found if each["what"] == "row")
    assert subjects(examine(region, code=OK), "row") == [], "rows are read only when asked"
    change(region, "update keys set created_at = 1, key_spec = 'SYMMETRIC_DEFAULT' where key_id in (?, ?)", unread, used)


def test_rows_that_a_job_has_set_aside_are_told(region: Deployment) -> None:
    with region.client() as alice:
        due = alice.create_key().key_metadata.key_id
    change(region, "update keys set key_spec = 'ROT13', state = 'PendingDeletion', deletion_at = created_at where key_id = ?", due)
    region.wait_until(lambda: region.metrics(HOME)['meridian_rows_set_aside{job="key schedule"}'] == 1)
    assert subjects(examine(region, code=OTHER), "rows") == ["key schedule"]
    change(region, "delete from keys where key_id = ?", due)


def test_what_waits_is_told_where_nobody_serves(region: Deployment) -> None:
    region.stop(HOME)
    change(region, "insert into audit_events (event_id, body) values ('e', x'7b7d')")
    change(region, "update keys set updating_until = 1 where key_id = (select min(key_id) from keys)")
    values = "'set_state', 'eu-west-1', '111122223333', 'mrk-1', 'r', 1, 7, 1, '', null, 'no answer', 1"
    change(region, f"insert into outbox values ({values})")  # noqa: S608 - words of this test
    # As many before it as a long life has.
    numbers = "with recursive n(n) as (select 1000 union all select n + 1 from n where n < 3000)"
    one = "(select * from audit_streams limit 1)"
    earlier = f"{numbers} select n, 'earlier' || n, replica, opened_at, 5, head_hash, 0, 1 from {one}, n"  # noqa: S608 - words of this test
    later = f"select 9999, 'later', replica, 9e15, 5, head_hash, 0, 0 from {one}"  # noqa: S608 - the same
    for rows in (earlier, later):
        change(region, f"insert into audit_streams {rows}")
    found = examine(region, code=OTHER)
    assert {each["what"] for each in found} == {"audit events", "deliveries", "key", "clock", "audit directory"}
    assert [each["why"] for each in found if each["what"] == "deliveries"] == ["waiting since 1970-01-01T00:00:00Z: no answer"]
    for table in ("audit_events where event_id = 'e'", "outbox", "audit_streams where number >= 1000"):
        change(region, f"delete from {table}")  # noqa: S608 - words of this test
    change(region, "update keys set updating_until = null")


@pytest.mark.deep
def test_seals_schema_directory_and_database_are_looked_at(region: Deployment) -> None:
    folder = region.place(HOME).folder

    def away(name: str) -> Path:
        path: Path = (folder / name).rename(folder / "away")
        return path

    moved = away("seal")
    assert subjects(examine(region, code=OTHER), "seal") == ["file"]
    moved.rename(folder / "seal")
    moved = away("audit")
    assert subjects(examine(region, code=OTHER), "audit directory") == [str(folder / "audit")]
    moved.rename(folder / "audit")
    before = sqlite3.connect(folder / "region.sqlite3").execute("select version_num from alembic_version").fetchone()[0]
    change(region, "update alembic_version set version_num = '9999'")
    assert subjects(examine(region, code=OTHER), "schema") == ["database"]
    change(region, "update alembic_version set version_num = ?", before)
    moved = away("region.sqlite3")
    assert subjects(examine(region, code=OTHER), "schema") == ["database"]
    moved.rename(folder / "region.sqlite3")


def test_what_needs_no_database_is_looked_at_without_one(region: Deployment) -> None:
    folder = region.place(HOME).folder
    key = folder / "server.key"
    moved = (folder / "region.sqlite3").rename(folder / "away")
    key.chmod(0o644)
    try:
        said = lines(region, code=OTHER)
    finally:
        key.chmod(0o600)
        moved.rename(folder / "region.sqlite3")
    told = {each["what"]: each for each in said}
    assert told["schema"]["why"].startswith(f"database: no database at {folder / 'region.sqlite3'}")
    assert str(key) in told["identity files"]["why"]
    assert told["policies"]["verdict"] == "well"
    for area in ("audit log", "names", "seals", "clock", "other Regions", "keys"):
        assert told[area]["verdict"] == "not looked at", area


@pytest.mark.deep
def test_addresses_certificates_policies_and_peers_are_looked_at(tmp_path_factory: pytest.TempPathFactory) -> None:
    deployment = Deployment(tmp_path_factory.mktemp("places"), [HOME, AWAY]).prepare()
    place = deployment.place(HOME)
    text = place.settings.read_text()
    try:
        deployment.start()
        assert examine(deployment, code=OK) == [], "the other Region answers"
        seen = {each["what"]: each["why"] for each in lines(deployment, code=OK) if each["subject"] == AWAY}
        assert set(seen) == {"peer", "peer clock"}
        assert seen["peer"] == f"release {version('meridian')}, protocol {PROTOCOL_VERSION}"
        assert re.fullmatch(r"[+-][01]\.\d{3} s against this machine's, give or take \d\.\d{3}", seen["peer clock"])
        deployment.stop(AWAY)
        (away,) = examine(deployment, code=OTHER)
        assert (away["what"], away["subject"]) == ("peer", AWAY)
        assert "UNAVAILABLE" in away["why"]
        deployment.start(AWAY)
        peer = next(each for each in tomllib.loads(text)["peers"] if each["region"] == AWAY)
        place.settings.write_text(text.replace(peer["transport_fingerprint"], "0" * 64))
        assert ["another fingerprint" in each["why"] for each in examine(deployment, code=OTHER)] == [True]
        place.settings.write_text(text)
        policies = Path(tomllib.loads(text)["policies"])
        wrong = policies / "wrong.cedar"
        wrong.write_text("permit (")
        assert subjects(examine(deployment, code=OTHER), "policies") == [str(policies)]
        wrong.unlink()
        deployment.stop(HOME)
        with socket.socket() as taken:
            taken.bind((HOST, place.admin_port))
            taken.listen()
            assert subjects(examine(deployment, code=OTHER), "address") == ["admin.listen"]
        key = Path(tomllib.loads(text)["grpc"]["tls"]["private_key"])
        key.chmod(0o644)
        assert [each["what"] for each in examine(deployment, code=OTHER)] == ["identity files"]
        key.chmod(0o600)
        for days, told in ((1, ["grpc certificate"]), (90, [])):
            renew(deployment, Path(tomllib.loads(text)["grpc"]["tls"]["certificate"]), key, days)
            assert subjects(examine(deployment, code=OTHER if told else OK), "certificate") == told
    finally:
        deployment.stop_all()
