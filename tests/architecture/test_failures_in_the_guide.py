"""The guide for operators has a section for each failure, and each alert and event that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from meridian.ports.security_events import SecurityEvent

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "operate.md").read_text().split("## When something fails\n", 1)[1]
SECTIONS = {section.partition("\n")[0]: section.partition("\n")[2] for section in GUIDE.split("\n### ")[1:]}
PARTS = ("Callers", "You see", "Heals", "Do")
ALERTS = {
    rule["alert"]: rule["annotations"]["runbook_url"]
    for group in yaml.safe_load((ROOT / "deploy" / "monitoring" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
}
OF_CALLERS = {"MeridianCallsSlow", "MeridianCallsShed", "MeridianCallsThrottled", "MeridianMachineTooSlow"}
"""Alerts of what callers ask for, which is no failure; and below, of changes that were made wrongly."""
OF_CHANGES = {
    "MeridianFilesRefused",
    "MeridianPoliciesDiffer",
    "MeridianDecisionsFail",
    "MeridianReleasesDiffer",
    "MeridianCertificateEnds",
}
OF_FAULTS = {"MeridianJobFault", "MeridianAuditDigestLate"}


def test_every_failure_says_what_is_noticed_and_what_to_do() -> None:
    assert len(SECTIONS) >= 12
    for title, text in SECTIONS.items():
        assert tuple(re.findall(r"^- ([A-Z][a-z ]*):", text, re.MULTILINE)) == PARTS, title


def test_alerts_and_events_that_are_named_exist_and_no_alert_is_left_out() -> None:
    named = set(re.findall(r"\bMeridian[A-Z]\w+", GUIDE))
    assert named <= set(ALERTS)
    assert set(ALERTS) - named == OF_CALLERS | OF_CHANGES | OF_FAULTS
    events = {word for word in re.findall(r"\b[A-Z][a-z]+[A-Z]\w+\b", GUIDE) if word in {event.value for event in SecurityEvent}}
    assert {"AuditLogFault", "ClockStep", "WrappedRowUnreadable"} <= events


def test_every_link_of_the_operators_pages_leads_somewhere() -> None:
    for page in ("operate.md", "monitoring.md", "metrics.md", "kubernetes.md"):
        for target in re.findall(r"\]\(([\w./-]*#[\w-]+)\)", (ROOT / "docs" / page).read_text()):
            name, anchor = target.split("#")
            text = (ROOT / "docs" / (name or page)).read_text()
            assert anchor in {_anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}, f"{page}: {target}"


def test_every_runbook_that_an_alert_links_to_is_there() -> None:
    text = (ROOT / "docs" / "kubernetes.md").read_text()
    headings = {_anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    assert {link.partition("#")[2] for link in ALERTS.values()} <= headings


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
