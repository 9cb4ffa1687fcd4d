"""docs/metrics.md and docs/security-events.md have every metric and every event, and nothing that there is not."""

from __future__ import annotations

import ast
import re
import urllib.request
from collections import Counter
from functools import cache
from pathlib import Path

from dashboard import dashboard
from tests.deployment import HOME, Deployment
from tests.source_trees import nodes

from meridian.cli.region_place import HOST
from meridian.parent.all_processes import AllProcesses
from meridian.ports.security_events import SecurityEvent

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = {"CounterMetricFamily": "counter", "GaugeMetricFamily": "gauge", "HistogramMetricFamily": "histogram"}
LABELS = {
    "cache", "caller", "class", "digest", "effect", "event", "file", "files", "generation", "issuer", "job", "key_spec", "layer",
    "listener", "operation", "outcome", "provider", "python", "region", "request", "result", "sink", "state", "target", "type", "version",
    "what", "wire",
}  # fmt: skip
"""THE labels that there are. A new one is of a kind whose values operators or the contract make: no key, alias, principal or address."""
NAMES_SOMEBODY = re.compile(r"arn:|alias/|[0-9a-f]{8}-[0-9a-f]{4}-|mrk-|\b\d{12}\b|\b\d+\.\d+\.\d+\.\d+\b|@")
IN_WORDS = ((re.compile(r"\b([Ss]econds|[Hh]ow long|Duration)\b"), "_seconds"), (re.compile(r"\b[Bb]ytes a\b"), "_bytes"))
"""What says such a word of itself has such a unit in its name."""
OF_THE_PROCESS = ("process_", "python_gc_")
"""What prometheus_client itself tells begins with that."""
NAME = re.compile(r"meridian_[a-z_]+")


def table_rows(page: str, cells: int) -> list[list[str]]:
    """The rows of every table of a page, without headings."""
    lines = [line for line in (ROOT / "docs" / page).read_text().splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert all(len(row) == cells for row in rows), "no cell is missing"
    return [row for row in rows if row[0] not in ("metric", "event") and not row[0].startswith("---")]


METRICS = {row[0].strip("`"): row for row in table_rows("metrics.md", 5)}


@cache
def code() -> tuple[ast.AST, ...]:
    """Every node of the service's own code."""
    return tuple(node for file in nodes().values() for node in file)


def families() -> dict[str, tuple[str, list[str]]]:
    """Type and labels of every metric that the code makes as a family."""
    found = {}
    for node in code():
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FAMILIES):
            continue
        if isinstance(node.args[0], ast.Constant):  # others are of a table, and seen at a Region
            name = ast.literal_eval(node.args[0])
            labels = [ast.literal_eval(each.value) for each in node.keywords if each.arg == "labels"]
            found[name] = (FAMILIES[node.func.id], labels[0] if labels else [])
    return found


def test_the_page_has_every_metric_that_the_code_names() -> None:
    named = {node.value for node in code() if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value)}
    assert len(named) > 25
    assert {name for name in METRICS if not name.startswith(OF_THE_PROCESS)} == named
    assert len(METRICS) == len(table_rows("metrics.md", 5)), "each has one row"


def test_the_page_has_the_type_and_the_labels_of_every_family() -> None:
    found = families()
    assert len(found) > 15
    for name, (kind, labels) in found.items():
        assert METRICS[name][1] == kind, name
        assert re.findall(r"\w+", METRICS[name][2]) == labels, name


def _text(regions: Deployment) -> str:
    url = f"http://{HOST}:{regions.place(HOME).admin_port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        found: str = answer.read().decode()
    return found


def test_the_page_has_what_a_region_shows(two_regions: Deployment) -> None:
    lines = _text(two_regions).splitlines()
    told = [line.split()[2:4] for line in lines if line.startswith("# TYPE ")]
    helped = {line.split()[2] for line in lines if line.startswith("# HELP ") and len(line.split()) > 3}
    assert helped == {name for name, _ in told}, "each says in words what it is"
    assert {name for name, kind in told if kind == "counter"} == {name for name, _ in told if name.endswith("_total")}
    assert [name for name, count in Counter(name for name, _ in told).items() if count > 1] == [], "a name is told once"
    shown = {name.removesuffix("_total"): kind for name, kind in told}
    of_parent = {metric.name for metric in AllProcesses([]).own()}
    assert shown == {name: row[1] for name, row in METRICS.items() if name not in of_parent}
    labels: dict[str, set[str]] = {}
    for name, inner in re.findall(r"^(meridian_\w+)\{(.*)\} ", "\n".join(lines), re.MULTILINE):
        short = re.sub(r"_(total|bucket|count|sum)$", "", name)
        labels.setdefault(short, set()).update(re.findall(r'(?:^|,)(\w+)="', inner))
    assert {name: names - {"le"} for name, names in labels.items()} == {name: set(re.findall(r"\w+", METRICS[name][2])) for name in labels}


def test_the_dashboard_asks_for_what_there_is() -> None:
    """By the names of Prometheus's text; with their labels it is asked by Prometheus itself in test-deep."""
    asked = dashboard()
    assert (ROOT / "deploy" / "monitoring" / "dashboard.json").read_text() == asked, "make deploy"
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
    known = {f"{name}{suffix}" for name, row in METRICS.items() for suffix in suffixes[row[1]]}
    named = set(re.findall(r"\b(?:meridian|process)_[a-z_]+", asked))
    assert len(named) > 30
    assert named <= known


def test_no_label_names_anybody(two_regions: Deployment) -> None:
    """Whoever reads /metrics is asked for nothing; and a label for each key would have no bound."""
    labels = {label for row in METRICS.values() for label in re.findall(r"\w+", row[2])}
    assert labels == LABELS
    with two_regions.client(caller="developer") as client:
        key = client.create_key().key_metadata.key_id
        client.encrypt(key_id=key, plaintext=b"x")
    shown = [name for name in two_regions.metrics(HOME) if NAMES_SOMEBODY.search(name)]
    assert shown == []


def test_units_stand_in_names(two_regions: Deployment) -> None:
    """Prometheus's conventions: base units, and the name says which."""
    for name, text in re.findall(r"^# HELP (\S+) (.*)$", _text(two_regions), re.MULTILINE):
        for words, unit in IN_WORDS:
            assert not words.search(text) or name.removesuffix("_total").endswith(unit), name


def test_calls_are_told_by_the_wire_that_they_came_by(two_regions: Deployment) -> None:
    with two_regions.client() as client:
        client.list_keys()

    def ways() -> set[str]:
        return set(re.findall(r'^meridian_call_seconds_count\{.*wire="(\w*)"', _text(two_regions), re.MULTILINE))

    two_regions.wait_until(lambda: "grpc" in ways())
    assert ways() <= {"grpc", "aws", "xks", "peer"}, "each call came by some way"


def test_the_page_has_every_security_event() -> None:
    rows = table_rows("security-events.md", 3)
    assert [row[0] for row in rows] == sorted(map(str, SecurityEvent))
    assert all(all(row) for row in rows), "what has happened, and what to do"


def test_the_audit_page_has_the_subject_and_the_details_of_every_event() -> None:
    text = (ROOT / "docs" / "spec" / "audit.md").read_text()
    table = text.split("| event | subject | details |\n", 1)[1].split("\n\n", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]
    assert [row[0] for row in rows] == sorted(map(str, SecurityEvent))
    assert all(len(row) == 3 and all(row) for row in rows)


def test_every_security_event_is_reported_by_somebody() -> None:
    """An event that nobody reports is an alarm that never rings."""
    attributes = [node for node in code() if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    used = {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "SecurityEvent"}
    assert used == {event.name for event in SecurityEvent}


def test_what_operators_are_told_of_events_names_events_and_metrics_that_exist() -> None:
    for page in ("operate.md", "metrics.md", "monitoring.md", "security-events.md"):
        text = (ROOT / "docs" / page).read_text()
        names = {re.sub(r"_total$", "", name) for name in NAME.findall(text)}
        assert names - set(METRICS) == set(), page
        assert set(re.findall(r'event="(\w+)"', text)) <= set(map(str, SecurityEvent)), page
