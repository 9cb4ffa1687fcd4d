"""A group is one of an account: its id says which, and a policy that does not say is refused with what it should have said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from meridian.adapters.principals_file import FilePrincipals, PrincipalsFileError
from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.language.evaluator import SchemaHandle, policies_as_json
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.key_policies import KeyPolicyReader
from meridian.authorization.sets.policy_files import PolicySetError, load_policies
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal
from meridian.errors import MalformedPolicyDocumentException

BARE = 'KMS::Group::"crew"'
GUARD = '@id("g") @layer("guardrail") @reason("r") forbid '
OWN = '@id("a") @layer("account") @reason("r") permit '
INSIDE = 'resource in KMS::Account::"111122223333"'
PLACES = [
    f"(principal in {BARE}, action, %s)",
    f"(principal is KMS::User in {BARE}, action, %s)",
    f"(principal == {BARE}, action, %s)",
    f"(principal, action, %s) when {{ principal in {BARE} }}",
    f"(principal, action, %s) unless {{ principal in [{BARE}] }}",
    f"(principal, action, %s) when {{ if principal is KMS::User in {BARE} then true else false }}",
]
FACTS = {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": {}, "encryptionContextKeys": []}


@pytest.mark.parametrize("place", PLACES)
def test_a_policy_file_is_refused_with_its_line_and_the_form_that_is_meant(tmp_path: Path, schema: SchemaHandle, place: str) -> None:
    text = f"// one\n// two\n{OWN}{place % INSIDE};\n\n{GUARD}{place % 'resource is KMS::Key'};\n"
    (tmp_path / "crew.cedar").write_text(text)
    with pytest.raises(PolicySetError) as caught:
        load_policies(tmp_path, schema)
    told = [fault for fault in caught.value.faults if "has no account" in fault]
    assert told == [
        'crew.cedar:3: a: KMS::Group::"crew" has no account; write KMS::Group::"111122223333/crew"',
        'crew.cedar:5: g: KMS::Group::"crew" has no account; write KMS::Group::"ACCOUNT/crew"',
    ]


@pytest.mark.parametrize("place", PLACES)
def test_a_key_policy_is_refused_with_the_account_of_its_key(schema: SchemaHandle, key: Key, place: str) -> None:
    reader = KeyPolicyReader(schema, SchemaModel(schema.text), Limits(), policies_as_json)
    with pytest.raises(MalformedPolicyDocumentException, match=r'Policy 1 of the key policy: .* write KMS::Group::"111122223333/crew"'):
        reader.require_valid(replace(key, policy=f"permit {place % 'resource'};"))


@pytest.mark.parametrize("name", ["", "/crew", "1/crew", "111122223333/", "111122223333/a/b", "x/111122223333/crew"])
def test_other_ids_that_are_no_groups_are_refused(tmp_path: Path, schema: SchemaHandle, name: str) -> None:
    (tmp_path / "p.cedar").write_text(f'{GUARD}(principal in KMS::Group::"{name}", action, resource is KMS::Key);')
    with pytest.raises(PolicySetError, match="has no account; write"):
        load_policies(tmp_path, schema)


def test_a_group_is_not_that_of_another_account(authorizer_of: Callable[[str], Authorizer], key: Key, alice: Principal) -> None:
    abroad = replace(alice, account="444455556666", arn=alice.arn.replace("111122223333", "444455556666"))
    authorizer = authorizer_of(f'{OWN}(principal in KMS::Group::"111122223333/g", action, {INSIDE});')
    text = 'permit (principal in KMS::Group::"111122223333/g", action, resource);'
    facts = PlainFacts(FACTS, {"grants": []})
    decided = [authorizer.decide(who, "Encrypt", replace(key, policy=text), facts) for who in (alice, abroad)]
    assert [(each.allowed, each.errors) for each in decided] == [(True, 0), (False, 0)]


def test_principals_list_groups_by_name_alone(tmp_path: Path) -> None:
    def load(groups: str) -> Principal | None:
        row = '[[principals]]\nkind = "User"\naccount = "111122223333"\nname = "ann"\nspiffe_id = "spiffe://x/ann"\n'
        (tmp_path / "p.toml").write_text(f"{row}groups = {groups}\n")
        return FilePrincipals.load(tmp_path / "p.toml", partition="aws", org_units={}).find_by_spiffe_id("spiffe://x/ann")

    found = load('["crew"]')
    assert found is not None
    assert found.group_ids == ("111122223333/crew",)
    for wrong in ('["444455556666/crew"]', '[""]'):
        with pytest.raises(PrincipalsFileError, match="without their account"):
            load(wrong)
