"""THE table of Grafana's dashboard, and the JSON that it becomes: deploy/monitoring/dashboard.json, by `make deploy`.

Each line of a panel is a query and its legend. `$region` and `$pod` are chosen above the panels; every scrape sets them as labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

OF: Final = 'region=~"$region",pod=~"$pod"'
RATE: Final = "[$__rate_interval]"
BY_POD: Final = "{{pod}}"
WIDTH: Final = 8
HEIGHT: Final = 8
COLUMNS: Final = 24 // WIDTH
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


Line = tuple[str, str]
"""A query, and the legend of what it answers."""


class Panel(NamedTuple):
    """One graph."""

    title: str
    unit: str
    lines: tuple[Line, ...]


def _now(metric: str, legend: str = BY_POD) -> Line:
    return f"{metric}{{{OF}}}", legend


def _of_all(how: str, by: str, metric: str, legend: str) -> Line:
    return f"{how} by ({by}) ({metric}{{{OF}}})", legend


def _rate(metric: str, by: str, legend: str, added: str = "") -> Line:
    return f"sum by ({by}) (rate({metric}{{{OF}{added}}}{RATE}))", legend


def _growth(metric: str, by: str) -> Line:
    return f"sum by ({by}) (increase({metric}{{{OF}}}{RATE}))", f"{{{{{by}}}}}"


def _slowest(share: float) -> Line:
    of_calls = f'rate(meridian_call_seconds_bucket{{{OF},result="ok"}}{RATE})'
    return f"histogram_quantile({share}, sum by (le, operation) ({of_calls}))", "{{operation}}"


def _top(count: int, line: Line) -> Line:
    return f"topk({count}, {line[0]})", line[1]


def _part(line: Line, whole: Line) -> Line:
    return f"{line[0]} / {whole[0]}", line[1]


LOOKUPS: Final = ("meridian_cache_lookups_total", "cache", "{{cache}}")
UNWELL: Final = f"meridian_key_stores_broken{{{OF}}} + meridian_key_stores_unwell{{{OF}}}"

ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Is it well?",
        (
            Panel("Processes that answer", "short", ((f'sum by (region) (up{{job="meridian",{OF}}})', "{{region}}"),)),
            Panel("Calls", "reqps", (_rate("meridian_call_seconds_count", "result", "{{result}}"),)),
            Panel("Security events", "short", (_top(8, _growth("meridian_security_events_total", "event")),)),
        ),
    ),
    (
        "Calls",
        (
            Panel("By operation", "reqps", (_rate("meridian_calls_total", "operation", "{{operation}}"),)),
            Panel("By wire", "reqps", (_rate("meridian_call_seconds_count", "wire", "{{wire}}"),)),
            Panel("Errors", "reqps", (_rate("meridian_calls_total", "outcome", "{{outcome}}", ',outcome!="ok"'),)),
            Panel("Half are faster", "s", (_slowest(0.5),)),
            Panel("The slowest percent", "s", (_slowest(0.99),)),
            Panel("Decisions of policies", "reqps", (_rate("meridian_decisions_total", "effect, layer", "{{effect}} by {{layer}}"),)),
        ),
    ),
    (
        "Load",
        (
            Panel(
                "At work",
                "short",
                (
                    _of_all("sum", "class", "meridian_calls_working", "{{class}}"),
                    _of_all("sum", "class", "meridian_calls_waiting", "{{class}} waits"),
                ),
            ),
            Panel("Refused for want of a place", "reqps", (_rate("meridian_calls_shed_total", "class", "{{class}}"),)),
            Panel("Refused for an account's rate", "reqps", (_top(5, _rate("meridian_calls_throttled_total", "class", "{{class}}")),)),
            Panel("How late the event loop is", "s", (_now("meridian_loop_lag_seconds"),)),
            Panel("CPU", "short", (_rate("process_cpu_seconds_total", "pod", BY_POD),)),
            Panel(
                "Memory",
                "bytes",
                (_now("process_resident_memory_bytes"), _of_all("sum", "pod", "meridian_cache_bytes", "{{pod}}: its caches")),
            ),
            Panel("Found in caches", "percentunit", (_part(_rate(*LOOKUPS, ',outcome="hit"'), _rate(*LOOKUPS)),)),
            Panel("Heavy work that waits", "short", (_now("meridian_heavy_work_waiting"),)),
            Panel("Open files", "percentunit", (_part(_now("process_open_fds"), _now("process_max_fds")),)),
        ),
    ),
    (
        "Connections",
        (
            Panel("gRPC", "short", (_now("meridian_grpc_connections", "{{pod}} {{caller}}"),)),
            Panel("HTTP", "short", (_now("meridian_http_connections", "{{pod}} {{listener}}"),)),
            Panel(
                "Certificates end in",
                "s",
                (_of_all("min", "listener, file", "meridian_certificate_expires_seconds", "{{listener}} {{file}}"),),
            ),
        ),
    ),
    (
        "Database and audit log",
        (
            Panel("Transactions", "reqps", (_rate("meridian_database_transactions_total", "pod", BY_POD),)),
            Panel(
                "Connections to the database",
                "short",
                (
                    _now("meridian_database_connections_busy", "{{pod}} busy"),
                    _now("meridian_database_connections_awaited", "{{pod}} awaited"),
                ),
            ),
            Panel("Wrapped rows opened", "reqps", (_rate("meridian_material_unwraps_total", "pod", BY_POD),)),
            Panel(
                "Audit records",
                "short",
                (
                    _rate("meridian_audit_records_total", "pod", "{{pod}} a second"),
                    _now("meridian_audit_records_waiting", "{{pod}} waiting"),
                ),
            ),
            Panel("Disk of the audit log", "bytes", (_now("meridian_audit_disk_free_bytes"),)),
            Panel("Age of the last digest", "s", (_now("meridian_audit_digest_age_seconds"),)),
            Panel("Places of the audit log are behind", "s", (_now("meridian_audit_sink_behind_seconds", "{{pod}} {{sink}}"),)),
        ),
    ),
    (
        "Other Regions, key stores, seals",
        (
            Panel(
                "Deliveries that wait",
                "short",
                (_of_all("max", "region, target", "meridian_outbox_entries", "{{region}} to {{target}}"),),
            ),
            Panel(
                "The oldest waits for",
                "s",
                (_of_all("max", "region, target", "meridian_outbox_oldest_seconds", "{{region}} to {{target}}"),),
            ),
            Panel(
                "Key stores",
                "short",
                (
                    _of_all("sum", "type", "meridian_key_stores_connected", "{{type}} connected"),
                    (f"sum by (type) ({UNWELL})", "{{type}} not well"),
                ),
            ),
            Panel(
                "Seals that open",
                "short",
                (_of_all("min", "region, provider", "meridian_seal_opens", "{{region}} {{provider}}"),),
            ),
            Panel("Age of the policies", "s", (_now("meridian_policy_set_age_seconds"),)),
            Panel("Releases", "short", (_of_all("count", "version", "meridian_build_info", "{{version}}"),)),
        ),
    ),
    (
        "Work in the background",
        (
            Panel("Age of the last good round", "s", (_of_all("max", "exported_job", "meridian_job_age_seconds", "{{exported_job}}"),)),
            Panel("Rounds that ended by a fault", "short", (_growth("meridian_job_faults_total", "exported_job"),)),
            Panel("Rows set aside", "short", (_of_all("sum", "exported_job", "meridian_rows_set_aside", "{{exported_job}}"),)),
        ),
    ),
)


def dashboard() -> str:
    """The JSON that Grafana imports."""
    made = {
        "title": "Meridian",
        "uid": "meridian",
        "tags": ["meridian"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_source(), _choice("region", ""), _choice("pod", '{region=~"$region"}')]},
        "panels": list(_panels()),
    }
    return json.dumps(made, indent=1) + "\n"


def _source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _choice(label: str, added: str) -> dict[str, Any]:
    query = f"label_values(meridian_build_info{added}, {label})"
    everything = {"selected": True, "text": "All", "value": "$__all"}
    return {
        "name": label,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": label},
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": everything,
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for title, panels in ROWS:
        number += 1
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": {"h": 1, "w": 24, "x": 0, "y": top}}
        top += 1
        for at, panel in enumerate(panels):
            number += 1
            place = {"h": HEIGHT, "w": WIDTH, "x": at % COLUMNS * WIDTH, "y": top + at // COLUMNS * HEIGHT}
            yield _graph(number, panel, place)
        top += -(-len(panels) // COLUMNS) * HEIGHT


def _graph(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for at, (query, legend) in enumerate(panel.lines)
        ],
    }
