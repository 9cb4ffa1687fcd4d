"""Generated documents and requests: the converted policy decides as IAM's own rules do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from tests.examples import searched
from tests.unit.authorization.aws_policy.conftest import FIXTURES, converted, document
from tests.unit.authorization.aws_policy.naive_iam import allows, without_second_factor

from meridian.authorization.aws_policy.refusal import RefusedDocument, Why

pytestmark = pytest.mark.thorough

ACTIONS = ("Encrypt", "Decrypt", "Sign", "DescribeKey", "ReplicateKey", "CreateGrant", "ScheduleKeyDeletion")
COLON = "role/a:b"
PRINCIPALS = ("user/ann", "role/App", COLON)
ROOT = "arn:aws:iam::111122223333:root"
ARNS = {name: f"arn:aws:iam::111122223333:{name}" for name in PRINCIPALS}
WORDS = ("a", "b", "ab", "SYMMETRIC_DEFAULT")
CARRIED = {
    "kms:EncryptionAlgorithm": ("Encrypt", "Decrypt"),
    "kms:EncryptionContext:t": ("Encrypt", "Decrypt", "CreateGrant"),
    "KMS:encryptioncontext:T": ("Encrypt", "Decrypt", "CreateGrant"),
    "aws:ResourceTag/Team": ACTIONS,
    "aws:resourceTAG/tEAM": ACTIONS,
    "aws:PrincipalTag/Tenant": ACTIONS,
    "kms:EncryptionContextKeys": ("Encrypt", "Decrypt", "CreateGrant"),
    "kms:RequestAlias": ("Encrypt", "Decrypt", "Sign", "DescribeKey"),
    "kms:SigningAlgorithm": ("Sign",),
    "kms:ReplicaRegion": ("ReplicateKey",),
    "kms:GrantOperations": ("CreateGrant",),
    "kms:GrantConstraintType": ("CreateGrant",),
    "kms:GrantIsForAWSResource": ("CreateGrant",),
    "kms:ScheduleKeyDeletionPendingWindowInDays": ("ScheduleKeyDeletion",),
    "kms:TrailingDaysWithoutKeyUsage": ("ScheduleKeyDeletion",),
    "kms:MultiRegion": ACTIONS,
    "kms:MultiRegionKeyType": ACTIONS,
    "aws:MultiFactorAuthPresent": ACTIONS,
    "aws:MultiFactorAuthAge": ACTIONS,
    "aws:PrincipalArn": ACTIONS,
    "aws:EpochTime": ACTIONS,
}
"""Which actions carry which key."""
TEXTS = (
    *("kms:EncryptionAlgorithm", "kms:EncryptionContext:t", "KMS:encryptioncontext:T", "aws:ResourceTag/Team", "aws:resourceTAG/tEAM"),
    *("aws:PrincipalTag/Tenant", "kms:RequestAlias", "kms:SigningAlgorithm", "kms:ReplicaRegion"),
    *("kms:GrantConstraintType", "kms:MultiRegionKeyType"),
)
TRUTHS = ("kms:MultiRegion", "kms:GrantIsForAWSResource", "aws:MultiFactorAuthPresent")
NUMBERS = ("kms:ScheduleKeyDeletionPendingWindowInDays", "kms:TrailingDaysWithoutKeyUsage", "aws:MultiFactorAuthAge")
SETS = ("kms:EncryptionContextKeys", "kms:GrantOperations")
ARN_PATTERNS = (
    "arn:aws:iam::*:role/App",
    "arn:*:iam::1111*:*/a*",
    "arn:aws:iam::111122223333:role/a:*",
    "arn:*:*:*:*:b",
    "arn:aws:iam:*:*:role/a:b",
)
NOW = 1767225600
TIMES = {"2026-01-01T00:00:00.000Z": f"{NOW}", "2026-01-01T00:00:00.500Z": f"{NOW}.5"}
"""When requests are made, and the same in seconds since 1970."""
SEEN: Counter[bool] = Counter()
T = TypeVar("T")

words = st.lists(st.sampled_from((*WORDS, "PRIMARY")), min_size=1, max_size=2, unique=True)
patterns = st.lists(st.sampled_from(("a", "a*", "*b", "*", "SYM*_D*")), min_size=1, max_size=2, unique=True)
comparisons = st.sampled_from(("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"))
suffix = st.sampled_from(("", "IfExists"))


@st.composite
def condition(draw: st.DrawFn) -> tuple[str, str, list[Any]]:
    kind = draw(st.sampled_from(("equals", "like", "arn", "bool", "number", "time", "set", "null")))
    if kind in ("equals", "like"):
        base = "StringEquals" if kind == "equals" else "StringLike"
        operator = draw(st.sampled_from((base, base.replace("String", "StringNot")))) + draw(suffix)
        return operator, draw(st.sampled_from(TEXTS)), draw(words if kind == "equals" else patterns)
    if kind == "arn":
        operator = draw(st.sampled_from(("ArnLike", "ArnNotLike", "ArnEquals", "ArnNotEquals"))) + draw(suffix)
        return operator, "aws:PrincipalArn", draw(st.lists(st.sampled_from(ARN_PATTERNS), min_size=1, max_size=2, unique=True))
    if kind == "bool":
        return "Bool" + draw(suffix), draw(st.sampled_from(TRUTHS)), [draw(st.sampled_from(("true", "false")))]
    if kind == "number":
        comparison = draw(comparisons)
        fractions = ("", ".0") if comparison in ("Equals", "NotEquals") else ("", ".0", ".5")
        value = f"{draw(st.integers(0, 3))}{draw(st.sampled_from(fractions))}"
        return f"Numeric{comparison}{draw(suffix)}", draw(st.sampled_from(NUMBERS)), [value]
    if kind == "time":
        value = f"{NOW + draw(st.integers(-1, 1))}{draw(st.sampled_from(('', '.0', '.5', '.001')))}"
        return draw(st.sampled_from(("Numeric", "Date"))) + draw(comparisons) + draw(suffix), "aws:EpochTime", [value]
    if kind == "set":
        operator = draw(st.sampled_from(("StringEquals", "StringNotEquals"))) + draw(suffix)
        return draw(st.sampled_from(("ForAllValues:", "ForAnyValue:"))) + operator, draw(st.sampled_from(SETS)), draw(words)
    return "Null", draw(st.sampled_from((*TEXTS, *NUMBERS, *SETS))), [draw(st.sampled_from(("true", "false")))]


@st.composite
def statement(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {
        "Effect": draw(st.sampled_from(("Allow", "Allow", "Deny"))),
        "Principal": {"AWS": [ARNS[name] for name in draw(st.lists(st.sampled_from(PRINCIPALS), min_size=1, max_size=2, unique=True))]},
        "Action": draw(
            st.lists(st.sampled_from(("kms:*", "kms:De*", *(f"kms:{a}" for a in ACTIONS))), min_size=1, max_size=3, unique=True)
        ),
        "Resource": "*",
    }
    made["Action"] += draw(st.lists(st.sampled_from(("kms:ListKeys", "kms:Encryptt", "s3:*", "kms:Foo*")), max_size=2))
    if made["Effect"] == "Deny" and draw(st.booleans()):
        made["Principal"] = "*"
    if made["Effect"] == "Allow" and draw(st.integers(0, 3)) == 0:
        made["Principal"]["AWS"].append(ROOT)
        return made
    conditions: dict[str, dict[str, Any]] = {}
    for operator, key, values in draw(st.lists(condition(), max_size=3)):
        conditions.setdefault(operator, {})[key] = values
    return {**made, "Condition": conditions} if conditions else made


@st.composite
def request(draw: st.DrawFn) -> tuple[str, str, dict[str, Any], str, dict[str, Any]]:
    """Who, which action, context, key, request attributes."""
    context: dict[str, Any] = {
        "encryptionAlgorithm": draw(st.sampled_from(WORDS)),
        "encryptionContext": draw(st.dictionaries(st.sampled_from(("t", "T", "a", "TWICE:t", "é\u0000")), st.sampled_from(WORDS))),
        "signingAlgorithm": draw(st.sampled_from(WORDS)),
        "replicaRegion": draw(st.sampled_from(WORDS)),
        "grantOperations": draw(st.lists(st.sampled_from(WORDS), unique=True)),
        "grantIsForService": draw(st.booleans()),
        "scheduleKeyDeletionPendingWindowInDays": draw(st.integers(0, 3)),
    }
    for name, values in (("requestAlias", WORDS), ("grantConstraintType", WORDS), ("trailingDaysWithoutKeyUsage", (0, 1, 2, 3))):
        if draw(st.booleans()):
            context[name] = draw(st.sampled_from(values))
    attributes: dict[str, Any] = {"mfaPresent": draw(st.booleans()), "currentTime": draw(st.sampled_from(sorted(TIMES)))}
    if draw(st.booleans()):
        attributes["mfaAgeSeconds"] = draw(st.integers(0, 3))
    return (
        draw(st.sampled_from(PRINCIPALS)),
        draw(st.sampled_from(ACTIONS)),
        context,
        draw(st.sampled_from(("single", "primary", "teamed", "teamed twice"))),
        attributes,
    )


def facts_of(who: str, action: str, context: dict[str, Any], key: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """The same request as IAM's condition keys."""
    every = {
        "kms:EncryptionAlgorithm": context["encryptionAlgorithm"],
        **{f"kms:EncryptionContext:{name}": value for name, value in context["encryptionContext"].items()},
        **{f"aws:ResourceTag/{name}": value for name, value in FIXTURES["keys"][key].get("tags", {}).items()},
        "kms:EncryptionContextKeys": sorted(context["encryptionContext"]),
        "kms:RequestAlias": context.get("requestAlias"),
        "kms:SigningAlgorithm": context["signingAlgorithm"],
        "kms:ReplicaRegion": context["replicaRegion"],
        "kms:GrantOperations": context["grantOperations"],
        "kms:GrantConstraintType": context.get("grantConstraintType"),
        "kms:GrantIsForAWSResource": context["grantIsForService"],
        "kms:ScheduleKeyDeletionPendingWindowInDays": context["scheduleKeyDeletionPendingWindowInDays"],
        "kms:TrailingDaysWithoutKeyUsage": context.get("trailingDaysWithoutKeyUsage"),
        "kms:MultiRegion": key == "primary",
        "kms:MultiRegionKeyType": "PRIMARY" if key == "primary" else None,
        "aws:MultiFactorAuthPresent": attributes["mfaPresent"],
        "aws:MultiFactorAuthAge": attributes.get("mfaAgeSeconds"),
        "aws:PrincipalArn": ARNS[who],
        "aws:EpochTime": TIMES[attributes["currentTime"]],
    }
    return {name: value for name, value in every.items() if value not in (None, []) and action in _carriers(name)}


def _carriers(name: str) -> tuple[str, ...]:
    return ACTIONS if name.startswith("aws:ResourceTag/") else CARRIED.get(name, CARRIED["kms:EncryptionContext:t"])


def said(convert: Callable[[], T]) -> T:
    """What a document becomes, unless it asks for what AWS tells apart and this service does not."""
    try:
        return convert()
    except RefusedDocument as refused:
        if refused.reason is not Why.FALSE_OR_UNKNOWN:
            raise
        reject()


@searched(300, 800)
@given(statements=st.lists(statement(), min_size=1, max_size=3), requests=st.lists(request(), min_size=4, max_size=4))
@pytest.mark.deep
def test_the_converted_policy_and_iam_agree(allowed: Callable[..., bool], statements: list[dict[str, Any]], requests: list[Any]) -> None:
    made = said(lambda: converted(document(*statements)))
    for who, action, context, key, attributes in requests:
        facts = facts_of(who, action, context, key, attributes)
        expected = allows(statements, ARNS[who], action, facts)
        SEEN[expected] += 1
        decided = allowed(made, who, action, context, key, attributes)
        if who == COLON:
            assert expected or not decided, "a name with a colon may open less than in AWS, and nothing more"
        else:
            assert decided is expected
        if decided and not attributes["mfaPresent"]:
            assert allows(statements, ARNS[who], action, without_second_factor(facts)), "whatever AWS knows of a second factor"


@pytest.mark.searched
@pytest.mark.deep
def test_both_answers_were_seen_often() -> None:
    assert min(SEEN[True], SEEN[False]) > 50
