"""The README's picture of a deployment: every object, port and number in it is one of the chart's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from deploy_objects import DEPLOY, ROOT, Name, Object
from tests.deploy.pods import chart

(FIGURE,) = re.findall(r"```deployment\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
REGIONS = ("us-east-1", "eu-west-1")
KINDS = "Service|Deployment|Job|Certificate|NetworkPolicy|PersistentVolumeClaim|HorizontalPodAutoscaler"


def objects_of(region: str) -> dict[Name, Object]:
    return chart("--values", str(DEPLOY / "regions" / region / "values.yaml"), namespace=f"meridian-{region}")


def ports_in(rules: list[dict[str, Any]]) -> set[int]:
    return {port["port"] for rule in rules for port in rule["ports"]}


@pytest.mark.parametrize("region", REGIONS)
def test_the_picture_is_that_of_the_chart(region: str) -> None:
    objects = objects_of(region)
    assert f"namespace meridian-{region}" in FIGURE
    drawn = set(re.findall(rf"\b({KINDS})\s(meridian[a-z-]*)", FIGURE))
    assert drawn <= set(objects), "drawn, and not in the chart"
    seen = {name for name in objects if name[0] in KINDS.split("|") and not name[1].startswith(("meridian-test", "meridian-migrate"))}
    assert seen | {("Job", "meridian-migrate")} == drawn, "in the chart, and not drawn"
    policy = objects["NetworkPolicy", "meridian"]["spec"]
    assert {int(port) for port in re.findall(r"\b\d{4}\b", FIGURE)} == ports_in(policy["ingress"] + policy["egress"]) - {53}
    scaled = objects["HorizontalPodAutoscaler", "meridian"]["spec"]
    assert f"{scaled['minReplicas']} to {scaled['maxReplicas']} pods" in FIGURE
    mounted = objects["Deployment", "meridian"]["spec"]["template"]["spec"]["volumes"]
    for kind, key in (("ConfigMaps", "configMap"), ("Secrets", "secret")):
        (told,) = re.findall(rf"{kind}: ([a-z, ]+)", FIGURE)
        assert len([each for each in mounted if key in each]) >= len(told.split(", "))


def test_the_regions_are_drawn_as_they_talk() -> None:
    """Both ways, over the Service of the other."""
    for region, other in zip(REGIONS, REGIONS[::-1], strict=True):
        objects = objects_of(region)
        (rule,) = [each for each in objects["NetworkPolicy", "meridian"]["spec"]["egress"] if ports_in([each]) == {8445}]
        assert rule["to"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": f"meridian-{other}"}
        assert f"meridian-peer.meridian-{other}.svc.cluster.local:8445" in objects["ConfigMap", "meridian-settings"]["data"]["region.toml"]
    assert FIGURE.count("Service meridian-peer") == len(REGIONS)
    assert FIGURE.count(" 8445 ") == 1
