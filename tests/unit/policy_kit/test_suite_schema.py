"""The schema that editors get fits what is read: every suite that is shipped, and no slip of the pen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from meridian.authorization.sets.packaged import schema_text
from meridian.cli.main import main

TESTS = Path(__file__).resolve().parents[3] / "policy" / "tests"
TYPES: dict[str, Any] = {"string": str, "boolean": bool, "array": list, "object": dict, "null": type(None)}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    done = CliRunner().invoke(main, ["policy", "schema", "--suites"])
    assert done.exit_code == 0
    found: dict[str, Any] = json.loads(done.output)
    return found


def faults(value: Any, schema: dict[str, Any], place: str) -> list[str]:
    """As much of JSON schema as the schema uses; a word that is not known here fails."""
    assert set(schema) <= {"$schema", "title", "type", "properties", "additionalProperties", "required", "items", "enum"}
    kinds = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
    found = [] if not kinds or isinstance(value, tuple(TYPES[kind] for kind in kinds)) else [f"{place}: is no {kinds}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{place}: {value} is none of the words")
    if isinstance(value, dict):
        found += [f"{place}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, each in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
            found += [f"{place}: {name} is unknown"] if inner is False else faults(each, inner, f"{place}.{name}")
    if isinstance(value, list):
        found += [fault for at, each in enumerate(value) for fault in faults(each, schema.get("items", {}), f"{place}[{at}]")]
    return found


@pytest.mark.parametrize("path", sorted(TESTS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_suite_that_is_shipped_fits_the_schema(path: Path, schema: dict[str, Any]) -> None:
    assert faults(yaml.safe_load(path.read_text()), schema, path.name) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kees: {}", "x: kees is unknown"),
        ("tests: [{name: n, expct: deny}]", "x.tests[0]: expct is unknown"),
        ("tests: [{name: n, action: Encrpyt, expect: deny}]", "x.tests[0].action: Encrpyt is none of the words"),
        ("tests: [{name: n, expect: no}]", "x.tests[0].expect: False is none of the words"),
        ("keys: {k: {orgin: AWS_KMS}}", "x.keys.k: orgin is unknown"),
        ("keys: {k: {keySpec: RSA}}", "x.keys.k.keySpec: RSA is none of the words"),
        ("principals: {p: {kind: Robot}}", "x.principals.p.kind: Robot is none of the words"),
        ("invariants: [{never: allow}]", "x.invariants[0]: name is missing"),
    ],
)
def test_a_slip_of_the_pen_does_not(text: str, told: str, schema: dict[str, Any]) -> None:
    assert told in faults(yaml.safe_load(text), schema, "x")


def test_the_schema_of_policies_is_the_one_that_they_are_checked_against() -> None:
    done = CliRunner().invoke(main, ["policy", "schema"])
    assert done.output == schema_text()
