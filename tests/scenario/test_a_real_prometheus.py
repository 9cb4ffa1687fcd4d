"""Prometheus itself scrapes Regions as the example says: every query of the dashboard has data, and every alert rule is evaluated."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboard import dashboard
from tests.deployment import AWAY, HOME, Deployment
from tests.ports import free_port
from tests.receivers import Collector, collector

from meridian.cli.region_place import HOST
from meridian.client import errors

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "deploy" / "monitoring"
CHOSEN = {"$__rate_interval": "10s", "$region": ".*", "$pod": ".*"}
"""What Grafana puts in their place."""
SCRAPES = 6
pytestmark = [
    pytest.mark.deep,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is absent: Debian's package prometheus"),
]


class Prometheus:
    """The server, asked by its HTTP API."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{HOST}:{port}/api/v1"

    def asked(self, path: str, **parameters: str) -> Any:
        url = f"{self._url}/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - a server of this test
            return json.load(answer)["data"]

    def values(self, query: str) -> list[float]:
        """What a query answers now, without what is no number."""
        found = [float(each["value"][1]) for each in self.asked("query", query=query)["result"]]
        return [value for value in found if not math.isnan(value)]

    def is_up(self) -> bool:
        try:
            return bool(self.asked("status/buildinfo"))
        except OSError:
            return False


@pytest.fixture(scope="module")
def receiver() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory, receiver: Collector) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("scraped"), [HOME, AWAY]).prepare()
    for place in deployment.folder.places:
        text = place.settings.read_text()
        assert "[audit]\n" in text
        place.settings.write_text(text.replace("[audit]\n", f'[audit]\notlp.endpoint = "{receiver.url}"\n'))
    with deployment.serving():
        yield deployment


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, regions: Deployment) -> Iterator[Prometheus]:
    """With the files of deploy/monitoring; of the example only places and times are changed."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    config = yaml.safe_load((FILES / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (scraped,) = config["scrape_configs"]
    for target in scraped["static_configs"]:
        target["targets"] = [f"{HOST}:{regions.place(target['labels']['region']).admin_port}"]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(FILES / "alerts.yaml", folder)
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={HOST}:{port}"], stdout=log, stderr=log)
    made = Prometheus(port)
    try:
        regions.wait_until(made.is_up, 60)
        yield made
    finally:
        process.terminate()
        process.wait(20)


def call(regions: Deployment) -> None:
    """Something of each kind: what is answered, what is refused, over both Regions."""
    with regions.client(caller="developer") as client, regions.client(AWAY) as away:
        key = client.create_key().key_metadata.key_id
        blob = client.encrypt(key_id=key, plaintext=b"x").ciphertext_blob
        for _ in range(8):
            client.decrypt(ciphertext_blob=blob)
            away.list_keys()
        for refused in (client.describe_key, client.enable_key):
            with pytest.raises(errors.NotFoundException):
                refused(key_id="1234abcd-12ab-34cd-56ef-1234567890ab")


def queries() -> list[tuple[str, str]]:
    """(title of its panel, query) of the dashboard as it is committed."""
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", ())]


def chosen(query: str) -> str:
    for name, value in CHOSEN.items():
        query = query.replace(name, value)
    return query


def test_every_query_of_the_dashboard_has_data(regions: Deployment, prometheus: Prometheus) -> None:
    assert (FILES / "dashboard.json").read_text() == dashboard(), "make deploy"
    for _ in range(SCRAPES):
        call(regions)
        time.sleep(1.0)
    asked = queries()
    assert len(asked) > 40

    def without_data() -> list[str]:
        call(regions)
        return [f"{title}: {query}" for title, query in asked if not prometheus.values(chosen(query))]

    deadline = time.monotonic() + 60
    while (left := without_data()) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert left == []


def test_every_alert_rule_is_evaluated_and_rests_while_all_is_well(regions: Deployment, prometheus: Prometheus) -> None:
    def rules() -> list[dict[str, Any]]:
        (group,) = prometheus.asked("rules")["groups"]
        return list(group["rules"])

    regions.wait_until(lambda: all(rule["health"] != "unknown" for rule in rules()), 60)
    assert len(rules()) > 20
    assert [rule["name"] for rule in rules() if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules() if rule["state"] == "firing"] == []


def test_a_process_that_dies_is_told(regions: Deployment, prometheus: Prometheus) -> None:
    assert prometheus.values('up{job="meridian"}') == [1.0, 1.0]
    regions.stop(AWAY)
    regions.wait_until(lambda: prometheus.values(f'up{{region="{AWAY}"}}') == [0.0], 60)

    def pending() -> list[str]:
        return [
            alert["labels"]["region"] for alert in prometheus.asked("alerts")["alerts"] if alert["labels"]["alertname"] == "MeridianDown"
        ]

    assert regions.wait_until(pending, 60) == [AWAY]
