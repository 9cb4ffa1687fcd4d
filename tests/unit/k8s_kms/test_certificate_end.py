"""The plug-in names the end of its certificate while there is time, and after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from meridian.k8s_kms.credentials import CertificateEnd
from meridian.k8s_kms.metrics import Metrics

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)


def test_it_is_told_once_a_day_in_the_last_third_and_as_a_metric() -> None:
    metrics, clock = Metrics(), [BEGINS]
    end = CertificateEnd((BEGINS, BEGINS + timedelta(hours=24)), lambda: clock[0], metrics)

    def told(hours: float) -> list[str]:
        clock[0] = BEGINS + timedelta(hours=hours)
        with capture_logs() as lines:
            end.look()
        return [line["event"] for line in lines]

    assert [told(hours) for hours in (0, 15.9, 16.1, 17)] == [[], [], ["certificate ends soon"], []]
    assert metrics.registry.get_sample_value("meridian_k8s_kms_certificate_expires_seconds") == 7 * 3600
    assert end.fault() == ""
    assert told(41) == ["certificate has ended"]
    assert end.fault() == "the certificate ended at 2026-01-02T00:00:00Z"
    end.renew((clock[0], clock[0] + timedelta(hours=24)))
    assert (told(42), end.fault()) == ([], "")
    clock[0] = BEGINS
    assert end.fault() == "the certificate is not valid before 2026-01-02T17:00:00Z"
