"""values.schema.json: the shape of values.yaml, and under `settings` that of the settings file: Helm refuses what a Region would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import yaml
from deploy_objects import CHART

from meridian.settings import Settings

JSON: Final = "http://json-schema.org/draft-07/schema#"
CHOICES: Final[dict[str, list[str]]] = {
    "workload": ["Deployment", "StatefulSet"],
    "database.kind": ["postgresql", "sqlite"],
    "audit.volume": ["claim", "emptyDir"],
    "tls.source": ["secret", "certManager", "csi"],
    "migration.command": ["auto", "init", "migrate", "restored"],
    "image.pullPolicy": ["Always", "IfNotPresent", "Never"],
    "service.type": ["ClusterIP", "LoadBalancer", "NodePort"],
    "service.peerType": ["ClusterIP", "LoadBalancer", "NodePort"],
    "service.xksType": ["ClusterIP", "LoadBalancer", "NodePort"],
}
OPEN: Final = frozenset(
    {
        "nodeSelector", "affinity", "podAnnotations", "podLabels", "serviceAccount.annotations", "service.annotations",
        "service.peerAnnotations", "service.xksAnnotations", "monitoring.labels",
    }
)  # fmt: skip
"""Maps whose keys are the user's."""
LEAST: Final = {
    "replicas": 1,
    "autoscaling.minReplicas": 1,
    "autoscaling.maxReplicas": 1,
    "autoscaling.cpuPercent": 1,
    "networkPolicy.database.port": 1,
    "preStopSeconds": 1,
    "terminationGracePeriodSeconds": 31,
    "startupSeconds": 10,
}
MOST: Final = {"autoscaling.cpuPercent": 100, "networkPolicy.database.port": 65_535}
QUANTITY: Final = {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?$"}
AMOUNTS: Final = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number"], "pattern": "^[0-9]+(\\.[0-9]+)?(m|[kMGTPE]|[KMGTPE]i)?$"},
}
NETWORKS: Final = {
    "type": "array",
    "items": {
        "type": "string",
        "pattern": "^([0-9]{1,3}(\\.[0-9]{1,3}){3}/([12]?[0-9]|3[0-2])|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*/([0-9]{1,2}|1[01][0-9]|12[0-8]))$",
    },
}
PEERS: Final = {"type": "array", "items": {"type": "object", "minProperties": 1}}
FILES: Final = {
    "type": "object",
    "propertyNames": {"pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,251}\\.cedar$"},
    "additionalProperties": {"type": "string"},
}
FORMS: Final[dict[str, dict[str, Any]]] = {
    "podDisruptionBudget.maxUnavailable": {
        "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^([1-9][0-9]?|100)%$"}]
    },
    "policies": FILES,
    "audit.size": QUANTITY,
    "data.size": QUANTITY,
    "resources.requests": AMOUNTS,
    "resources.limits": AMOUNTS,
    "service.peerSourceRanges": NETWORKS,
    "service.xksSourceRanges": NETWORKS,
    "networkPolicy.kubelet": NETWORKS,
    **{f"networkPolicy.{name}": PEERS for name in ("clients", "peers", "xks", "console", "prometheus", "dns", "tokens", "egress")},
    "networkPolicy.database.to": {**PEERS, "minItems": 1},
    "deniedSpiffeIds": {"type": "array", "items": {"type": "string", "pattern": "^spiffe://[^\\s\u2028\u2029\u0085]+$"}},
}
"""What is more than its kind: forms that Kubernetes refuses only when the release is half there."""
LISTED: Final = (
    "PeerSettings",
    "FileSealSettings",
    "PassphraseSealSettings",
    "TokenSealSettings",
    "KeyStoreTokenSettings",
    "OtlpSettings",
    "S3Settings",
)
"""Tables that the chart derives nothing for: what they need, values must have."""
DROPPED: Final = ("default", "title", "discriminator", "description", "format")
TEXT: Final = {"type": "string", "minLength": 1}
COSTS: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {name: {"type": "integer", "minimum": 1} for name in ("time_cost", "memory_kib", "parallelism")},
}
SEALS: Final[dict[str, dict[str, Any]]] = {
    "file": {},
    "passphrase": {"costs": COSTS},
    "pkcs11": {"module": {"type": "string", "pattern": "^/"}, "token": TEXT, "keyLabel": TEXT},
}
"""What a seal has besides the key of a Secret, by its provider."""
OPTIONAL: Final = ("costs",)


def _seal() -> dict[str, Any]:
    """One shape for each provider, so that what is missing is named."""
    shapes = [
        {"if": {"properties": {"provider": {"const": provider}}}, "then": _seal_of(provider, more)} for provider, more in SEALS.items()
    ]
    return {"type": "object", "required": ["provider"], "properties": {"provider": {"enum": [*SEALS]}}, "allOf": shapes}


def _seal_of(provider: str, more: dict[str, Any]) -> dict[str, Any]:
    properties = {"provider": {"const": provider}, "secret": TEXT, "key": TEXT, **more}
    return {"additionalProperties": False, "required": [name for name in properties if name not in OPTIONAL], "properties": properties}


def values_schema() -> str:
    """The text of the file."""
    settings, definitions = _settings()
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    properties = {name: _shape(name, value) for name, value in values.items()}
    properties |= {"settings": settings, "global": {"type": "object"}}
    properties["seals"] = {"type": "array", "minItems": 1, "items": _seal()}
    schema = {
        "$schema": JSON,
        "title": "Values of the chart of Meridian",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": definitions,
    }
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def _shape(path: str, value: object) -> dict[str, Any]:
    """Of a value of which the default is known."""
    if path in CHOICES:
        return {"enum": CHOICES[path]}
    if path in FORMS:
        return FORMS[path]
    if isinstance(value, dict):
        if path in OPEN:
            return {"type": "object"}
        inner = {name: _shape(f"{path}.{name}", each) for name, each in value.items()}
        return {"type": "object", "additionalProperties": False, "properties": inner}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        most = {"maximum": MOST[path]} if path in MOST else {}
        return {"type": "integer", "minimum": LEAST.get(path, 0), **most}
    return {"type": "array"} if isinstance(value, list) else {"type": "string"}


def _settings() -> tuple[dict[str, Any], dict[str, Any]]:
    """(schema of the settings, its definitions): that of the code, where nothing is needed that the chart derives."""
    schema = _plain(Settings.model_json_schema())
    definitions = schema.pop("$defs")
    for name, each in [("", schema), *definitions.items()]:
        if name not in LISTED:
            each.pop("required", None)
    schema["required"] = ["deployment", "region"]
    return schema, definitions


def _plain(value: Any) -> Any:
    """Without what says nothing about a shape; properties may have any name."""
    if isinstance(value, dict):
        return dict(_kept(value))
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _kept(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        if name == "properties":
            yield name, {inner: _plain(shape) for inner, shape in each.items()}
        elif name not in DROPPED:
            yield name, _plain(each)
