"""The metrics of several processes as those of one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meridian.parent.all_processes import AllProcesses
from meridian.parent.gauges import RULES
from meridian.parent.merged_metrics import MergedMetrics, Shown
from meridian.transport.metrics_text import written

PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"
KIND = re.compile(r"^\| `(\w+)` \| (\w+) \|", re.MULTILINE)


def counted(calls: int, records: int) -> str:
    return (
        "# HELP meridian_calls_total Calls.\n# TYPE meridian_calls_total counter\n"
        f'meridian_calls_total{{operation="Encrypt",outcome="ok"}} {calls}.0\n'
        "# HELP meridian_audit_records_total Records.\n# TYPE meridian_audit_records_total counter\n"
        f"meridian_audit_records_total {records}.0\n"
    )


def gauge(name: str, value: float) -> str:
    return f"# HELP {name} Of a test.\n# TYPE {name} gauge\n{name} {value}\n"


def values(merged: MergedMetrics, shown: dict[str, Shown]) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in written(merged.of(shown)).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


CALLS = 'meridian_calls_total{operation="Encrypt",outcome="ok"}'


def test_what_is_counted_is_added() -> None:
    shown = {"a": Shown(1, counted(3, 5)), "b": Shown(1, counted(4, 6))}
    assert values(MergedMetrics(), shown) == {CALLS: 7.0, "meridian_audit_records_total": 11.0}


def test_a_process_that_starts_again_takes_nothing_with_it() -> None:
    merged = MergedMetrics()
    values(merged, {"a": Shown(1, counted(3, 5)), "b": Shown(1, counted(4, 6))})
    assert values(merged, {"b": Shown(1, counted(5, 7))}) == {CALLS: 8.0, "meridian_audit_records_total": 12.0}, "while it is away"
    again = {"a": Shown(2, counted(1, 1)), "b": Shown(1, counted(5, 7))}
    for _ in range(2):
        assert values(merged, again) == {CALLS: 9.0, "meridian_audit_records_total": 13.0}


def test_a_histogram_is_added_bucket_by_bucket() -> None:
    text = (
        "# HELP meridian_call_seconds Time.\n# TYPE meridian_call_seconds histogram\n"
        'meridian_call_seconds_bucket{operation="Sign",le="0.1"} 2.0\nmeridian_call_seconds_bucket{operation="Sign",le="+Inf"} 3.0\n'
        'meridian_call_seconds_count{operation="Sign"} 3.0\nmeridian_call_seconds_sum{operation="Sign"} 0.5\n'
    )
    assert values(MergedMetrics(), {"a": Shown(1, text), "b": Shown(1, text)}) == {
        'meridian_call_seconds_bucket{le="0.1",operation="Sign"}': 4.0,
        'meridian_call_seconds_bucket{le="+Inf",operation="Sign"}': 6.0,
        'meridian_call_seconds_count{operation="Sign"}': 6.0,
        'meridian_call_seconds_sum{operation="Sign"}': 1.0,
    }


@pytest.mark.parametrize(
    ("name", "merged"),
    [
        ("meridian_calls_working", 5.0),
        ("meridian_loop_lag_seconds", 3.0),
        ("meridian_certificate_expires_seconds", 2.0),
        ("meridian_policy_set_refused", 3.0),
        ("meridian_seal_opens", 2.0),
    ],
)
def test_a_gauge_follows_its_rule(name: str, merged: float) -> None:
    shown = {"a": Shown(1, gauge(name, 2.0)), "b": Shown(1, gauge(name, 3.0))}
    assert values(MergedMetrics(), shown) == {name: merged}


def test_every_gauge_has_its_rule() -> None:
    """The page has every metric of the code, by `tests/architecture/test_what_operators_see.py`."""
    own = {metric.name for metric in AllProcesses([]).own()}
    kinds = {name: kind for name, kind in KIND.findall(PAGE.read_text()) if name not in own}
    assert {name for name, kind in kinds.items() if kind == "gauge"} == set(RULES)
    assert set(kinds.values()) == {"gauge", "counter", "histogram"}, "what only grows is a counter"
