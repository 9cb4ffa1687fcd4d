"""IAM's operators and the values they take: what each compares, how one value is tested, and how values are written in Cedar.

Source: IAM User Guide, IAM JSON policy elements: Condition operators.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

from meridian.authorization.aws_policy.condition_keys import ADDRESS, NUMBER, TEXT, TIME, TRUTH
from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.language.cedar_text import cedar_text


@dataclass(frozen=True, slots=True)
class Operator:
    """One IAM operator: what it compares, and how one value is tested."""

    kind: str
    negated: bool
    test: Callable[[str, str], str]
    is_pattern: bool = False
    is_arn: bool = False
    floored: Callable[[str, str], str] | None = None
    """The test against the whole number below, for a number with a fraction; None where no whole number passes or fails by it."""


def _infix(symbol: str) -> Callable[[str, str], str]:
    return lambda subject, value: f"{subject} {symbol} {value}"


LONG_MAX: Final = 2**63 - 1
NUMBER_FORM: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
YEAR_FORM: Final = re.compile(r"[0-9]{4}")
"""A year, or a second of 1970: a reader cannot know which."""
DATE_FORM: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
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
    "NumericLessThan": Operator(NUMBER, False, _infix("<"), floored=_infix("<=")),
    "NumericLessThanEquals": Operator(NUMBER, False, _infix("<="), floored=_infix("<=")),
    "NumericGreaterThan": Operator(NUMBER, False, _infix(">"), floored=_infix(">")),
    "NumericGreaterThanEquals": Operator(NUMBER, False, _infix(">="), floored=_infix(">")),
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
        raise RefusedDocument(place, Why.VALUE_NO_TEXT)
    if "${" in value:
        raise RefusedDocument(place, Why.VARIABLE)
    return value


def _text_literal(value: Any, place: str) -> str:
    return cedar_text(text_of(value, place))


def truth_of(value: Any, place: str) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise RefusedDocument(place, Why.VALUE_NO_TRUTH)
    return str(value).lower() == "true"


def number_test(subject: str, operator: Operator, value: Any, place: str) -> str:
    """The test of a whole number against one that may have a fraction."""
    number = _number(value, place)
    whole = int(number.to_integral_value(ROUND_FLOOR))
    if not -LONG_MAX <= whole <= LONG_MAX:
        raise RefusedDocument(place, Why.VALUE_TOO_LARGE)
    if number == whole:
        return operator.test(subject, str(whole))
    if operator.floored is None:
        raise RefusedDocument(place, Why.VALUE_FRACTION)
    return operator.floored(subject, str(whole))


def moment_literal(value: Any, place: str) -> str:
    """A time that is told in seconds since 1970, which may have a fraction."""
    milliseconds = _number(value, place) * 1000
    if milliseconds != milliseconds.to_integral_value():
        raise RefusedDocument(place, Why.VALUE_TOO_FINE)
    try:
        return _time_text(EPOCH + timedelta(milliseconds=int(milliseconds)))
    except OverflowError as fault:
        raise RefusedDocument(place, Why.VALUE_TOO_LARGE) from fault


def _number(value: Any, place: str) -> Decimal:
    text = str(value)
    if NUMBER_FORM.fullmatch(text) is None:
        raise RefusedDocument(place, Why.VALUE_NO_NUMBER)
    return Decimal(text)


def _time_literal(value: Any, place: str) -> str:
    text = str(value)
    if NUMBER_FORM.fullmatch(text) is not None and YEAR_FORM.fullmatch(text) is None:
        return moment_literal(value, place)
    if DATE_FORM.fullmatch(text) is None:
        raise RefusedDocument(place, Why.VALUE_NO_TIME)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise RefusedDocument(place, Why.VALUE_NO_TIME) from fault
    if moment.microsecond % 1000:
        raise RefusedDocument(place, Why.VALUE_TOO_FINE)
    return _time_text(moment)


def _time_text(moment: datetime) -> str:
    fraction = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    return f'datetime("{moment.year:04d}-{moment:%m-%dT%H:%M:%S}{fraction}Z")'


def _address_literal(value: Any, place: str) -> str:
    try:
        return f'ip("{ipaddress.ip_network(str(value), strict=False)}")'
    except ValueError as fault:
        raise RefusedDocument(place, Why.VALUE_NO_ADDRESS) from fault


def only(listed: Sequence[Any], place: str) -> Any:
    if len(listed) != 1:
        raise RefusedDocument(place, Why.SINGLE_VALUE)
    return listed[0]


def set_of(texts: Sequence[str]) -> str:
    return f"[{', '.join(cedar_text(text) for text in texts)}]"


LITERALS: Final[dict[str, Callable[[Any, str], str]]] = {
    TEXT: _text_literal,
    TRUTH: lambda value, place: "true" if truth_of(value, place) else "false",
    TIME: _time_literal,
    ADDRESS: _address_literal,
}
