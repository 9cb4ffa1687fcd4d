"""The destination's half of ReplicateKey, after its own policies have allowed it: a place is reserved.

The place never lapses by time. Without news it asks the preparing Region what became of it (`workers/reservations.py`).

Source: docs/spec/multi-region.md §1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from meridian.call import Call
from meridian.domain.identifiers import key_arn
from meridian.domain.key import Key, KeyState, MultiRegionRole
from meridian.domain.limits import Limits
from meridian.domain.multi_region import OperatorWord
from meridian.domain.peer_message import Prepare
from meridian.domain.tag import require_room_for_tags
from meridian.errors import AlreadyExistsException, KMSInternalException, LimitExceededException
from meridian.fault_points import FaultPoint, reach
from meridian.ports.audit import AuditTrail
from meridian.ports.clock import Clock
from meridian.ports.policies import PolicyCheck
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.refusals import Refusals
from meridian.replication.sets.authority import hear
from meridian.replication.sets.claims import SetRefusal
from meridian.replication.sets.state import reserve

PLACES_MAX: Final = 1_000
"""Places of an account that wait for one Region's word at once. A place is taken within seconds, so an honest Region has this many only
while it copies a thousand keys in a burst; a hostile one, which never says that they are free, holds no more of the account's quota."""
PLACES_SHARE: Final = 10
"""Of a quota of fewer keys than ten times as many, the part that one Region's places may take."""
ONE_REPLICA = "You can create only one replica of each primary key in each AWS Region."


class ReserveReplica:
    """The operation at the end of the destination's walk."""

    def __init__(
        self, *, store: Store, trail: AuditTrail, policy_check: PolicyCheck, clock: Clock, limits: Limits, refusals: Refusals
    ) -> None:
        self._store = store
        self._refusals = refusals
        self._trail = trail
        self._policy_check = policy_check
        self._clock = clock
        self._limits = limits

    async def reserve(self, request: Any, call: Call) -> Key:
        """The replica as it will be, in state Creating, committed with its CreateKey event.

        Raises: AlreadyExistsException, LimitExceededException, TagException, MalformedPolicyDocumentException.
        """
        prepare, prospective = call.prepare, call.prospective
        if not isinstance(prepare, Prepare) or prospective is None:
            raise KMSInternalException(reason="a reservation without its request")
        if prospective.policy or not prospective.account_delegation:
            await self._policy_check.require_acceptable(call, prospective, bypass_lockout_check=request.bypass_policy_lockout_safety_check)
        require_room_for_tags(prospective.tags, self._limits)
        regions = tuple(sorted({*prepare.replica_regions, prospective.region}))
        role = MultiRegionRole(prepare.primary_region, regions)
        replica = replace(
            prospective,
            key_id=prepare.key_id,
            state=KeyState.CREATING,
            created_at=self._clock.now(),
            multi_region=role,
        )
        call.keys["key_id"] = replica
        call.response_elements = {"keyId": replica.arn}
        primary = key_arn(replica.partition, prepare.primary_region, replica.account, replica.key_id)
        call.audit_data["replicateKey"] = {"keyId": primary, "requestID": prepare.request_id}
        async with self._store.transaction() as uow:
            await self._reserve(uow, call, replica)
            await self._trail.record(uow, call)
            reach(FaultPoint.REPLICATE_KEY_PREPARE_BEFORE_COMMIT)
        reach(FaultPoint.REPLICATE_KEY_PREPARE_AFTER_COMMIT)
        return replica

    async def _reserve(self, uow: UnitOfWork, call: Call, replica: Key) -> None:
        prepare = call.prepare
        if not isinstance(prepare, Prepare):
            raise KMSInternalException(reason="a reservation without its request")
        quota, current = self._limits.keys_per_account, await uow.keys.count(replica.account)
        if current >= quota:
            raise LimitExceededException(f"Key quota for this account in this region is {quota} but the current usage is {current}.")
        await self._require_place(uow, replica.account, prepare.primary_region)
        row = await uow.key_sets.find(replica.account, replica.key_id)
        lost = await uow.operator_words.regions(OperatorWord.LOST)
        try:
            with self._refusals.telling(prepare.primary_region, replica.account, replica.key_id):
                hear(row, prepare.primary_region, lost, None, 0)
                reserved = reserve(
                    row,
                    replica.account,
                    replica.key_id,
                    prepare.serial,
                    prepare.primary_region,
                    prepare.request_id,
                    self._clock.now(),
                )
            await uow.keys.insert(replica)
        except (SetRefusal, VersionConflict) as conflict:
            raise AlreadyExistsException(ONE_REPLICA, reason=str(conflict)) from conflict
        if row is None:
            await uow.key_sets.insert(reserved)
        else:
            await uow.key_sets.update(reserved)

    async def _require_place(self, uow: UnitOfWork, account: str, region: str) -> None:
        """Raises: LimitExceededException where the Region has as many places of the account as it may."""
        most = min(PLACES_MAX, max(1, self._limits.keys_per_account // PLACES_SHARE))
        if await uow.key_sets.count_reserved(account, prepared_by=region, most=most) >= most:
            message = f"Quota of replicas that wait for Region {region} to complete them is {most}; try again when some are complete."
            raise LimitExceededException(message)
