"""IAM's evaluation of a key policy, written down naively: the second opinion that converted policies are held against.

Source: IAM User Guide, Policy evaluation logic; IAM JSON policy elements: Condition operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

Facts = Mapping[str, Any]
"""Values of condition keys; a key that the request does not have is left out, a key of many values is a list. Facts whose names differ
in case alone are the same key."""


def allows(statements: list[dict[str, Any]], principal: str, action: str, facts: Facts) -> bool:
    """An explicit Deny wins; otherwise one Allow is enough."""
    applying = [s["Effect"] for s in statements if _applies(s, principal, action, facts)]
    return "Deny" not in applying and "Allow" in applying


def _applies(statement: dict[str, Any], principal: str, action: str, facts: Facts) -> bool:
    named = statement["Principal"]
    root = ":".join([*principal.split(":")[:5], "root"])
    if named != "*" and not {principal, root} & set(named["AWS"]):  # whoever leaves it to an account, here to one that allows everything
        return False
    if not any(fnmatchcase(f"kms:{action}".lower(), pattern.lower()) for pattern in statement["Action"]):
        return False
    conditions = statement.get("Condition", {}).items()
    tests = [(operator, key, values) for operator, keys in conditions for key, values in keys.items()]
    return all(_holds_in_any_case(operator, key, values, facts, statement["Effect"]) for operator, key, values in tests)


def _holds_in_any_case(operator: str, key: str, values: list[Any], facts: Facts, effect: str) -> bool:
    """A key that the request has twice is undecided: no Allow counts on it, and every Deny does. Its presence is not in doubt."""
    given = [value for name, value in facts.items() if name.lower() == key.lower()]
    if len(given) > 1 and operator != "Null":
        return effect == "Deny"
    return _holds(operator, key, values, {key: given[0]} if given else {})


def _holds(operator: str, key: str, values: list[Any], facts: Facts) -> bool:
    if operator == "Null":
        return (key not in facts) is (values[0] == "true")
    if operator.endswith("IfExists") and key not in facts:
        return True
    bare = operator.removesuffix("IfExists")
    if bare.startswith("ForAllValues:"):
        return all(_any(bare.removeprefix("ForAllValues:"), each, values) for each in facts.get(key, []))
    if bare.startswith("ForAnyValue:"):
        return any(_any(bare.removeprefix("ForAnyValue:"), each, values) for each in facts.get(key, []))
    if key not in facts:
        return operator.endswith("IfExists") or "Not" in operator
    return _any(operator.removesuffix("IfExists"), facts[key], values)


def _any(operator: str, fact: Any, values: list[Any]) -> bool:
    """One of the values for a positive operator, none of them for a negated one."""
    tests = [_one(operator.replace("Not", ""), fact, value) for value in values]
    return not any(tests) if "Not" in operator else any(tests)


def _one(operator: str, fact: Any, value: Any) -> bool:
    if operator == "StringEquals":
        return bool(fact == value)
    if operator == "StringLike":
        return fnmatchcase(fact, value)
    if operator in ("ArnEquals", "ArnLike"):
        parts = zip(fact.split(":", 5), value.split(":", 5), strict=True)
        return all(fnmatchcase(part, pattern) for part, pattern in parts)
    if operator == "Bool":
        return bool(str(fact).lower() == value)
    return _compared(operator, Decimal(fact), Decimal(value))


def _compared(operator: str, fact: Decimal, value: Decimal) -> bool:
    """Times are compared as their seconds since 1970."""
    return {
        "Equals": fact == value,
        "LessThan": fact < value,
        "LessThanEquals": fact <= value,
        "GreaterThan": fact > value,
        "GreaterThanEquals": fact >= value,
    }[operator.removeprefix("Numeric").removeprefix("Date")]


def identity_says(statements: list[dict[str, Any]], action: str, resource: str, facts: Facts) -> str:
    """What the policies that are attached to a caller say of an action on the ARN of a resource: Allow, Deny or nothing."""
    applying = [s["Effect"] for s in statements if _is_about(s, action, resource, facts)]
    return "Deny" if "Deny" in applying else "Allow" if applying else ""


def of_a_new_key(action: str, arn: str, facts: Facts) -> tuple[str, Facts]:
    """Resource and facts of what is asked while a key is made, `arn` being what it could have.

    CreateKey has no resource but `*`. To tag a key on its creation needs a permission that is not restricted to particular keys: one of all
    keys of the account and Region. Tags and aliases are those of keys that are there.

    Source: AWS KMS Developer Guide, AWS KMS permissions; Controlling access to tags; IAM User Guide, aws:ResourceTag.
    """
    known = {name: value for name, value in facts.items() if not name.lower().startswith(("aws:resourcetag/", "kms:resourcealiases"))}
    return "*" if action == "CreateKey" else f"{arn.partition('key/')[0]}key/*", known


def without_second_factor(facts: Facts) -> Facts:
    """The same call with long-term credentials, of which AWS does not know whether there was a second factor.

    Source: IAM User Guide, aws:MultiFactorAuthPresent.
    """
    return {name: value for name, value in facts.items() if name != "aws:MultiFactorAuthPresent"}


def _is_about(statement: dict[str, Any], action: str, resource: str, facts: Facts) -> bool:
    element = "Resource" if "Resource" in statement else "NotResource"
    named = any(pattern == "*" or _arn_fits(resource, pattern) for pattern in statement[element])
    if named is (element == "NotResource"):
        return False
    if not any(fnmatchcase(f"kms:{action}".lower(), pattern.lower()) for pattern in statement["Action"]):
        return False
    conditions = statement.get("Condition", {}).items()
    tests = [(operator, key, values) for operator, keys in conditions for key, values in keys.items()]
    return all(_holds_in_any_case(operator, key, values, facts, statement["Effect"]) for operator, key, values in tests)


def _arn_fits(arn: str, pattern: str) -> bool:
    """Part by part: a star ends at its colon."""
    parts, patterns = arn.split(":", 5), pattern.split(":", 5)
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
