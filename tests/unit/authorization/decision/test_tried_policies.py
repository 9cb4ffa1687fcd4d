"""Which policies an account may edit in a trial, and what stays beside them."""

from __future__ import annotations

import pytest

from meridian.authorization.decision import tried_policies
from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.tried_policies import TriedPolicies
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.evaluator import SchemaHandle, policies_as_json
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import PolicyTexts, understand
from meridian.domain.bounded_cache import Caches
from meridian.domain.limits import Limits
from meridian.errors import UnsupportedOperationException

OWN, OTHER = "111122223333", "444455556666"
SCHEMA = SchemaHandle(schema_text())
AROUND = Surroundings(org_units={OWN: ("finance",)})


def policy(name: str, resource: str, layer: str = "account") -> str:
    return f'@id("{name}")\n@layer("{layer}")\n@reason("r")\nforbid (principal, action, resource{resource});'


TEXT = "\n// between\n".join(
    [
        policy("calm", "", "guardrail"),
        policy("mine", f' in KMS::Account::"{OWN}"'),
        policy("theirs", f' in KMS::Account::"{OTHER}"'),
        policy("unit", ' in KMS::OrgUnit::"finance"'),
        policy("another-unit", ' in KMS::OrgUnit::"sales"'),
    ]
)


@pytest.fixture(scope="module")
def tried() -> TriedPolicies:
    source = understand(PolicyTexts((("a.cedar", TEXT),), "d"), SCHEMA)
    live = Authorizer(schema=SCHEMA, source=source, around=AROUND, limits=Limits(), as_json=policies_as_json, caches=Caches(1 << 20))
    return TriedPolicies(live, schema=SCHEMA, around=AROUND, limits=Limits(), as_json=policies_as_json)


def ids(authorizer: Authorizer) -> set[str]:
    return {each.policy_id for each in authorizer.policies}


def test_an_account_is_told_its_own_as_they_were_written(tried: TriedPolicies) -> None:
    assert tried.own_text(OWN) == policy("mine", f' in KMS::Account::"{OWN}"') + "\n"
    assert tried.own_text("777788889999") == "\n"


def test_what_stays_beside_edited_ones_has_nothing_of_other_accounts(tried: TriedPolicies) -> None:
    rest = tried.rest_text(OWN, is_edited=True)
    assert [name for name in ("calm", "mine", "theirs", "unit", "another-unit") if f'@id("{name}")' in rest] == ["calm", "unit"]
    assert '@id("mine")' in tried.rest_text(OWN, is_edited=False)
    edited = policy("new", f' in KMS::Account::"{OWN}"')
    assert ids(tried.edited(OWN, edited, policies_as_json(edited))) == {"calm", "unit", "new"}
    assert ids(tried.edited(OWN, "", "")) == {"calm", "unit"}
    assert ids(tried.as_they_are(OWN)) == {"calm", "unit", "mine"}


def test_texts_that_are_too_long_are_left_out_or_refused(tried: TriedPolicies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tried_policies, "EDITED_CHARACTERS_MAX", 10)
    monkeypatch.setattr(tried_policies, "REST_CHARACTERS_MAX", 10)
    assert tried.own_text(OWN) is None
    with pytest.raises(UnsupportedOperationException):
        tried.rest_text(OWN, is_edited=True)
