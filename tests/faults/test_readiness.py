"""Readiness says whether a call would work now, and why not; what heals is ready again without a restart."""

from __future__ import annotations

import shutil
import sqlite3
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from tests.deployment import HOME, Deployment

from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST
from meridian.client.errors import KmsServiceError
from meridian.crypto.certificates import CertificateFiles, new_leaf


def readiness(regions: Deployment, path: str = "/readyz") -> tuple[int, str]:
    url = f"http://{HOST}:{regions.place(HOME).admin_port}{path}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def test_a_change_feed_that_cannot_be_read_is_told_and_heals(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    database = own_regions.place(HOME).folder / "region.sqlite3"

    def rename(old: str, new: str) -> None:
        with sqlite3.connect(database, timeout=20) as connection:
            connection.execute(f"alter table {old} rename to {new}")
        connection.close()

    with own_regions.client() as alice:
        key_id = alice.create_key().key_metadata.key_id
        assert readiness(own_regions) == (200, "ok\n")
        rename("changes", "hidden")
        own_regions.wait_until(lambda: readiness(own_regions)[0] == 503)
        assert "change feed: not read for" in readiness(own_regions)[1]
        with pytest.raises(KmsServiceError) as refused:
            alice.describe_key(key_id=key_id)
        assert refused.value.code == "KMSInternalException"
        rename("hidden", "changes")
        own_regions.wait_until(lambda: readiness(own_regions)[0] == 200)
        assert alice.describe_key(key_id=key_id).key_metadata.key_id == key_id
    log = (own_regions.place(HOME).folder / "log").read_text()
    assert '"job fails"' in log
    assert '"job goes on"' in log


def test_an_audit_log_that_takes_nothing_is_told_at_once_and_heals_also_where_nobody_calls(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    directory = own_regions.place(HOME).folder / "audit"
    assert readiness(own_regions) == (200, "ok\n")
    directory.rename(directory.with_name("away"))
    own_regions.wait_until(lambda: readiness(own_regions)[0] == 503)
    assert "audit log: " in readiness(own_regions)[1]
    own_regions.wait_until(lambda: own_regions.metrics(HOME)['meridian_security_events_total{event="AuditLogFault"}'] >= 1)
    own_regions.wait_until(lambda: "AuditLogFault" in (own_regions.place(HOME).folder / "log").read_text())
    directory.with_name("away").rename(directory)
    own_regions.wait_until(lambda: readiness(own_regions)[0] == 200)
    with own_regions.client() as alice:
        alice.create_key()


def test_a_certificate_that_ends_in_minutes_is_told_until_it_is_renewed(own_regions: Deployment) -> None:
    server = own_regions.place(HOME).folder / "server"
    authority = CertificateFiles(*((own_regions.root / f"client-ca.{kind}").read_bytes() for kind in ("crt", "key")))

    def show(began: datetime) -> None:
        made = new_leaf(authority, "server", began, dns_names=["localhost"], addresses=[HOST])
        write_private(server.with_suffix(".key"), made.private_key)
        write_private(server.with_suffix(".crt"), made.certificate)

    show(datetime.now(UTC) - timedelta(hours=23, minutes=57))
    own_regions.start(HOME)
    status, reason = readiness(own_regions)
    assert status == 503
    assert reason.startswith("grpc.tls.certificate: ends at 20")
    assert reason.count("\n") == 1, "the others last"
    assert readiness(own_regions, "/livez") == (200, "ok\n"), "starting it again would mend nothing"
    show(datetime.now(UTC))
    own_regions.wait_until(lambda: readiness(own_regions) == (200, "ok\n"))


def test_a_seal_that_no_longer_opens_the_keyring_is_told_and_heals(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    folder = own_regions.place(HOME).folder
    shutil.move(folder / "seal", folder / "away")
    with sqlite3.connect(folder / "region.sqlite3", timeout=20) as database:  # as if another process had begun a key
        database.execute("insert into keks select 2, root_number, 0, created_at, sealed_bytes from keks")
    database.close()
    own_regions.wait_until(lambda: readiness(own_regions)[0] == 503)
    assert readiness(own_regions)[1].startswith("seals: ")
    shutil.move(folder / "away", folder / "seal")
    own_regions.wait_until(lambda: readiness(own_regions)[0] == 200)
