"""What the admin listener of a running process says, as `region doctor` tells it."""

from __future__ import annotations

import os
from errno import ENOENT

import pytest

from meridian.adapters.audit_segment import NOT_IN_PLACE
from meridian.administration import admin_look
from meridian.administration.admin_look import AdminLook, look_at_admin
from meridian.administration.doctor import LATE, _admin

METRICS = """# TYPE meridian_audit_sink_behind_seconds gauge
meridian_audit_sink_behind_seconds{sink="otlp"} 1234.5678
meridian_audit_sink_behind_seconds{sink="s3"} 0.25
meridian_rows_set_aside{job="rewrap"} 2.0
"""


def test_sinks_and_rows_are_read_from_the_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_look, "_get", lambda listen, path: (200, METRICS if path == "/metrics" else "ok"))
    assert look_at_admin("127.0.0.1:1") == AdminLook(True, (), (("rewrap", 2),), (("otlp", 1234.5678), ("s3", 0.25)))


def test_a_sink_that_is_late_is_told_and_one_that_is_not_is_not() -> None:
    late = LATE.total_seconds() + 1
    (found,) = _admin(AdminLook(True, (), (), (("otlp", late), ("s3", late - 2))))
    assert (found.what, found.subject) == ("audit sink", "otlp")


@pytest.mark.parametrize("why", [os.strerror(ENOENT), NOT_IN_PLACE])
def test_a_file_that_is_gone_needs_a_restart_and_other_troubles_heal(why: str) -> None:
    gone, other = _admin(AdminLook(True, (f"audit log: /srv/x: {why}", "audit log: the audit disk is down to its reserve"), (), ()))
    assert "restart the process" in gone.do
    assert "restart" not in other.do
