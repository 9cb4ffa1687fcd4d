"""Policies that are attached to a principal of AWS: the policies of the account decide as IAM's own rules do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import searched
from tests.unit.authorization.aws_policy.conftest import ACCOUNT, FIXTURES, SERVICES, _principal, document, model
from tests.unit.authorization.aws_policy.naive_iam import identity_says, of_a_new_key, without_second_factor
from tests.unit.authorization.aws_policy.test_agrees_with_iam import condition, facts_of, said
from tests.unit.authorization.aws_policy.test_agrees_with_iam import request as on_a_key

from meridian.authorization.aws_policy.identity import Attached, ConvertedIdentity, convert_identity
from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.language.entities import AliasResource, Resource, ScopeResource, Surroundings
from meridian.authorization.language.evaluator import SchemaHandle, format_policies
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import load_policies
from meridian.contract.catalog import rpcs
from meridian.domain.key import PROSPECTIVE_KEY_ID, Key
from meridian.errors import InvalidArnException
from meridian.policy_kit.fixtures import fixtures_of
from meridian.policy_kit.policy_set import PolicySet

OTHER = "444455556666"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
OPEN = "permit (principal, action, resource);"
SINGLE = "1234abcd-12ab-34cd-56ef-1234567890ab"
RESOURCES = (
    "*",
    f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{SINGLE}",
    f"arn:aws:kms:*:{ACCOUNT}:key/*",
    f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/*",
    f"arn:aws:kms:*:{OTHER}:key/*",
    f"arn:aws:kms:us-east-1:{OTHER}:key/{SINGLE}",
    "arn:*:kms:*:*:key/mrk-*",
    "arn:aws:kms:*:*:*",
    f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/app-*",
    "arn:aws:s3:::bucket/*",
    f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*e*",
)
ABROAD = {need.action for rpc in rpcs().values() for need in rpc.requires if need.cross_account}
"""Actions that AWS KMS has across accounts."""
AT_CREATION = ("CreateKey", "TagResource", "PutKeyPolicy")
"""What is asked of a key while it is made."""
SEEN: Counter[str] = Counter()
NEW_SEEN: Counter[str] = Counter()


@cache
def schema() -> SchemaHandle:
    return SchemaHandle(schema_text())


def converted(*statements: Any, to: str = ANN) -> ConvertedIdentity:
    text = document(*statements)
    return convert_identity(text, attached=Attached.of(to), model=model(), services=SERVICES, lay_out=format_policies)


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[ConvertedIdentity], PolicySet]:
    """A policy set of converted policies and nothing else; that they load, they have shown."""
    folder, numbers = tmp_path_factory.mktemp("converted"), count()

    def make(made: ConvertedIdentity) -> PolicySet:
        own: Path = folder / str(next(numbers))
        own.mkdir()
        (own / "p.cedar").write_text(made.cedar or "// nothing\n")
        return PolicySet(schema(), model(), load_policies(own, schema()))

    return make


@st.composite
def statement(draw: st.DrawFn) -> dict[str, Any]:
    wide, one = ("kms:*", "kms:De*", "kms:Create*"), ("kms:Encrypt", "kms:Decrypt", "kms:Sign", "kms:DescribeKey", "kms:CreateGrant")
    names = st.sampled_from((*wide, *one))
    conditions: dict[str, dict[str, Any]] = {}
    for operator, key, values in draw(st.lists(condition(), max_size=2)):
        conditions.setdefault(operator, {})[key] = values
    return {
        "Effect": draw(st.sampled_from(("Allow", "Deny"))),
        "Action": draw(st.lists(names, min_size=1, max_size=2, unique=True)),
        draw(st.sampled_from(("Resource", "Resource", "NotResource"))): draw(
            st.lists(st.sampled_from(RESOURCES), min_size=1, max_size=2, unique=True)
        ),
        **({"Condition": conditions} if conditions else {}),
    }


@searched(80, 400)
@given(statements=st.lists(statement(), min_size=1, max_size=3), requests=st.lists(on_a_key(), min_size=6, max_size=6))
@pytest.mark.thorough
@pytest.mark.deep
def test_the_account_and_iam_agree_on_keys_of_its_own_and_of_others(
    opened: Callable[[ConvertedIdentity], PolicySet], statements: list[dict[str, Any]], requests: list[Any]
) -> None:
    authorizer = opened(said(lambda: converted(*statements))).within(Surroundings())
    for number, (_, action, context, key, attributes) in enumerate(requests):
        account, leaves = (ACCOUNT, OTHER)[number % 2], number % 3 != 0
        asked = _asked("user/ann", action, context, key, attributes)
        about = replace(asked.resource, account=account, policy=OPEN if account == OTHER or not leaves else "", version=number + 1)
        facts = facts_of("user/ann", action, context, key, attributes)
        answer = identity_says(statements, action, about.arn, facts)
        decided = authorizer.decide(asked.principal, action, about, asked.facts)
        assert not decided.errors
        # A key that leaves all to its account needs an Allow; one that is open to all needs, at home, no Deny; one of others needs both.
        expected = answer != "Deny" if account == ACCOUNT and not leaves else answer == "Allow"
        expected &= account == ACCOUNT or action in ABROAD
        SEEN[f"{answer or 'nothing'} {account}"] += 1
        assert decided.allowed is expected, (action, about.arn, answer)
        if decided.allowed and not attributes["mfaPresent"]:
            assert identity_says(statements, action, about.arn, without_second_factor(facts)) == answer


@searched(80, 400)
@given(statements=st.lists(statement(), min_size=1, max_size=3), requests=st.lists(on_a_key(), min_size=6, max_size=6))
@pytest.mark.thorough
@pytest.mark.deep
def test_the_account_and_iam_agree_on_keys_that_are_being_made(
    opened: Callable[[ConvertedIdentity], PolicySet], statements: list[dict[str, Any]], requests: list[Any]
) -> None:
    authorizer = opened(said(lambda: converted(*statements))).within(Surroundings())
    for number, (_, _, context, key, attributes) in enumerate(requests):
        action, made = AT_CREATION[number % 3], number < 3 or number % 3 == 0
        asked = _asked("user/ann", action, {}, key, attributes)
        about = replace(asked.resource, key_id=PROSPECTIVE_KEY_ID if made else SINGLE, version=number + 1)
        # Of the facts of an action on a key, those that every such action has.
        facts: Any = facts_of("user/ann", "DescribeKey", {**context, "requestAlias": None}, key, attributes)
        resource, facts = of_a_new_key(action, about.arn, facts) if made else (about.arn, facts)
        answer = identity_says(statements, action, resource, facts)
        NEW_SEEN[f"{answer or 'nothing'} {action}"] += 1
        assert authorizer.decide(asked.principal, action, about, asked.facts).allowed is (answer == "Allow"), (action, about.arn, answer)


@pytest.mark.searched
@pytest.mark.thorough
@pytest.mark.deep
def test_every_answer_was_seen_on_both_sides() -> None:
    assert all(NEW_SEEN[f"{said} {action}"] > 2 for said in ("Allow", "Deny", "nothing") for action in AT_CREATION), NEW_SEEN
    assert all(SEEN[f"{said} {account}"] > 2 for said in ("Allow", "Deny", "nothing") for account in (ACCOUNT, OTHER)), SEEN


def _asked(who: str, action: str, context: Any = None, key: str = "single", attributes: Any = None) -> Any:
    fixtures = fixtures_of({**FIXTURES, "principals": {"who": _principal(who)}}, "here")
    return fixtures.request("who", action, key, context or {}, attributes or {}, model())


ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("to", "who", "groups", "applies"),
    [
        (ANN, "user/ann", (), True),
        (ANN, "role/ann", (), False),
        (f"arn:aws:iam::{ACCOUNT}:role/App", "role/App", (), True),
        (f"arn:aws:iam::{ACCOUNT}:user/div/ann", "user/div/ann", (), True),
        (f"arn:aws:iam::{ACCOUNT}:group/team", "user/bob", ("team",), True),
        (f"arn:aws:iam::{ACCOUNT}:group/team", "user/bob", (), False),
    ],
)
def test_it_counts_for_those_whom_it_is_attached_to(opened: Any, to: str, who: str, groups: tuple[str, ...], *, applies: bool) -> None:
    authorizer = opened(converted(ALLOW, to=to)).within(Surroundings())
    kind, _, name = who.partition("/")
    asked = _asked(f"{kind}/x", "Encrypt")
    caller = replace(asked.principal, name=name, groups=groups, arn=f"arn:aws:iam::{ACCOUNT}:{who}")
    assert authorizer.decide(caller, "Encrypt", asked.resource, asked.facts).allowed is applies


def _decisions(policies: PolicySet, wanted: list[tuple[str, Resource]]) -> list[bool]:
    authorizer, asked = policies.within(Surroundings()), _asked("user/ann", "Encrypt")
    facts = {action: _asked("user/ann", action).facts for action, _ in wanted}
    return [authorizer.decide(asked.principal, action, about, facts[action]).allowed for action, about in wanted]


def test_calls_about_no_key_need_a_star_and_aliases_have_names(opened: Any) -> None:
    scope, key = ScopeResource(ACCOUNT, "us-east-1"), _asked("user/ann", "Encrypt").resource
    mine, other = AliasResource(ACCOUNT, "us-east-1", "alias/app-1"), AliasResource(ACCOUNT, "us-east-1", "alias/db")
    assert isinstance(key, Key)
    wanted: list[tuple[str, Resource]] = [("ListKeys", scope), ("CreateAlias", mine), ("CreateAlias", other), ("CreateAlias", key)]

    def of(*resources: str, **more: Any) -> list[bool]:
        return _decisions(opened(converted({**ALLOW, "Resource": list(resources), **more})), wanted)

    assert of("*") == [True, True, True, True]
    assert of(f"arn:aws:kms:*:{ACCOUNT}:key/*") == [False, False, False, True]
    assert of(f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/app-*") == [False, True, False, False]
    assert of(f"arn:aws:kms:us-east-1:{ACCOUNT}:*") == [False, True, True, True]
    assert of("*", Condition={"Bool": {"kms:MultiRegion": "false"}}) == [False, False, False, True], "nothing else has a role"
    assert of("*", Condition={"StringEquals": {"aws:ResourceAccount": ACCOUNT}}) == [True, True, True, True]


ANY_KEY = f"arn:aws:kms:*:{ACCOUNT}:key/*"
RED = {"aws:ResourceTag/team": "red"}


@pytest.mark.parametrize(
    ("statements", "creates", "tags"),
    [
        ([ALLOW], True, True),
        ([{**ALLOW, "Resource": ANY_KEY}], False, True),
        ([{**ALLOW, "Resource": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*w*"}], False, False),
        ([{**ALLOW, "Resource": f"arn:aws:kms:*:{ACCOUNT}:*"}], False, True),
        ([{**ALLOW, "Resource": None, "NotResource": ANY_KEY}], True, False),
        ([{**ALLOW, "Condition": {"StringEquals": RED}}], False, False),
        ([{**ALLOW, "Condition": {"StringEqualsIfExists": RED}}], True, True),
        ([{**ALLOW, "Condition": {"StringNotEquals": RED}}], True, True),
        ([{**ALLOW, "Condition": {"Null": {"aws:ResourceTag/team": "true"}}}], True, True),
        ([{**ALLOW, "Condition": {"Null": {"aws:ResourceTag/team": "false"}}}], False, False),
        ([{**ALLOW, "Condition": {"StringEquals": {"aws:RequestTag/team": "red"}}}], True, True),
        ([{**ALLOW, "Condition": {"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT"}}}], True, True),
        ([{**ALLOW, "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}}}], False, False),
        ([ALLOW, {**ALLOW, "Effect": "Deny", "Resource": ANY_KEY}], True, False),
        ([ALLOW, {**ALLOW, "Effect": "Deny", "Resource": None, "NotResource": ANY_KEY}], False, True),
        ([ALLOW, {**ALLOW, "Effect": "Deny", "Condition": {"StringNotEquals": RED}}], False, False),
        ([ALLOW, {**ALLOW, "Effect": "Deny", "Condition": {"StringEquals": RED}}], True, True),
    ],
)
@pytest.mark.parametrize("replication", [False, True])
def test_a_key_that_is_being_made_has_no_arn_and_no_tags_in_aws(
    opened: Any, statements: list[dict[str, Any]], *, creates: bool, tags: bool, replication: bool
) -> None:
    said = [{name: value for name, value in each.items() if value is not None} for each in statements]
    authorizer = opened(converted(*said)).within(Surroundings())
    made = {action: _asked("user/ann", action, {"requestTags": {"team": "red"}, "replication": replication}) for action in AT_CREATION[:2]}
    about = replace(made["CreateKey"].resource, key_id=PROSPECTIVE_KEY_ID, tags=(("team", "red"),))
    decided = [authorizer.decide(asked.principal, action, about, asked.facts).allowed for action, asked in made.items()]
    assert decided == [creates, tags]


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize("operator", ["Bool", "BoolIfExists"])
@pytest.mark.parametrize("value", ["true", "false"])
def test_a_second_factor_that_aws_may_not_know_opens_nothing(opened: Any, effect: str, operator: str, value: str) -> None:
    always = {**ALLOW, "Action": ["kms:*"], "Resource": ["*"]}
    asks = {**always, "Effect": effect, "Condition": {operator: {"aws:MultiFactorAuthPresent": [value]}}}
    statements = [always, asks] if effect == "Deny" else [asks]
    if (effect, operator, value) in (("Allow", "Bool", "false"), ("Deny", "BoolIfExists", "true")):
        with pytest.raises(RefusedDocument) as refused:
            converted(*statements)
        assert refused.value.reason is Why.FALSE_OR_UNKNOWN
        return
    authorizer = opened(converted(*statements)).within(Surroundings())
    for present in (True, False):
        asked = _asked("user/ann", "Encrypt", {}, "single", {"mfaPresent": present})
        facts: dict[str, Any] = {"aws:MultiFactorAuthPresent": present}
        worlds = [facts] if present else [facts, without_second_factor(facts)]
        expected = all(identity_says(statements, "Encrypt", asked.resource.arn, each) == "Allow" for each in worlds)
        assert authorizer.decide(asked.principal, "Encrypt", asked.resource, asked.facts).allowed is expected


def test_what_has_no_effect_is_told() -> None:
    made = converted({**ALLOW, "Action": ["kms:Encrpyt", "kms:Sign"]}, {**ALLOW, "Resource": "arn:aws:s3:::bucket"})
    assert made.warnings == (
        "Statement[0].Action: kms:Encrpyt is no action of AWS KMS: it allows nothing; did you mean kms:Encrypt?",
        "Statement[1].Resource: arn:aws:s3:::bucket is nothing of AWS KMS here and has no effect",
        "Statement[1]: allows nothing, for no call meets it",
    )
    assert "MerelyOurs" not in made.cedar
    assert not any(f'"{own}"' in converted(ALLOW).cedar for own in ("CheckAccess", "DescribePolicySet", "XksEncrypt"))


@pytest.mark.parametrize(
    ("changed", "element", "why"),
    [
        ({"Principal": "*"}, "Statement[0].Principal", Why.PRINCIPAL_ATTACHED),
        ({"NotPrincipal": "*"}, "Statement[0].NotPrincipal", Why.PRINCIPAL_ATTACHED),
        ({"NotResource": "*"}, "Statement[0]", Why.ONE_OF_RESOURCES),
        ({"Resource": None}, "Statement[0]", Why.ONE_OF_RESOURCES),
        ({"Resource": []}, "Statement[0].Resource", Why.NAMES_NOTHING),
        ({"Resource": "key/*"}, "Statement[0].Resource", Why.RESOURCE_ARN),
        ({"Resource": ["*", 7]}, "Statement[0].Resource[1]", Why.RESOURCE_ARN),
        ({"Resource": "arn:aws:*:us-east-1:111122223333:key/x"}, "Statement[0].Resource", Why.RESOURCE_ARN),
        ({"Resource": "arn:aws:kms:us-east-?:111122223333:key/*"}, "Statement[0].Resource", Why.WILDCARD),
        ({"Resource": "arn:aws:kms:*:*:alias/${aws:username}"}, "Statement[0].Resource", Why.RESOURCE_VARIABLE),
        ({"Effect": "May"}, "Statement[0].Effect", Why.EFFECT),
        ({"Condition": {"Bool": {"kms:MultiRegoin": "true"}}}, 'Statement[0].Condition.Bool["kms:MultiRegoin"]', Why.NO_KEY),
    ],
)
def test_what_cannot_be_said_is_refused_and_named(changed: dict[str, Any], element: str, why: Why) -> None:
    given = {name: value for name, value in {**ALLOW, **changed}.items() if value is not None}
    with pytest.raises(RefusedDocument) as refused:
        converted(given)
    assert (refused.value.element, refused.value.reason) == (element, why)
    if why is Why.NO_KEY:
        assert refused.value.why == "is no condition key: did you mean kms:MultiRegion?"


@pytest.mark.parametrize(
    "arn", ["ann", f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:group/a/b", f"arn:aws:iam::{ACCOUNT}:user/*"]
)
def test_it_is_attached_to_somebody(arn: str) -> None:
    with pytest.raises(InvalidArnException, match="is not the ARN of a user"):
        Attached.of(arn)
