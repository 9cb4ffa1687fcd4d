"""A call that is denied because something broke is denied and told: to the caller as an internal error, to the operators by type, place and
subject."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from tests.deployment import HOME, Deployment

from meridian.client import errors

pytestmark = pytest.mark.timeout(120)

ACCOUNT = "111122223333"
OVERFLOWS = (
    '@id("overflows") @layer("guardrail") @reason("an error of evaluation") '
    'forbid (principal, action == KMS::Action::"ScheduleKeyDeletion", resource) '
    "when { context.scheduleKeyDeletionPendingWindowInDays * 1000000000000000000 < 0 };"
)


@pytest.fixture
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("broken"), [HOME]).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


def told(region: Deployment, event: str) -> dict[str, Any]:
    """The event, once it is in the audit log."""

    def found() -> dict[str, Any] | None:
        return next((r["serviceEventDetails"] for r in region.audit(HOME) if r["eventName"] == event), None)

    details: dict[str, Any] = region.wait_until(found)
    return details


def test_a_policy_that_cannot_be_evaluated_denies_and_is_told(region: Deployment) -> None:
    (region.root / "policies" / "overflows.cedar").write_text(OVERFLOWS)
    region.start()
    with region.client() as alice:
        key = alice.create_key().key_metadata
        with pytest.raises(errors.KMSInternalException):
            alice.schedule_key_deletion(key_id=key.key_id, pending_window_in_days=30)
        assert alice.describe_key(key_id=key.key_id).key_metadata.enabled
    details = told(region, "PolicyFault")
    assert (details["subject"], details["action"]) == (key.arn, "ScheduleKeyDeletion")
    assert details["count"] == 1
    assert region.metrics(HOME)['meridian_security_events_total{event="PolicyFault"}'] == 1
    assert "PolicyFault" in (region.place(HOME).folder / "log").read_text()


def test_a_fault_that_nobody_foresaw_denies_and_is_told(region: Deployment) -> None:
    region.start()
    with region.client() as alice:
        key = alice.create_key().key_metadata.key_id
        with sqlite3.connect(region.place(HOME).folder / "region.sqlite3", timeout=20) as database:
            assert database.execute("update keys set key_spec = 'NO_SUCH_SPEC' where key_id = ?", (key,)).rowcount == 1
            database.execute("insert into changes(account, key_id) values (?, ?)", (ACCOUNT, key))

        def is_refused() -> bool:
            try:
                alice.describe_key(key_id=key)
            except errors.KMSInternalException:
                return True
            return False

        region.wait_until(is_refused)
    details = told(region, "UnforeseenFault")
    assert (details["subject"], details["fault"]) == ("DescribeKey", "ValueError")
    assert ".py:" in details["at"]
    assert region.metrics(HOME)['meridian_security_events_total{event="UnforeseenFault"}'] >= 1
