"""The primary's half of every change of a set: one new row, one key that shows it, one outbox entry per member to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from meridian.domain.key import Key, KeyMaterial, KeyState, MultiRegionKeyType, MultiRegionRole, RotationSchedule, RotationType
from meridian.domain.multi_region import MemberStatus, RowStatus, SetMaterial, SetRow, SetState, TermLink
from meridian.domain.peer_message import SignedSetState
from meridian.errors import KMSInternalException, KMSInvalidStateException
from meridian.ports.audit import AuditTrail
from meridian.ports.crypto.region_envelopes import RegionEnvelopes
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import UnitOfWork
from meridian.replication.sets.authority import LINKS_MAX
from meridian.replication.sets.changed_properties import moved
from meridian.replication.wire.set_state import decode_set_state, encode_set_state

SET_STATE = "set_state"
HELD = "held"
GONE = "gone"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def role_of(state: SetState, region: str) -> MultiRegionRole:
    """What a member's key shows of its set."""
    own = state.find_member(region)
    is_behind = own is not None and own.status is MemberStatus.BACK
    return MultiRegionRole(primary_region=state.primary, replica_regions=state.replica_regions, is_behind=is_behind)


def signed_by(envelopes: RegionEnvelopes, identity: RegionIdentity, row: SetRow, state: SetState) -> SetRow:
    """The row with this view, signed by this Region. Raises: KMSInternalException for a view that other members would refuse."""
    body = encode_set_state(
        SignedSetState(
            deployment=identity.deployment,
            partition=identity.partition,
            account=row.account,
            key_id=row.key_id,
            issuing_region=identity.region,
            issuing_incarnation=identity.incarnation,
            state=state,
        )
    )
    try:
        decode_set_state(body)
    except ValueError as fault:
        raise KMSInternalException(reason=f"a set state that nobody could read is not signed: {fault}") from fault
    return replace(row, view=state, signed_view=envelopes.sign_set_state(body), signed_key=envelopes.transport_public_key())


@dataclass(frozen=True, slots=True)
class SetIssuer:
    """Signs states of sets as this Region, records what they change, and tells the members."""

    envelopes: RegionEnvelopes
    trail: AuditTrail
    identity: RegionIdentity

    async def publish(self, uow: UnitOfWork, row: SetRow, view: SetState, *, request_id: str, now: datetime) -> None:
        """Commit this view, signed by this Region, with its event, and tell every member that is not detached."""
        stored = await uow.key_sets.find(row.account, row.key_id)
        properties = moved(stored.view if stored is not None and stored.status is RowStatus.LIVE else None, view)
        if properties:
            await self.trail.record_synchronisation(uow, row.account, row.key_id, properties, request_id=request_id)
        signed = signed_by(self.envelopes, self.identity, row, view)
        if view.version == 0:
            signed = replace(
                signed, links=(*signed.links, TermLink(signed.signed_view, self.envelopes.transport_public_key()))[-LINKS_MAX:]
            )
        await uow.key_sets.update(signed)
        await tell_members(uow, signed, self.identity.region, request_id=request_id, now=now)


def as_primary(key: Key, view: SetState) -> Key:
    """The key of a Region that takes the role: whatever its state, it now waits for its replicas before it goes."""
    taken = with_view(key, view).with_updating_ended()
    if key.state is KeyState.PENDING_DELETION and view.replica_regions:
        return replace(taken, state=KeyState.PENDING_REPLICA_DELETION, deletion_at=None)
    return taken


async def tell_members(uow: UnitOfWork, row: SetRow, region: str, *, request_id: str, now: datetime) -> None:
    """An outbox entry for every other member that is not detached."""
    if row.view is None:
        return
    for member in row.view.members:
        if member.region != region and member.status is not MemberStatus.OFF:
            await uow.outbox.put(SET_STATE, member.region, row.account, row.key_id, request_id=request_id, now=now)


def shared_materials(key: Key) -> tuple[SetMaterial, ...]:
    """What every member may know about the key's materials."""
    return tuple(
        SetMaterial(m.material_id, m.rotation_number, _microseconds(m.rotated_at), str(m.rotation_type or ""), m.description)
        for m in sorted(key.materials, key=_in_rotation_order)
    )


async def tell_held(uow: UnitOfWork, key: Key, *, request_id: str, now: datetime) -> None:
    """At a replica: an outbox entry that tells the primary what is stored here now."""
    if key.multi_region is not None and key.multi_region_key_type is MultiRegionKeyType.REPLICA:
        await uow.outbox.put(HELD, key.multi_region.primary_region, key.account, key.key_id, request_id=request_id, now=now)


def with_shared_part(state: SetState, key: Key) -> SetState:
    """The state with the shared properties of the primary's key."""
    schedule = key.rotation
    return replace(
        state,
        materials=shared_materials(key),
        current=key.current_material_id,
        pending=key.pending_material_id,
        rotation_period_in_days=schedule.period_in_days if schedule else 0,
        next_rotation_us=_microseconds(schedule.next_at) if schedule else 0,
        on_demand_started_us=_microseconds(key.on_demand_started_at),
        on_demand_rotations=key.on_demand_rotations,
    )


def with_view(key: Key, state: SetState) -> Key:
    """The key as a member of this state: role and shared properties; its own material, where it is here, stays."""
    own = {m.material_id: m for m in key.materials}
    materials = tuple(_with_told(own.get(told.material_id), told) for told in sorted(state.materials, key=_in_rotation_order))
    schedule = RotationSchedule(state.rotation_period_in_days, _moment(state.next_rotation_us)) if state.rotation_period_in_days else None
    return replace(
        key,
        multi_region=role_of(state, key.region),
        materials=materials,
        current_material_id=state.current,
        pending_material_id=state.pending,
        rotation=schedule,
        on_demand_started_at=_moment(state.on_demand_started_us) if state.on_demand_started_us else None,
        on_demand_rotations=state.on_demand_rotations,
    )


def _with_told(own: KeyMaterial | None, told: SetMaterial) -> KeyMaterial:
    held = own or KeyMaterial(told.material_id, told.rotation_number, 0, b"")
    return replace(
        held,
        rotated_at=_moment(told.rotated_us) if told.rotated_us else None,
        rotation_type=RotationType(told.rotation_type) if told.rotation_type else None,
        description=told.description,
    )


def _in_rotation_order(material: SetMaterial | KeyMaterial) -> tuple[int, str]:
    """Two materials may have one number where a lost Region rotated by itself and came back."""
    return material.rotation_number, material.material_id


def _microseconds(moment: datetime | None) -> int:
    return 0 if moment is None else (moment - EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


class SetPublisher:
    """Passes what a primary's key shares on to its set, in the transaction that changes the key."""

    def __init__(self, issuer: SetIssuer, wake_outbox: Callable[[], None]) -> None:
        self.issuer = issuer
        self.wake_outbox = wake_outbox

    async def key_changed(self, uow: UnitOfWork, before: Key, after: Key, *, request_id: str, now: datetime) -> None:
        """Publish the next version of the set where shared properties have changed.

        Raises: KMSInvalidStateException while the role is on its way to another Region, or another has gone on without this one.
        """
        if after.multi_region_key_type is not MultiRegionKeyType.PRIMARY or shared_part(before) == shared_part(after):
            return
        row = await uow.key_sets.find(after.account, after.key_id)
        if row is None or row.view is None or not row.takes_changes(self.issuer.identity.region):
            raise KMSInvalidStateException(f"{after.arn} is updating.", key_arn=after.arn)
        state = with_shared_part(replace(row.view, version=row.view.version + 1), after)
        await self.issuer.publish(uow, row, state, request_id=request_id, now=now)


def shared_part(key: Key) -> tuple[object, ...]:
    """The properties that all members have in common."""
    return (
        shared_materials(key),
        key.current_material_id,
        key.pending_material_id,
        key.rotation,
        key.on_demand_started_at,
        key.on_demand_rotations,
    )
