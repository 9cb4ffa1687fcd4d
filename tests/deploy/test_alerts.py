"""Alert rules ask for metrics and labels that exist, lead to runbooks that exist, and fire when their tests say so."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from deploy_objects import CHART, ROOT

from meridian.ports.security_events import SecurityEvent

RULES = [rule for group in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
OF_PROMETHEUS = {"region", "pod", "job", "le", "exported_job", "job_name"}
"""Labels that scraping gives, or a rule makes."""
METRIC = re.compile(r"\bmeridian_[a-z_]+")
ANCHOR = re.compile(r"^#+ (.*)$", re.MULTILINE)


def metrics() -> dict[str, set[str]]:
    """Every metric of docs/metrics.md, which is compared with what Regions show, by its name in Prometheus's text, with its labels."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "docs" / "metrics.md").read_text().splitlines():
        if line.startswith("| `meridian_"):
            name, kind, labels = (cell.strip() for cell in line.split("|")[1:4])
            plain = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(kind, [""])
            found |= {f"{name.strip('`')}{suffix}": set(re.findall(r"`(\w+)`", labels)) for suffix in plain}
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_what_there_is(rule: dict[str, object]) -> None:
    text, known = str(rule["expr"]), metrics()
    asked = set(METRIC.findall(text))
    assert asked <= set(known)
    labels = OF_PROMETHEUS.union(*(known[name] for name in asked))
    named = {name for group in re.findall(r"(?:by|without) \(([^)]*)\)", text) for name in group.split(", ")}
    named |= set(re.findall(r"(\w+)=~?\"", text))
    assert named <= labels
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert shown <= labels
    events = {name for group in re.findall(r'event=~?"([^"]*)"', text) for name in group.split("|")}
    assert events <= {event.value for event in SecurityEvent}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_leads_to_a_runbook(rule: dict[str, dict[str, str]]) -> None:
    headings = {heading.lower().replace(" ", "-") for heading in ANCHOR.findall((ROOT / "docs" / "kubernetes.md").read_text())}
    assert rule["annotations"]["runbook_url"].removeprefix("RUNBOOKS#") in headings
    assert rule["labels"]["severity"] in ("page", "warn")


def test_every_alert_is_seen_to_fire() -> None:
    """An alert that no test has seen may never ring."""
    cases = yaml.safe_load(Path(__file__).with_name("alerts_test.yaml").read_text())["tests"]
    tried = [case for each in cases for case in each["alert_rule_test"]]
    every = {rule["alert"] for rule in RULES}
    assert {case["alertname"] for case in tried if case["exp_alerts"]} == every
    assert {case["alertname"] for case in tried if not case["exp_alerts"]} | {"MeridianAuditSinkBehind", "MeridianJobFault"} == every


def test_the_rules_fire_and_rest_as_their_tests_say(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is absent: Debian's package prometheus")
    rules = (CHART / "files" / "alerts.yaml").read_text()
    (tmp_path / "alerts.yaml").write_text(rules.replace("REGION", "us-east-1"))
    shutil.copy(Path(__file__).with_name("alerts_test.yaml"), tmp_path)
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
        done = subprocess.run([promtool, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
