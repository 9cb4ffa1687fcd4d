"""Every setting can be reached from the values of the chart, and is written as it was given."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from deploy_objects import CHART
from tests.architecture.test_every_setting_acts import sections_in, settings_names
from tests.deploy.pods import chart, settings_of

from meridian.domain.limits import Limits
from meridian.settings import Settings

LISTS = {"seals", "peers"}
"""Settings that are lists of tables."""
MAPS = {"accounts": "111122223333", "regions": "eu-west-1", "key_store_tokens": f"cluster-{'a' * 12}"}
"""Settings that are tables of tables, with a name of one."""


PROVIDER_OF = {
    **dict.fromkeys(("passphrase_file", "time_cost", "memory_kib", "parallelism", "provider"), "passphrase"),
    **dict.fromkeys(("module", "token", "key", "pin_file"), "pkcs11"),
}
"""Of seals: which kind has a setting of this name."""


def other_than(annotation: Any) -> object:
    """A value that a schema takes and no default is: of texts with a form, one of that form."""
    kinds = [annotation, *get_args(annotation), *(inner for each in get_args(annotation) for inner in get_args(each))]
    text = str(annotation)
    if "dict" in text:
        return {"other": "other"}
    for kind, value in ((bool, True), (int, 4097), (float, 97.5)):
        if kind in kinds:
            return value
    return ["other"] if "tuple" in text else "other"


FORMED = {
    **{
        f"{name}.listen": f"[::]:{port}"
        for name, port in {"grpc": 8443, "aws": 8444, "peer": 8445, "admin": 8081, "xks": 8446, "console": 8447}.items()
    },
    "database": "postgresql://other@elsewhere/region",
    "replica_file": "/etc/meridian/pod/name",
    "region": "ca-west-1",
    "front.kind": "envoy",
    "partition": "aws-other",
    "peers.region": "eu-west-1",
    "peers.transport_fingerprint": "a" * 64,
    "peers.accounts": ["444455556666"],
    "audit.s3.bucket": "other-bucket",
    "audit.s3.prefix": "other/",
    "seals.provider": "passphrase",
    "seals.time_cost": 97,
    "seals.memory_kib": 131_072,
    "seals.parallelism": 97,
    "services": {"other.amazonaws.com": "111122223333/other"},
    "audit.max_wait_seconds": 0.5,
    "audit.sink_timeout_seconds": 9.5,
    "peers.spiffe_id": "spiffe://other.example/other",
    "key_store_tokens.account": "444455556666",
    "limits.import_keys_ready": {"RSA_2048": 97},
    "throttle": {"rsa": 97},
    "audit.max_batch": 97,
    "tracing.sample_ratio": 0.5,
    "tracing.attributes": ["key"],
    "audit.segment_bytes": 131_072,
    "aws.trusted_proxies": ["10.0.0.0/8"],
    "console.origin": "https://kms.example.com",
    "console.session_minutes": 97,
    "console.trusted_proxies": ["10.0.0.0/8"],
}
"""Settings whose value must have a form, or lie within bounds."""
BESIDES = {
    "seals": [
        {"provider": "file", "path": "p"},
        {"provider": "passphrase", "passphrase_file": "p"},
        {"provider": "pkcs11", "module": "m", "token": "t", "key": "k", "pin_file": "p"},
    ],
    "peers": [{"region": "eu-west-1", "address": "a:1", "spiffe_id": "spiffe://a.example/b", "transport_fingerprint": "0" * 64}],
}
"""What a table of a list needs besides."""


def declared(model: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        inner = sections_in(field.annotation)
        for section in inner:
            yield from declared(section, f"{prefix}{name}.")
        if field.annotation is Limits:
            yield from ((f"{prefix}{name}.{limit.name}", type(getattr(Limits(), limit.name))) for limit in dataclasses.fields(Limits))
        elif not inner:
            yield prefix + name, field.annotation


def place_of(settings: dict[str, Any], name: str) -> dict[str, Any]:
    """The table in which a setting of this dotted name stands, made where there is none."""
    steps = name.split(".")
    table = settings
    for step in steps[:-1]:
        if step in LISTS:
            rows = table.setdefault(step, [dict(row) for row in BESIDES[step]])
            table = next((row for row in rows if row.get("provider") == PROVIDER_OF.get(steps[-1], "file")), rows[0])
        else:
            table = table.setdefault(step, {})
            table = table.setdefault(MAPS[step], {}) if step in MAPS else table
    return table


def every_setting() -> tuple[dict[str, Any], dict[str, object]]:
    """(values of `settings` in which every setting has a value that is no default, each by its name)."""
    settings: dict[str, Any] = {}
    expected: dict[str, object] = {}
    for name, annotation in declared(Settings, ""):
        value = FORMED.get(name, other_than(annotation))
        place_of(settings, name)[name.rpartition(".")[2]] = value
        expected[name] = value
    return settings, expected


def test_every_setting_can_be_reached_from_the_values(tmp_path: Path) -> None:
    values, expected = every_setting()
    assert set(expected) == set(settings_names(Settings)), "a setting that this walk does not know"
    del values["replica"]  # with `replica_file` it is refused; it has a walk of its own
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump({"settings": values}))
    listening = ("--set", "xks.enabled=true", "--set", "tls.xks.dnsNames={xks.example.com}", "--set", "console.enabled=true")
    objects = chart("--values", str(path), "--set", "terminationGracePeriodSeconds=600", *listening)
    for name in ("meridian-settings", "meridian-migrate"):
        found = settings_of(objects, name)
        wrong = {
            each: value
            for each, value in expected.items()
            if each != "replica" and place_of(found, each).get(each.rpartition(".")[2]) != value
        }
        assert wrong == {}
        numbers = {type(value) for value in found["limits"].values() if not isinstance(value, dict)}
        assert numbers == {int, float}, "whole numbers stay whole"


def test_a_replica_may_be_named_in_the_settings() -> None:
    found = settings_of(chart("--values", str(CHART / "ci" / "sqlite-values.yaml"), "--set", "settings.replica=only"))
    assert (found["replica"], "replica_file" in found) == ("only", False)
