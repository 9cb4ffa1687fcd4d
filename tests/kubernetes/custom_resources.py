"""CustomResourceDefinitions made of the schemas in deploy/schemas, so that an API server judges custom resources as it would where their
own programs are installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deploy_objects import DEPLOY, Object

SCHEMAS = DEPLOY / "schemas"
GIVEN = ("apiVersion", "kind", "metadata")
"""What the API server itself knows of every object."""
PLURALS = {"Certificate": "certificates", "ServiceMonitor": "servicemonitors", "PrometheusRule": "prometheusrules"}
GROUPS = {"Certificate": "cert-manager.io", "ServiceMonitor": "monitoring.coreos.com", "PrometheusRule": "monitoring.coreos.com"}
EITHER = [{"type": "integer"}, {"type": "string"}]


def definitions() -> list[Object]:
    """One for each schema."""
    return [_definition(kind) for kind in PLURALS]


def _definition(kind: str) -> Object:
    group, plural = GROUPS[kind], PLURALS[kind]
    schema = json.loads((SCHEMAS / f"{kind.lower()}-{group}-v1.json").read_text())
    schema["properties"] = {name: each for name, each in schema["properties"].items() if name not in GIVEN}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": _structural(schema)}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


def _structural(schema: Mapping[str, Any]) -> dict[str, Any]:
    """As an API server takes it: fields that are not named are refused by the server, and not by the schema."""
    made = {name: each for name, each in schema.items() if not (name == "additionalProperties" and each is False)}
    if "anyOf" in made and sorted(made["anyOf"], key=str) == sorted(EITHER, key=str):
        del made["anyOf"]
        made["x-kubernetes-int-or-string"] = True
    if "properties" in made:
        made["properties"] = {name: _structural(each) for name, each in made["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(made.get(name), dict):
            made[name] = _structural(made[name])
    return made
