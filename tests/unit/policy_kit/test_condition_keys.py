"""Every condition key is shown to allow and to deny, for every action that carries it, or refused for a reason."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from meridian.authorization.aws_policy.condition_keys import GLOBAL_KEYS, KMS_KEYS, ConditionKey
from meridian.authorization.aws_policy.conditions import presence_of
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import policy_folder, schema_text
from meridian.policy_kit.suites import Suite, load_suites

SCRIPT = Path(__file__).parents[3] / "scripts" / "condition_keys.py"
CONVERTED = [key for key in (*KMS_KEYS, *GLOBAL_KEYS) if not key.refused]


@cache
def script() -> Any:
    spec = importlib.util.spec_from_file_location("condition_keys_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def suites() -> tuple[Suite, ...]:
    return load_suites(policy_folder() / "tests", SchemaModel(schema_text()))


@pytest.mark.parametrize("key", CONVERTED, ids=lambda key: key.name)
@pytest.mark.parametrize("word", ["allows", "denies"])
def test_a_key_has_its_cases_by_name(key: ConditionKey, word: str) -> None:
    model = SchemaModel(schema_text())
    shown, carried = set(script().cells(suites(), key, word)), script().carriers(key, model)
    assert carried
    assert shown
    if key.attribute.startswith("context.") or key.owner == "context":
        assert shown == set(carried), "every action that carries it"


def test_every_context_attribute_of_the_schema_is_a_condition_key_or_our_own() -> None:
    model = SchemaModel(schema_text())
    attributes = {name.rstrip("?") for row in model.actions.values() for name, _ in row.context} - {"request"}
    known = {key.attribute.removeprefix("context.") for key in KMS_KEYS if key.attribute} | {"requestTags", "tagKeys"}
    own = {"replicaRegionLabels", "primaryRegionLabels", "replication", "callerIsRetiringPrincipal", "callerIsGrantee", "aliasName"}
    own |= {"encapsulationAlgorithm", "recipientAttestation", "granteeServicePrincipal", "retiringServicePrincipal"}
    own |= {"encryptionContextAnyCase", "requestTagsAnyCase", "storeType"}
    assert attributes - known == own


def test_the_page_is_what_table_and_tests_say() -> None:
    assert (SCRIPT.parents[1] / "docs" / "condition-keys.md").read_text() == script().page(SchemaModel(schema_text()), suites())


def test_a_key_that_no_action_carries_would_be_noticed() -> None:
    invented = ConditionKey("kms:Invented", "context", "invented")
    assert {presence_of(invented, action, SchemaModel(schema_text())) for action in ("Encrypt", "Sign")} == {"never"}
