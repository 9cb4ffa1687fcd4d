"""The schema that editors get fits what is read: every suite that is shipped, and no slip of the pen."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from meridian.authorization.sets.packaged import schema_text
from meridian.cli.main import main

TESTS = Path(__file__).resolve().parents[3] / "policy" / "tests"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    done = CliRunner().invoke(main, ["policy", "schema", "--suites"])
    assert done.exit_code == 0
    found: dict[str, Any] = json.loads(done.output)
    return found


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> Any:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(value: Any, validator: Any) -> list[str]:
    """What a validator of JSON schemas says, as an editor would show it."""
    return [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(value)]


@pytest.mark.parametrize("path", sorted(TESTS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_suite_that_is_shipped_fits_the_schema(path: Path, validator: Any) -> None:
    assert faults(yaml.safe_load(path.read_text()), validator) == []


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("kees: {}", "$", "'kees' was unexpected"),
        ("tests: [{name: n, expect: deny, expct: deny}]", "$.tests[0]", "'expct' was unexpected"),
        ("tests: [{name: n, action: Encrpyt, expect: deny}]", "$.tests[0].action", "'Encrpyt' is not one of"),
        ("tests: [{name: n, expect: no}]", "$.tests[0].expect", "False is not one of"),
        ("keys: {k: {orgin: AWS_KMS}}", "$.keys.k", "'orgin' was unexpected"),
        ("keys: {k: {keySpec: RSA}}", "$.keys.k.keySpec", "'RSA' is not one of"),
        ("principals: {p: {kind: Robot}}", "$.principals.p.kind", "'Robot' is not one of"),
        ("invariants: [{never: allow}]", "$.invariants[0]", "'name' is a required property"),
        ("matrices: [{name: n, principals: [p], actions: [Encrypt], allow: [{action: Sgn}]}]", "$.matrices[0].allow[0].action", "'Sgn'"),
    ],
)
def test_a_slip_of_the_pen_does_not(text: str, place: str, word: str, validator: Any) -> None:
    (found,) = faults(yaml.safe_load(text), validator)
    assert found.startswith(f"{place}: ")
    assert word in found


def test_the_guide_tells_editors_where_the_schemas_are(schema: dict[str, Any]) -> None:
    guide = (TESTS.parents[1] / "docs" / "policy-guide.md").read_text()
    assert '"cedar.schemaFile": "meridian.cedarschema"' in guide
    (line,) = re.findall(r"^# yaml-language-server: \$schema=(.+)$", guide, re.MULTILINE)
    assert f"meridian policy schema --suites > {line}" in guide
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema", "which the server reads by this name"


def test_the_schema_of_policies_is_the_one_that_they_are_checked_against() -> None:
    done = CliRunner().invoke(main, ["policy", "schema"])
    assert done.output == schema_text()
