"""What the tests of the converter share: the schema, and converted policies decided by the service's own evaluator."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.cache_memory import cache_memory

from meridian.authorization.aws_policy.convert import Converted, KeyName, convert
from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.evaluator import SchemaHandle, format_policies, policies_as_json
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.key_policies import KeyPolicyReader
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import load_policies
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.policy_kit.fixtures import fixtures_of

ACCOUNT = "111122223333"
SERVICES = {"storage.example.amazonaws.com": f"{ACCOUNT}/storage"}
FIXTURES: dict[str, Any] = {
    "principals": {"tagged": {"kind": "Role", "tags": {"tenant": "a", "kind": "workload"}}},
    "keys": {
        "single": {},
        "primary": {"multiRegion": True},
        "imported": {"keyOrigin": "EXTERNAL"},
        "tagged": {"tags": {"team": "pay"}},
        "teamed": {"tags": {"team": "a"}},
        "teamed twice": {"tags": {"team": "a", "TEAM": "b"}},
    },
}
ANYTHING = f"""
@id("all") @layer("account") @reason("the account leaves everything to its keys")
permit (principal, action, resource in KMS::Account::"{ACCOUNT}");
@id("abroad") @layer("account") @account("444455556666") @foreign("true") @reason("so does the other")
permit (principal, action, resource is KMS::Key);
"""


@cache
def model() -> SchemaModel:
    return SchemaModel(schema_text())


def document(*statements: Any, **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


def converted(text: str, key_id: str = "1234abcd-12ab-34cd-56ef-1234567890ab") -> Converted:
    return convert(text, key=KeyName("aws", "us-east-1", ACCOUNT, key_id), model=model(), services=SERVICES, lay_out=format_policies)


@pytest.fixture(scope="session")
def allowed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bool]:
    """Whether a converted policy allows a request: [who, action, context, key, request attributes]."""
    folder = tmp_path_factory.mktemp("policies")
    (folder / "p.cedar").write_text(ANYTHING)
    schema = SchemaHandle(schema_text())
    authorizer = Authorizer(
        schema=schema,
        source=load_policies(Path(folder), schema),
        around=Surroundings(),
        limits=Limits(),
        as_json=policies_as_json,
        caches=cache_memory(),
    )
    reader = KeyPolicyReader(schema, model(), Limits(), policies_as_json)
    versions = iter(range(1, 10_000_000))

    def ask(made: Converted, who: str, action: str, context: Any = None, key: str = "single", request: Any = None) -> bool:
        fixtures = fixtures_of({**FIXTURES, "principals": {**FIXTURES["principals"], "who": _principal(who)}}, "corpus")
        named = "tagged" if who == "role/tagged" else "who"
        asked = fixtures.request(named, action, key, context or {}, request or {}, model())
        assert isinstance(asked.resource, Key)
        resource = replace(asked.resource, policy=made.cedar, account_delegation=made.account_delegation, version=next(versions))
        reader.require_valid(resource)
        decided = authorizer.decide(asked.principal, action, resource, asked.facts)
        assert not decided.errors
        return decided.allowed

    return ask


def _principal(who: str) -> dict[str, str]:
    *account, kind, name = who.split("/")
    return {"kind": kind.capitalize(), "name": name, "account": account[0] if account else ACCOUNT}
