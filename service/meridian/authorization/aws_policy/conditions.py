"""The Condition element: each operator on each key as a Cedar expression, with IAM's rules for what is absent.

Positive operators are false where the key is absent; negated ones, those with IfExists and ForAllValues are true. Where an action can
never carry a key, that answer is known beforehand, and the expression is left out.

Source: IAM User Guide, IAM JSON policy elements: Condition operators; Creating a condition with multiple keys or values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from meridian.authorization.aws_policy.condition_keys import (
    CONTEXT,
    NAMES,
    NUMBER,
    PRINCIPAL_TAG,
    REQUEST,
    RESOURCE,
    TAG,
    TEXT,
    TEXTS,
    ConditionKey,
    find_condition_key,
)
from meridian.authorization.aws_policy.operators import (
    EQUAL,
    LIKE,
    LITERALS,
    OPERATORS,
    Operator,
    moment_literal,
    number_test,
    only,
    set_of,
    text_of,
    truth_of,
)
from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.aws_policy.variables import tag_of_variable
from meridian.authorization.language.cedar_text import cedar_text
from meridian.authorization.language.schema_model import SchemaModel
from meridian.domain.any_case import TWICE, lower_name

ALWAYS, OPTIONAL, NEVER = "always", "optional", "never"
KEY: Final = "Key"
NEW_KEY: Final = "new key"
"""One that is being made, to the actions that AWS asks of it by an ARN: it has no tags and no aliases yet."""
NO_KEY_YET: Final = "no key yet"
"""The same to the action that makes it, which AWS asks of `*`."""
MADE: Final = frozenset({NEW_KEY, NO_KEY_YET})
KEYS: Final = MADE | {KEY}
LATER: Final = frozenset({(TAG, RESOURCE), (RESOURCE, "resourceAliases")})
"""What a key has only once it is made."""
OPTIONAL_OF_KEY: Final = frozenset({"multiRegionKeyType", "primaryRegion", "customKeyStoreId"})
IF_EXISTS: Final = "IfExists"
NULL: Final = "Null"
FOR_ALL, FOR_ANY = "ForAllValues:", "ForAnyValue:"
TRUE: Final = "true"
ARN_PARTS: Final = 6
MORE_COLONS: Final = cedar_text(":".join("*" * (ARN_PARTS + 1)))
"""The pattern of texts that have more colons than the parts of an ARN need."""
ALWAYS_KNOWN: Final = frozenset({"aws:MultiFactorAuthPresent"})
"""Keys whose absence means something in AWS and cannot be told here."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one key, ready to be written for an action."""

    key: ConditionKey
    member: str
    when_absent: bool
    """The answer where the request has no such key."""
    test: str
    """The expression where it has; empty where its presence is all that is asked."""
    asks_presence: bool | None = None
    """Null: false asks for presence, true for absence; None for every other operator."""

    def expression(self, action: str, model: SchemaModel, resource: str = KEY) -> str | None:
        """The expression for this action on a resource of this type; "true" where it always holds there, None where it never does."""
        presence = presence_of(self.key, action, model, resource)
        if self.asks_presence is not None:
            if presence == ALWAYS and self.key.kind == TEXTS:  # a set that is always there counts as absent where it is empty
                return f"{'!' if self.asks_presence else ''}{get_text(self.key, self.member)}.isEmpty()"
            return _presence(presence, has_text(self.key, self.member), wanted=self.asks_presence)
        if presence == NEVER:
            return TRUE if self.when_absent else None
        if presence == ALWAYS:
            return self.test
        has = has_text(self.key, self.member)
        return f"(if {has} then {self.test} else true)" if self.when_absent else f"{has} && {self.test}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What conditions are read for."""

    denies: bool
    variables: bool
    """Whether the document's version has variables."""
    services: Mapping[str, str]
    of_key: bool
    """Whether they are of a key's own policy."""


def conditions_of(block: Any, place: str, reading: Reading) -> tuple[Condition, ...]:
    """The conditions of a statement that denies or allows, all of which must hold. Raises: RefusedDocument."""
    if not isinstance(block, Mapping):
        raise RefusedDocument(place, Why.CONDITION)
    found = []
    for operator, keys in block.items():
        if not isinstance(keys, Mapping):
            raise RefusedDocument(f"{place}.{operator}", Why.CONDITION_KEYS)
        if not keys:
            _require_operator(operator, f"{place}.{operator}")
        found += [_condition(operator, name, values, f'{place}.{operator}["{name}"]', reading) for name, values in keys.items()]
    return tuple(found)


def presence_of(key: ConditionKey, action: str, model: SchemaModel, resource: str = KEY) -> str:
    """Whether requests to an action on a resource of this type carry a key always, sometimes or never."""
    if resource in MADE and (key.owner, key.attribute) in LATER:
        return NEVER  # the tags of the request are those of the key here, and are aws:RequestTag alone in AWS
    if resource not in KEYS and RESOURCE in (key.owner, key.attribute) and key.attribute != "account":
        return NEVER  # every resource has an account, and keys alone have tags and the rest
    if key.owner == CONTEXT or key.attribute.startswith("context."):
        name = key.attribute.removeprefix("context.")
        declared = model.context_attributes(action)
        if f"{name}?" in declared:
            return OPTIONAL
        return NEVER if name not in declared else OPTIONAL if key.owner == TAG else ALWAYS
    if key.owner == REQUEST:
        return OPTIONAL if f"{key.attribute}?" in model.types["Request"] else ALWAYS
    return OPTIONAL if key.owner == TAG or key.attribute in OPTIONAL_OF_KEY else ALWAYS


def has_text(key: ConditionKey, member: str) -> str:
    if key.owner == TAG:
        return f"{key.holder}.hasTag({cedar_text(lower_name(member))})"
    return f"{'context.request' if key.owner == REQUEST else key.owner} has {key.attribute}"


def get_text(key: ConditionKey, member: str) -> str:
    if key.owner == TAG:
        return f"{key.holder}.getTag({cedar_text(lower_name(member))})"
    return f"{'context.request' if key.owner == REQUEST else key.owner}.{key.attribute}"


def once(key: ConditionKey, member: str, test: str, *, denies: bool) -> str:
    """The test of a tag that may be there twice, under names that differ in case alone: a Deny then holds, and an Allow does not."""
    twice = f"{key.holder}.hasTag({cedar_text(TWICE + lower_name(member))})"
    return f"({twice} || {test})" if denies else f"(!{twice} && {test})"


def _presence(presence: str, has: str, *, wanted: bool) -> str | None:
    if presence == OPTIONAL:
        return has if wanted else f"!({has})"
    return TRUE if (presence == ALWAYS) is wanted else None


def _condition(operator: str, name: str, values: Any, place: str, reading: Reading) -> Condition:
    found = find_condition_key(name)
    if found is None:
        meant = get_close_matches(name.lower(), NAMES, 1)
        raise RefusedDocument(place, Why.NO_KEY, meant=f": did you mean {NAMES[meant[0]]}?" if meant else "")
    key, member = found
    if key.refused:
        raise RefusedDocument(place, Why.KEY_REFUSED, because=key.refused)
    listed = values if isinstance(values, list) else [values]
    if not listed:
        raise RefusedDocument(place, Why.NO_VALUE)
    if operator == NULL:
        if key.name in ALWAYS_KNOWN:
            raise RefusedDocument(place, Why.ALWAYS_KNOWN)
        return Condition(key, member, False, "", asks_presence=not truth_of(only(listed, place), place))
    prefix, known, lenient = _known_operator(operator, place)
    if key.kind == TEXTS:
        if key.attribute == "resourceAliases" and reading.of_key:
            raise RefusedDocument(place, Why.ALIASES)
        return _on_set(key, known, prefix, listed, place, lenient=lenient)
    if prefix:
        raise RefusedDocument(place, Why.ONE_VALUED, prefix=prefix)
    if known.kind != key.kind and not (known.kind == NUMBER and key.is_epoch):
        raise RefusedDocument(place, Why.OPERATOR_TYPE, kind=key.kind, operator=operator)
    if key.name in ALWAYS_KNOWN:
        _require_told(listed, place, denies=reading.denies, lenient=lenient)
    if key.is_service:
        listed = [_mapped(value, reading.services, place) for value in listed]
    asked = _Asked(key, member, known, is_plain=not (lenient or known.negated))
    test = _test(asked, listed, place, reading)
    if key.owner == TAG:
        test = once(key, member, test, denies=reading.denies)
    return Condition(key, member, known.negated or lenient, test)


def _require_told(listed: Sequence[Any], place: str, *, denies: bool, lenient: bool) -> None:
    """Of a key that is false here where AWS has none: a test may then close more than in AWS, and open nothing. Raises: RefusedDocument."""
    holds_here = any(not truth_of(value, place) for value in listed)
    if holds_here is not lenient and holds_here is not denies:
        raise RefusedDocument(place, Why.FALSE_OR_UNKNOWN)


def _known_operator(operator: str, place: str) -> tuple[str, Operator, bool]:
    """(how many values it asks of a set, the operator itself, whether it holds where the key is absent). Raises: RefusedDocument."""
    prefix = next((p for p in (FOR_ALL, FOR_ANY) if operator.startswith(p)), "")
    base = operator.removeprefix(prefix)
    known = OPERATORS.get(base.removesuffix(IF_EXISTS))
    if known is None:
        raise RefusedDocument(place, Why.NO_OPERATOR, operator=operator)
    return prefix, known, base.endswith(IF_EXISTS)


def _require_operator(operator: str, place: str) -> None:
    """One without any key asks nothing, and is an operator all the same. Raises: RefusedDocument."""
    if operator != NULL:
        _known_operator(operator, place)


def _on_set(key: ConditionKey, known: Operator, prefix: str, listed: Sequence[Any], place: str, *, lenient: bool) -> Condition:
    if not prefix:
        raise RefusedDocument(place, Why.MANY_VALUED)
    texts = [text_of(value, place) for value in listed]
    if known.kind != TEXT or known.is_arn or (known.is_pattern and any(set(text) & set("*?") for text in texts)):
        raise RefusedDocument(place, Why.WHOLE_VALUES)
    subject, values = get_text(key, ""), set_of(texts)
    every = prefix == FOR_ALL
    if known.negated:
        test = f"!({subject}.containsAny({values}))" if every else f"!({values}.containsAll({subject}))"
    else:
        test = f"{values}.containsAll({subject})" if every else f"{subject}.containsAny({values})"
    return Condition(key, "", every or lenient, f"({subject}.isEmpty() || {test})" if lenient else test)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a condition asks of: a key, or a member of it, and how."""

    key: ConditionKey
    member: str
    known: Operator
    is_plain: bool
    """It asks for the value itself, and the value must be there."""


def _test(asked: _Asked, listed: Sequence[Any], place: str, reading: Reading) -> str:
    """The test of one value against several: any of them for a positive operator, none for a negated one."""
    key, member, known = asked.key, asked.member, asked.known
    subject = get_text(key, member)
    if known.test is EQUAL and known.kind == TEXT and len(listed) > 1 and not any("${" in str(value) for value in listed):
        test = f"{set_of([text_of(value, place) for value in listed])}.contains({subject})"
        return f"!({test})" if known.negated else test
    tests = []
    for value in listed:
        tag = tag_of_variable(value, place, variables=reading.variables)
        if tag is None:
            tests.append(_one(key, subject, known, value, place, denies=reading.denies))
        elif not asked.is_plain or known.kind != TEXT or known.is_pattern:
            raise RefusedDocument(place, Why.VARIABLE_OPERATOR)
        else:
            equal = once(PRINCIPAL_TAG, tag, f"{subject} == {get_text(PRINCIPAL_TAG, tag)}", denies=reading.denies)
            tests.append(f"({has_text(PRINCIPAL_TAG, tag)} && {equal})")
    joined = tests[0] if len(tests) == 1 else f"({' || '.join(tests)})"
    return f"!({joined})" if known.negated else joined


def _one(key: ConditionKey, subject: str, known: Operator, value: Any, place: str, *, denies: bool) -> str:
    if known.kind == NUMBER:
        return known.test(subject, moment_literal(value, place)) if key.is_epoch else number_test(subject, known, value, place)
    literal = LITERALS[known.kind](value, place)
    if not known.is_pattern:
        return known.test(subject, literal)
    text = str(value)
    if "?" in text:
        raise RefusedDocument(place, Why.WILDCARD)
    parts = text.split(":", ARN_PARTS - 1)
    if known.is_arn and len(parts) < ARN_PARTS:
        raise RefusedDocument(place, Why.NO_ARN)
    if "*" not in text:
        return EQUAL(subject, literal)
    fits = LIKE(subject, cedar_text(text))
    if known.is_arn and "*" in "".join(parts[:-1]) and denies is known.negated:
        # A star of these parts ends at its colon in AWS and reaches over it in Cedar. With no more colons than parts need, each stands
        # where it should; with more, what would open the key counts as no match. Elsewhere a match too many only closes it.
        return f"({fits} && !({LIKE(subject, MORE_COLONS)}))"
    return fits


def _mapped(value: Any, services: Mapping[str, str], place: str) -> str:
    """The service of this deployment that is meant."""
    if not isinstance(value, str) or value not in services:
        raise RefusedDocument(place, Why.SERVICE_UNMAPPED)
    return services[value]
