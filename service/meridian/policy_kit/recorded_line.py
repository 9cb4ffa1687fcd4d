"""A record of an audit log, every field that `replay` and `explain` use of the kind that the service writes.

Whoever can write a log can put anything there, so each field is looked at once, where it is read. A part that was cut to fit its record
is another matter: it is of the kind that the service writes, and a decision that needs it is not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from meridian.audit.record_bounds import holds_cut, is_cut
from meridian.domain.strict_json import JsonFault, parse_json
from meridian.policy_kit.texts import UnreadableRecordError

Record = Mapping[str, Any]
Shape = Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Fields:
    """An object that has these members, and may have those."""

    required: Mapping[str, Shape]
    optional: Mapping[str, Shape]

    def __call__(self, value: object) -> bool:
        return isinstance(value, dict) and not self.first_wrong(value)

    def first_wrong(self, value: Record) -> str:
        """The name of the first member that is missing or of another kind; empty where there is none."""
        for name, fits in self.required.items():
            if name not in value or not fits(value[name]):
                return name
        return next((name for name, fits in self.optional.items() if name in value and not fits(value[name])), "")


def text(value: object) -> bool:
    return isinstance(value, str)


def flag(value: object) -> bool:
    return isinstance(value, bool)


def number(value: object) -> bool:
    return type(value) is int


def anything_by_name(value: object) -> bool:
    return isinstance(value, dict)


def none_or(fits: Shape) -> Shape:
    return lambda value: value is None or fits(value)


def cut_or(fits: Shape) -> Shape:
    return lambda value: is_cut(value) or fits(value)


def list_of(fits: Shape) -> Shape:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def by_name(fits: Shape) -> Shape:
    return lambda value: isinstance(value, dict) and all(map(fits, value.values()))


TEXTS: Final = list_of(text)
TEXTS_BY_NAME: Final = by_name(text)
KEY: Final = Fields(
    {
        **dict.fromkeys(("keyId", "account", "region", "keySpec", "keyUsage", "keyOrigin", "keyState", "policySha256"), text),
        "accountDelegation": flag,
    },
    {"tags": TEXTS_BY_NAME, "aliases": TEXTS, "primaryRegion": text, "replicaRegions": TEXTS, "customKeyStoreId": text},
)
CALLER: Final = Fields(
    {"kind": text},
    {"groups": TEXTS, "tags": TEXTS_BY_NAME, "mfaPresent": flag, "mfaAt": text, "tokenIssuedAt": text, "sessionName": text},
)
GRANT: Final = Fields(
    {
        **dict.fromkeys(("grantId", "granteePrincipal", "retiringPrincipal", "constraintType", "sourceArn"), text),
        "operations": TEXTS,
        "constraint": TEXTS_BY_NAME,
    },
    {},
)
REQUEST: Final = Fields(
    {},
    {
        "aliases": TEXTS_BY_NAME,
        "grantIds": by_name(TEXTS),
        "grant": GRANT,
        "prospectiveKey": KEY,
        "keyStoreType": text,
        "secureTransport": flag,
        "trailingDaysWithoutKeyUsage": number,
    },
)
DECISION: Final = Fields({"action": text, "resource": text, "effect": text, "policyIds": TEXTS}, {})
IDENTITY: Final = Fields({}, {"accountId": text, "principalId": text, "arn": text})
LINE: Final = Fields(
    {"eventName": text},
    {
        "eventID": text,
        "requestID": text,
        "requestParameters": none_or(anything_by_name),
        "meridian": Fields({}, {"decisions": none_or(cut_or(list_of(anything_by_name)))}),
    },
)
"""Of every record."""
DECIDED: Final = Fields(
    {**dict.fromkeys(("requestID", "eventTime", "awsRegion", "sourceIPAddress"), text), "userIdentity": IDENTITY},
    {"userAgent": none_or(cut_or(text)), "additionalEventData": none_or(anything_by_name)},
)
"""Of a record whose decisions are made again."""
INNER: Final = Fields(
    {"decisions": list_of(DECISION), "facts": Fields({"keys": by_name(KEY), "caller": none_or(CALLER)}, {})}, {"request": REQUEST}
)
"""Its part that is Meridian's own."""


def read_record(line: bytes) -> Record:
    """The record of a line. Raises: UnreadableRecordError."""
    try:
        record = parse_json(line.decode())
    except (JsonFault, UnicodeDecodeError) as fault:
        raise UnreadableRecordError(f"no record: {fault}") from fault
    if not isinstance(record, dict):
        raise UnreadableRecordError("no record")
    wrong = LINE.first_wrong(record)
    if not wrong and "eventID" not in record and "decisions" in record.get("meridian", {}):
        wrong = "eventID"
    if wrong:
        raise UnreadableRecordError(f"no record: {wrong} is missing, or not of its kind")
    return record


def require_decided(record: Record) -> None:
    """The record holds what its decisions were made from. Raises: UnreadableRecordError."""
    inner = record["meridian"]
    if holds_cut(inner):
        raise UnreadableRecordError("what the policies were asked was cut to fit the record")
    if "facts" not in inner:
        raise UnreadableRecordError("the record was written before decisions could be made again")
    wrong = DECIDED.first_wrong(record) or INNER.first_wrong(inner)
    if wrong:
        raise UnreadableRecordError(f"the record holds something that is not understood: {wrong}")
