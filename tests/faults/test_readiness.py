"""Readiness says whether a call would work now, and why not; what heals is ready again without a restart."""

from __future__ import annotations

import sqlite3
import urllib.error
import urllib.request

import pytest
from tests.deployment import HOME, Deployment

from meridian.cli.dev_files import HOST
from meridian.client.errors import KmsServiceError


def readiness(regions: Deployment) -> tuple[int, str]:
    url = f"http://{HOST}:{regions.place(HOME).admin_port}/readyz"
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
