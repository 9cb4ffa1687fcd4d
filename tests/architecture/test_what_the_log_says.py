"""The log of a process says what docs/monitoring.md promises, and no secret of the settings."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from tests.deployment import HOME, Deployment
from tests.source_trees import nodes

from meridian.bootstrap.told_settings import told_settings
from meridian.cli.region_place import HOST
from meridian.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
CELL = re.compile(r"^\| (`[^|]*) \|", re.MULTILINE)


def promised() -> set[str]:
    """The events of the table."""
    table = (ROOT / "docs" / "monitoring.md").read_text().split("## Logs")[1]
    return {name for cell in CELL.findall(table) for name in re.findall(r"`([^`]+)`", cell)}


def said(regions: Deployment) -> list[dict[str, Any]]:
    lines = (regions.place(HOME).folder / "log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_every_event_that_is_promised_is_one_that_the_code_logs() -> None:
    calls = (node for file in nodes().values() for node in file if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    levels = {"info", "warning", "error", "critical"}
    texts = {
        each.value
        for node in calls
        if isinstance(node.func, ast.Attribute) and node.func.attr in levels and node.args
        for each in ast.walk(node.args[0])
        if isinstance(each, ast.Constant)
    }
    assert len(promised()) > 10
    assert promised() - texts == set()


def test_a_start_says_with_which_settings_where_it_listens_and_that_it_serves(two_regions: Deployment) -> None:
    place, lines = two_regions.place(HOME), said(two_regions)
    began = next(line for line in lines if line["event"] == "starts")
    assert (began["region"], began["replica"]) == (HOME, "replica-1")
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", began["release"])
    assert began["settings"]["grpc"]["listen"] == f"{HOST}:{place.grpc_port}"
    assert began["settings"]["limits"]["key_stores_per_account"] == 100
    assert "tags_per_key" not in began["settings"]["limits"], "what is as everywhere is not told"
    listening = {line["listener"]: line["address"] for line in lines if line["event"] == "listens"}
    assert {listening["grpc"], listening["admin"]} == {f"{HOST}:{place.grpc_port}", f"{HOST}:{place.admin_port}"}
    assert [line["region"] for line in lines if line["event"] == "ready"] == [HOME]
    assert all(line["timestamp"] and line["level"] for line in lines)


def test_a_password_in_the_url_of_a_database_is_not_told(two_regions: Deployment) -> None:
    settings = load_settings(two_regions.place(HOME).settings)
    told = told_settings(settings.model_copy(update={"database": "postgresql://meridian:hunter2@db.example/meridian"}))
    assert "hunter2" not in json.dumps(told)
    assert told["database"] == "postgresql://meridian:***@db.example/meridian"
