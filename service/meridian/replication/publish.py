"""The primary's half of every change of a set: one new row, one key that shows it, one outbox entry per member to tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from meridian.domain.key import Key, MultiRegionRole
from meridian.domain.multi_region import MemberStatus, SetRow, SetState
from meridian.domain.peer_message import SignedSetState
from meridian.ports.crypto_engine import CryptoEngine
from meridian.ports.store import RegionIdentity, UnitOfWork
from meridian.replication.codec import encode_set_state

SET_STATE = "set_state"
HELD = "held"


def role_of(state: SetState) -> MultiRegionRole:
    """What a member's key shows of its set."""
    return MultiRegionRole(primary_region=state.primary, replica_regions=state.replica_regions)


def signed_by(engine: CryptoEngine, identity: RegionIdentity, row: SetRow, state: SetState) -> SetRow:
    """The row with this view, signed by this Region."""
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
    return replace(row, view=state, signed_view=engine.sign_set_state(body))


async def tell_members(uow: UnitOfWork, row: SetRow, region: str, *, request_id: str, now: datetime) -> None:
    """An outbox entry for every other member that is not detached."""
    if row.view is None:
        return
    for member in row.view.members:
        if member.region != region and member.status is not MemberStatus.OFF:
            await uow.outbox.put(SET_STATE, member.region, row.account, row.key_id, request_id=request_id, now=now)


def with_view(key: Key, state: SetState) -> Key:
    """The key as a member of this state."""
    return key.with_multi_region(role_of(state))
