"""IAM's operators and the values they take: what each compares, how one value is tested, and how values are written in Cedar.

Source: IAM User Guide, IAM JSON policy elements: Condition operators.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from meridian.authorization.aws_policy.condition_keys import ADDRESS, NUMBER, TEXT, TIME, TRUTH
from meridian.authorization.aws_policy.refusal import RefusedDocument
from meridian.authorization.cedar_text import cedar_text


@dataclass(frozen=True, slots=True)
class Operator:
    """One IAM operator: what it compares, and how one value is tested."""

    kind: str
    negated: bool
    test: Callable[[str, str], str]
    is_pattern: bool = False
    is_arn: bool = False


def _infix(symbol: str) -> Callable[[str, str], str]:
    return lambda subject, value: f"{subject} {symbol} {value}"


LONG_MAX: Final = 2**63 - 1
EQUAL: Final = _infix("==")
LIKE: Final = _infix("like")


def _in_range(subject: str, value: str) -> str:
    return f"{subject}.isInRange({value})"


OPERATORS: Final[dict[str, Operator]] = {
    "StringEquals": Operator(TEXT, False, EQUAL),
    "StringNotEquals": Operator(TEXT, True, EQUAL),
    "StringLike": Operator(TEXT, False, LIKE, is_pattern=True),
    "StringNotLike": Operator(TEXT, True, LIKE, is_pattern=True),
    "ArnEquals": Operator(TEXT, False, LIKE, is_pattern=True, is_arn=True),
    "ArnLike": Operator(TEXT, False, LIKE, is_pattern=True, is_arn=True),
    "ArnNotEquals": Operator(TEXT, True, LIKE, is_pattern=True, is_arn=True),
    "ArnNotLike": Operator(TEXT, True, LIKE, is_pattern=True, is_arn=True),
    "Bool": Operator(TRUTH, False, EQUAL),
    "NumericEquals": Operator(NUMBER, False, EQUAL),
    "NumericNotEquals": Operator(NUMBER, True, EQUAL),
    "NumericLessThan": Operator(NUMBER, False, _infix("<")),
    "NumericLessThanEquals": Operator(NUMBER, False, _infix("<=")),
    "NumericGreaterThan": Operator(NUMBER, False, _infix(">")),
    "NumericGreaterThanEquals": Operator(NUMBER, False, _infix(">=")),
    "DateEquals": Operator(TIME, False, EQUAL),
    "DateNotEquals": Operator(TIME, True, EQUAL),
    "DateLessThan": Operator(TIME, False, _infix("<")),
    "DateLessThanEquals": Operator(TIME, False, _infix("<=")),
    "DateGreaterThan": Operator(TIME, False, _infix(">")),
    "DateGreaterThanEquals": Operator(TIME, False, _infix(">=")),
    "IpAddress": Operator(ADDRESS, False, _in_range),
    "NotIpAddress": Operator(ADDRESS, True, _in_range),
}
"""THE table of operators."""


def text_of(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise RefusedDocument(place, "the value must be text")
    if "${" in value:
        raise RefusedDocument(place, "of the policy variables only ${aws:PrincipalTag/…} as the whole value has a form here")
    return value


def _text_literal(value: Any, place: str) -> str:
    return cedar_text(text_of(value, place))


def truth_of(value: Any, place: str) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise RefusedDocument(place, "the value must be true or false")
    return str(value).lower() == "true"


def _number_literal(value: Any, place: str) -> str:
    try:
        number = int(str(value))
    except ValueError as fault:
        raise RefusedDocument(place, "the value must be a whole number") from fault
    if not -LONG_MAX <= number <= LONG_MAX:
        raise RefusedDocument(place, "the number is too large")
    return str(number)


def _time_literal(value: Any, place: str) -> str:
    text = str(value)
    try:
        moment = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as fault:
        raise RefusedDocument(place, "the value must be a date of ISO 8601 or seconds since 1970") from fault
    return f'datetime("{moment.year:04d}-{moment:%m-%dT%H:%M:%S}Z")'


def _address_literal(value: Any, place: str) -> str:
    try:
        return f'ip("{ipaddress.ip_network(str(value), strict=False)}")'
    except ValueError as fault:
        raise RefusedDocument(place, "the value must be an address or a range of addresses") from fault


def only(listed: Sequence[Any], place: str) -> Any:
    if len(listed) != 1:
        raise RefusedDocument(place, "takes one value")
    return listed[0]


def set_of(texts: Sequence[str]) -> str:
    return f"[{', '.join(cedar_text(text) for text in texts)}]"


LITERALS: Final[dict[str, Callable[[Any, str], str]]] = {
    TEXT: _text_literal,
    TRUTH: lambda value, place: "true" if truth_of(value, place) else "false",
    NUMBER: _number_literal,
    TIME: _time_literal,
    ADDRESS: _address_literal,
}
