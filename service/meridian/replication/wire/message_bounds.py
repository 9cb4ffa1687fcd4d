"""THE bounds of everything in a message between Regions: the length and form of texts, the entries of lists, the height of numbers.

A field that has no row here is a fault of this file; a test walks the contract.
"""

from __future__ import annotations

import re
from typing import Any, Final

from meridian.domain.limits import ROTATION_PERIOD_IN_DAYS_MAX
from meridian.domain.peer_message import USER_AGENT_CHARACTERS_MAX

MEMBERS_MAX: Final = 64
LINKS_MAX: Final = 32
MATERIALS_MAX: Final = 1_000
"""More than a key can have: a rotation every ninety days makes four in a year, and on-demand rotations have their quota."""

REGION: Final = 32
REQUEST: Final = 262_144
KEY: Final = 256
"""A transport public key, DER, P-384: 120 bytes."""
SIGNED: Final = 393_216
"""A signed state: 64 members of 120 bytes and 1,000 materials of 374, each with a description of 256 letters."""
PEER_MESSAGE_BYTES_MAX: Final = 4 * 1_048_576
"""Of a whole message, in both directions."""

LISTS: Final = {
    "members": MEMBERS_MAX,
    "links": LINKS_MAX,
    "materials": MATERIALS_MAX,
    "material_ids": MATERIALS_MAX,
    "envelopes": MATERIALS_MAX,
    "digests": 200,
    "comparisons": 200,
    "replica_regions": MEMBERS_MAX,
    "lost": MEMBERS_MAX,
}
"""Entries."""

LENGTHS: Final = {
    "account": 12,
    "current": 64,
    "current_material_id": 64,
    "deployment": 128,
    "description": 256,
    "envelopes": 16_384,
    "issuer_public_key": KEY,
    "issuing_region": REGION,
    "key_id": 64,
    "key_metadata": 65_536,
    "key_spec": 64,
    "key_usage": 64,
    "lost": REGION,
    "material_id": 64,
    "material_ids": 64,
    "materials_hash": 32,
    "method": 64,
    "origin": 64,
    "partition": 64,
    "pending": 64,
    "primary": REGION,
    "primary_region": REGION,
    "receiver_serial": 64,
    "region": REGION,
    "rejoin": REGION,
    "release": 64,
    "replica_regions": REGION,
    "replicate_key_request": REQUEST,
    "request_id": 64,
    "rotation_type": 32,
    "serial": 64,
    "signed_offer": 1_024,
    "signed_state": SIGNED,
    "source_ip": 64,
    "state_hash": 32,
    "status": 16,
    "subject": 2_048,
    "successor": REGION,
    "term_issuer": REGION,
    "term_origin": REGION,
    "transport_public_key": KEY,
    "update_primary_region_request": REQUEST,
    "user_agent": USER_AGENT_CHARACTERS_MAX,
}
"""Characters of texts, bytes of bytes; of each entry, where the field is a list."""

COUNT: Final = 2**53 - 1
"""What every database and every reader of JSON keeps exactly."""
WIDE: Final = 2**32 - 1

NUMBERS: Final = {
    "answered_us": COUNT,
    "incarnation": COUNT,
    "issuing_incarnation": COUNT,
    "next_rotation_us": COUNT,
    "on_demand_rotations": 999_999,
    "on_demand_started_us": COUNT,
    "protocol_version": WIDE,
    "rotated_us": COUNT,
    "rotation_number": 999_999,
    "rotation_period_in_days": ROTATION_PERIOD_IN_DAYS_MAX,
    "sequence": 2**56 - 1,
    "term_generation": COUNT,
    "term_number": COUNT,
    "version": COUNT,
}
"""The highest value; the lowest is 0. A sequence may be seven bytes drawn at random. One rotation a day for 2,700 years has a number."""

HEX: Final = re.compile(r"([0-9a-f]{64})?\Z")
SERIAL: Final = re.compile(r"([0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?\Z")
"""The second form is that of memberships that began before serials proved their maker."""
VISIBLE: Final = re.compile(r"[ -~]*\Z")
FREE: Final = re.compile(r"[^\x00]*\Z")
"""What people wrote. PostgreSQL keeps no NUL."""
FORMS: Final = {
    "account": re.compile(r"[0-9]{12}\Z"),
    "key_id": re.compile(r"mrk-[0-9a-f]{32}\Z"),
    "current": HEX,
    "current_material_id": HEX,
    "material_id": HEX,
    "material_ids": HEX,
    "pending": HEX,
    "receiver_serial": SERIAL,
    "serial": SERIAL,
    "deployment": FREE,
    "description": FREE,
    "subject": FREE,
    "user_agent": FREE,
}
"""Of each text; one without a row is visible ASCII."""


class OutOfBounds(ValueError):
    """A field is longer or higher than it may be, or is not in its form; the message names it."""


def entries_of(message: Any) -> int:
    """How much a message asks for: the entries of its lists, of whichever kind."""
    return sum(len(value) for field, value in message.ListFields() if field.is_repeated)


def require_bounds(message: Any) -> None:
    """Raises: OutOfBounds for the first field of the message, or of any in it, that is out of its bounds."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for each in _entries(field, value):
                require_bounds(each)
        elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            for each in _entries(field, value):
                _require(field.name, each)
        elif field.type != field.TYPE_BOOL and not 0 <= value <= NUMBERS[field.name]:
            raise OutOfBounds(f"{field.name} is not from 0 to {NUMBERS[field.name]}")


def _entries(field: Any, value: Any) -> Any:
    if not field.is_repeated:
        return (value,)
    if len(value) > LISTS[field.name]:
        raise OutOfBounds(f"{field.name} has more than {LISTS[field.name]} entries")
    return value


def _require(name: str, value: str | bytes) -> None:
    if len(value) > LENGTHS[name]:
        raise OutOfBounds(f"{name} is longer than {LENGTHS[name]}")
    if isinstance(value, str) and not FORMS.get(name, VISIBLE).match(value):
        raise OutOfBounds(f"{name} is not in its form")
