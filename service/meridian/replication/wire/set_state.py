"""Set states as signed bytes: the one translation between the domain value and its wire form."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from meridian.domain.multi_region import Member, MemberStatus, SetMaterial, SetState, Term
from meridian.domain.peer_message import SignedSetState
from meridian.peer.v1 import replication_pb2 as wire
from meridian.replication.wire.message_bounds import require_bounds
from meridian.replication.wire.state_bounds import require_possible


def encode_set_state(signed: SignedSetState) -> bytes:
    """The body that the issuing Region signs."""
    state = signed.state
    message = wire.SetState(
        deployment=signed.deployment,
        partition=signed.partition,
        set=wire.KeySetName(account=signed.account, key_id=signed.key_id),
        issuing_region=signed.issuing_region,
        issuing_incarnation=signed.issuing_incarnation,
        term_generation=state.term.generation,
        term_origin=state.term.origin,
        term_number=state.term.number,
        version=state.version,
        primary=state.primary,
        term_issuer=state.issuer,
        members=[wire.SetMember(region=m.region, serial=m.serial, status=m.status) for m in state.members],
        materials=[wire.SetMaterial(**m._asdict()) for m in state.materials],
        current=state.current,
        pending=state.pending,
        rotation_period_in_days=state.rotation_period_in_days,
        next_rotation_us=state.next_rotation_us,
        on_demand_started_us=state.on_demand_started_us,
        on_demand_rotations=state.on_demand_rotations,
    )
    return message.SerializeToString(deterministic=True)


def decode_set_state(body: bytes) -> SignedSetState:
    """The value inside a signed body. Raises: ValueError if it cannot be read."""
    try:
        message = wire.SetState.FromString(body)
    except DecodeError as fault:
        raise ValueError("the set state is not a message of its type") from fault
    require_bounds(message)
    if len({member.region for member in message.members}) != len(message.members):
        raise ValueError("a Region is listed twice")
    state = SetState(
        term=Term(message.term_generation, message.term_origin, message.term_number),
        version=message.version,
        primary=message.primary,
        issuer=message.term_issuer,
        members=tuple(sorted(Member(m.region, m.serial, MemberStatus(m.status)) for m in message.members)),
        materials=tuple(
            SetMaterial(m.material_id, m.rotation_number, m.rotated_us, m.rotation_type, m.description) for m in message.materials
        ),
        current=message.current,
        pending=message.pending,
        rotation_period_in_days=message.rotation_period_in_days,
        next_rotation_us=message.next_rotation_us,
        on_demand_started_us=message.on_demand_started_us,
        on_demand_rotations=message.on_demand_rotations,
    )
    require_possible(state)
    return SignedSetState(
        deployment=message.deployment,
        partition=message.partition,
        account=message.set.account,
        key_id=message.set.key_id,
        issuing_region=message.issuing_region,
        issuing_incarnation=message.issuing_incarnation,
        state=state,
    )
