"""What Regions tell each other, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from meridian.domain.multi_region import RowStatus, SetState, Stamp, Term, TermLink

USER_AGENT_CHARACTERS_MAX: Final = 1_024
"""Of what a client says of itself; no more is told to another Region, and no more taken from it."""
PROTOCOL_VERSION: Final = 1
"""Of the messages between Regions; both sides of a Prepare speak the same."""


class Spoken(NamedTuple):
    """What two Regions must have in common before one prepares anything in the other."""

    deployment: str
    partition: str
    protocol_version: int


@dataclass(frozen=True, slots=True)
class CallerOnBehalf:
    """The caller of a two-Region operation: authenticated facts only, never an ARN of the sender's making."""

    method: str
    subject: str
    source_ip: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Prepare:
    """Asks a Region to decide on, and reserve, a replica."""

    account: str
    key_id: str
    serial: str
    request_id: str
    caller: CallerOnBehalf
    replicate_key_request: bytes
    """The request as sent, serialised."""
    key_spec: str
    key_usage: str
    origin: str
    primary_region: str
    replica_regions: tuple[str, ...]
    current_material_id: str
    spoken: Spoken


@dataclass(frozen=True, slots=True)
class PrepareHandover:
    """Asks a Region to decide on becoming primary."""

    account: str
    key_id: str
    request_id: str
    caller: CallerOnBehalf
    update_primary_region_request: bytes
    """The request as sent, serialised."""
    primary_region: str
    spoken: Spoken


@dataclass(frozen=True, slots=True)
class DeliverGone:
    """A membership has ended for good."""

    account: str
    key_id: str
    serial: str
    term: Term
    """The last term that the sender lived in."""
    request_id: str
    incarnation: int | None
    """None where it is the answer to a question that this Region has just asked."""
    signed_state: bytes
    """The sender's farewell: its last state with its own membership detached, signed by itself. Empty where it says none."""
    transport_public_key: bytes


@dataclass(frozen=True, slots=True)
class DeliverSetState:
    """A newer state of a set for one member, with the materials it lacks."""

    signed_state: bytes
    serial: str
    envelopes: tuple[bytes, ...]
    sequence: int
    incarnation: int
    request_id: str
    transport_public_key: bytes
    """The sender's; its fingerprint is pinned at the receiver."""
    links: tuple[TermLink, ...] = ()
    issuer_public_key: bytes = b""
    """Of the Region that signed the state, where it is not the sender."""


@dataclass(frozen=True, slots=True)
class DeliverHeld:
    """Which materials a member has stored, in the term it lives in."""

    account: str
    key_id: str
    serial: str
    term: Term
    material_ids: tuple[str, ...]
    incarnation: int
    request_id: str


@dataclass(frozen=True, slots=True)
class SignedSetState:
    """A set state with the names that its signature binds."""

    deployment: str
    partition: str
    account: str
    key_id: str
    issuing_region: str
    issuing_incarnation: int
    state: SetState


@dataclass(frozen=True, slots=True)
class SetDigest:
    """Short form of what one Region knows of one set."""

    account: str
    key_id: str
    serial: str
    stamp: Stamp
    materials_hash: bytes
    joins_later_generation: bool
    """Whether the sender's operator lets it join a later generation."""
    receiver_serial: str
    """Of the receiver's membership as the sender knows it."""
    state_hash: bytes
    """Of the state as it was signed; empty where there is none, or of a release that did not say."""


@dataclass(frozen=True, slots=True)
class SetComparison:
    """How the asked Region stands to the asking one about one set."""

    stamp: Stamp
    declared_lost: bool = False
    is_behind: bool = False
    tell_held: bool = False
    is_gone: bool = False
    """The membership that the asking Region knows of the asked one has ended."""


@dataclass(frozen=True, slots=True)
class SetShown:
    """What a Region keeps about a set, as it says."""

    status: RowStatus
    serial: str
    signed_state: bytes
    issuer_public_key: bytes
    links: tuple[TermLink, ...]
    lost: frozenset[str]
    stale: bool
    rejoin: str
    material_ids: frozenset[str]
    successor: str


@dataclass(frozen=True, slots=True)
class MaterialsShown:
    """Sealed materials that were asked for."""

    envelopes: tuple[bytes, ...]
    transport_public_key: bytes
    incarnation: int
