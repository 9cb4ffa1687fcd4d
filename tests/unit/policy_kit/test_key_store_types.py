"""Key stores in the policy kit: a row with a storeType is one, in tests, in `explain` and in `prove`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

STORES = """@id("stores") @layer("account") @reason("tokens alone")
permit (principal, action in KMS::Action::"Stores", resource is KMS::KeyStore in KMS::Account::"111122223333")
when { resource.storeType == "AWS_CLOUDHSM" };
@id("made") @layer("account") @reason("tokens alone")
permit (principal, action == KMS::Action::"CreateCustomKeyStore", resource in KMS::Account::"111122223333")
when { context.storeType == "AWS_CLOUDHSM" };
"""
DOCUMENT = """
principals: {ann: {}, far: {account: "444455556666"}}
keys: {token: {storeType: AWS_CLOUDHSM}, outside: {storeType: EXTERNAL_KEY_STORE}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "stores.yaml"
        path.write_text(DOCUMENT + text)
        return path

    return write


def test_a_row_with_a_store_type_is_a_key_store_of_whoever_asks(policies: Any, file: Any, policy_json: Callable[..., Any]) -> None:
    text = """
tests:
  - {name: t, principal: ann, actions: [ConnectCustomKeyStore, DeleteCustomKeyStore], key: token, expect: allow, by: [stores]}
  - {name: one of his own account, principal: far, actions: [ConnectCustomKeyStore, DeleteCustomKeyStore], key: token, expect: deny, by: []}
  - {name: o, principals: [ann, far], action: ConnectCustomKeyStore, keys: [outside, cks-1], expect: deny, by: []}
  - {name: made by silence in a token, principal: ann, action: CreateCustomKeyStore, key: scope, expect: allow, by: [made]}
  - {name: e, principal: ann, action: CreateCustomKeyStore, key: scope, context: {storeType: EXTERNAL_KEY_STORE}, expect: deny, by: []}
"""
    results = policy_json("test", file(text), "--policies", policies(STORES))
    assert len(results) == 10
    assert [r["cell"] for r in results if not r["passed"]] == []


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("{storeType: PAPER}", "storeType is one of AWS_CLOUDHSM, EXTERNAL_KEY_STORE"),
        ("{storeType: [AWS_CLOUDHSM]}", "storeType is one of AWS_CLOUDHSM, EXTERNAL_KEY_STORE"),
        ("{storeType: AWS_CLOUDHSM, tags: {a: b}}", "tags is unknown; known are storeType"),
    ],
)
def test_a_row_that_is_no_store_is_refused_by_name(policies: Any, file: Any, policy: Callable[..., Result], row: str, told: str) -> None:
    path = file("tests:\n  - {name: n, principal: ann, action: ConnectCustomKeyStore, key: token, expect: deny}\n")
    path.write_text(path.read_text().replace("{storeType: AWS_CLOUDHSM}", row))
    ran = policy("test", path, "--policies", policies(STORES))
    assert ran.exit_code != 0
    assert told in ran.output


@pytest.mark.parametrize(("kind", "answer"), [("AWS_CLOUDHSM", "allow"), ("EXTERNAL_KEY_STORE", "deny")])
def test_explain_takes_the_type_of_a_store(policies: Any, policy: Callable[..., Result], kind: str, answer: str) -> None:
    asked = ("--principal", "User:111122223333/ann", "--action", "ConnectCustomKeyStore", "--key", f"storeType={kind}")
    assert f": {answer}" in policy("explain", "--policies", policies(STORES), *asked).stdout


def test_prove_tries_stores_of_both_types_and_a_counter_example_is_a_test(
    policies: Any, file: Any, policy: Callable[..., Result], policy_json: Callable[..., Any], tmp_path: Path
) -> None:
    text = """
invariants:
  - name: nothing is done to stores outside
    forall: {action: [Stores]}
    where: 'resource is KMS::KeyStore && resource.storeType == "EXTERNAL_KEY_STORE"'
    never: allow
"""
    (proof,) = policy_json("prove", file(text), "--policies", policies(STORES))
    assert proof["holds"]
    opened = STORES.replace('resource.storeType == "AWS_CLOUDHSM"', "true")
    (proof,) = policy_json("prove", file(text), "--policies", policies(opened, "opened"))
    assert not proof["holds"]
    case = tmp_path / "case.yaml"
    case.write_text(yaml.safe_dump(proof["counterExample"]["test"]))
    assert policy("test", case, "--policies", policies(opened, "opened")).exit_code == 1
    assert policy("test", case, "--policies", policies(STORES)).exit_code == 0


def test_graph_asks_of_stores_what_is_done_to_stores_and_of_keys_the_rest(
    policies: Any, file: Any, policy_json: Callable[..., Any]
) -> None:
    asked = [word for action in ("ConnectCustomKeyStore", "Encrypt", "ListKeys") for word in ("--action", action)]
    path = file("")
    path.write_text(path.read_text().replace("keys: {", "keys: {some: {}, "))
    cells = policy_json("graph", path, "--policies", policies(STORES), *asked)
    found = {(cell["action"], cell["key"]): cell["allowed"] for cell in cells if cell["principal"] == "ann"}
    assert found == {
        ("ConnectCustomKeyStore", "token"): True,
        ("ConnectCustomKeyStore", "outside"): False,
        ("Encrypt", "some"): False,
        ("ListKeys", "scope"): False,
    }
