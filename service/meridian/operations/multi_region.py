"""MultiRegionService: ReplicateKey, UpdatePrimaryRegion.

Both Regions have decided with their own policies before either changes: the destination in `RegionPeer.prepare`, this one in
the pipeline. Then one transaction commits the new member, the audit event and the intention to deliver; the outbox does the rest.

Source: AWS KMS API Reference, ReplicateKey, UpdatePrimaryRegion; docs/spec/multi-region.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from meridian.call import Call
from meridian.domain.key import Key, KeyState
from meridian.domain.multi_region import SetRow
from meridian.errors import AlreadyExistsException, KMSInternalException, KMSInvalidStateException, ValidationException
from meridian.fault_points import FaultPoint, reach
from meridian.kms.v1 import multi_region_pb2
from meridian.operations.change import Change, KeyChanges
from meridian.operations.outcomes import Outcomes
from meridian.operations.peer_questions import handover_question, replica_question
from meridian.operations.replica_metadata import replica_metadata
from meridian.ports.clock import Clock
from meridian.ports.crypto.membership_serials import MembershipSerials
from meridian.ports.store.store import UnitOfWork
from meridian.replication.other_regions import OtherRegions
from meridian.replication.publish import SetPublisher, with_view
from meridian.replication.sets.state import SetRefusal, add_member, hand_over

ONE_REPLICA = "You can create only one replica of each primary key in each AWS Region."


@dataclass(frozen=True, slots=True)
class HandoverTiming:
    """How long a key says that it is updating after its role has gone."""

    clock: Clock
    updating_seconds: float


class MultiRegion:
    """Sets of related keys, as callers change them."""

    def __init__(
        self,
        *,
        publisher: SetPublisher,
        serials: MembershipSerials,
        changes: KeyChanges,
        outcomes: Outcomes,
        others: OtherRegions,
        timing: HandoverTiming,
    ) -> None:
        self._identity = publisher.issuer.identity
        self._publisher = publisher
        self._serials = serials
        self._changes = changes
        self._outcomes = outcomes
        self._peer = others.peer
        self._peer_regions = others.names
        self._clock = timing.clock
        self._updating_seconds = timing.updating_seconds

    async def replicate_key(self, request: multi_region_pb2.ReplicateKeyRequest, call: Call) -> multi_region_pb2.ReplicateKeyResponse:
        """The replica's metadata, state Creating; it becomes usable when its Region has the material.

        Raises: ValidationException for a Region that cannot hold a replica; AlreadyExistsException where one is; what the
        destination refuses with; DependencyTimeoutException if it is out of reach. Nothing has changed in any of these cases.
        """
        key = call.keys["key_id"]
        self._require_destination(key, request.replica_region)
        async with self._outcomes.claimed(call):
            return await self._replicated(request, call, key)

    async def _replicated(
        self, request: multi_region_pb2.ReplicateKeyRequest, call: Call, key: Key
    ) -> multi_region_pb2.ReplicateKeyResponse:
        serial = self._serials.membership_serial(key.account, key.key_id, request.replica_region)
        reach(FaultPoint.REPLICATE_KEY_BEFORE_PREPARE)
        self._changes.let_others(call)
        prepared = await self._peer.prepare(request.replica_region, replica_question(request, call, key, self._identity, serial))
        reach(FaultPoint.REPLICATE_KEY_AFTER_PREPARE)
        metadata = replica_metadata(prepared, request, key, self._clock.now())
        call.audit_data["replicaRegion"] = request.replica_region
        answer = multi_region_pb2.ReplicateKeyResponse(
            replica_key_metadata=metadata, replica_policy=request.policy, replica_tags=request.tags
        )
        await self._changes.apply(call, key, self._with_new_member(request.replica_region, serial, call), lambda _: answer)
        reach(FaultPoint.REPLICATE_KEY_AFTER_COMMIT)
        self._publisher.wake_outbox()
        return answer

    async def update_primary_region(
        self, request: multi_region_pb2.UpdatePrimaryRegionRequest, call: Call
    ) -> multi_region_pb2.UpdatePrimaryRegionResponse:
        """The named replica is the primary, and this Region's key a replica, from this Region's commit on.

        Raises: ValidationException where there is no replica; what the other Region refuses with; DependencyTimeoutException if it
        is out of reach. Nothing has changed in any of these cases.
        """
        key, region = call.keys["key_id"], request.primary_region
        if region == self._identity.region:
            return await self._changes.apply(call, key, _unchanged, lambda _: multi_region_pb2.UpdatePrimaryRegionResponse())
        if key.multi_region is None or region not in key.multi_region.replica_regions:
            raise ValidationException(
                f"{key.key_id} does not have a replica key in the specified Region.", fields=[("primaryRegion", "has no replica")]
            )
        async with self._outcomes.claimed(call):
            return await self._handed_over_to(region, request, call, key)

    async def _handed_over_to(
        self, region: str, request: multi_region_pb2.UpdatePrimaryRegionRequest, call: Call, key: Key
    ) -> multi_region_pb2.UpdatePrimaryRegionResponse:
        prepare = handover_question(request, call, key, self._identity)
        self._changes.let_others(call)
        await self._peer.prepare_handover(region, prepare)
        reach(FaultPoint.HANDOVER_PREPARED)
        answer = multi_region_pb2.UpdatePrimaryRegionResponse()
        await self._changes.apply(call, key, self._handed_over(region, call), lambda _: answer)
        reach(FaultPoint.HANDOVER_AFTER_COMMIT)
        self._publisher.wake_outbox()
        return answer

    def _handed_over(self, region: str, call: Call) -> Change:
        async def change(uow: UnitOfWork, key: Key) -> Key:
            row = await uow.key_sets.find(key.account, key.key_id)
            if row is None:
                raise KMSInternalException(reason="a multi-Region key without its set")
            _require_led_here(key, row)
            try:
                moved = hand_over(row, self._identity.region, region)
            except SetRefusal as refusal:
                raise KMSInvalidStateException(f"{key.arn} is updating.", key_arn=key.arn) from refusal
            if moved.view is None:
                raise KMSInternalException(reason="a set without a state")
            now = await uow.region.now()
            await self._publisher.issuer.publish(uow, moved, moved.view, request_id=call.request_id, now=now)
            reach(FaultPoint.HANDOVER_BEFORE_COMMIT)
            until = now + timedelta(seconds=self._updating_seconds)
            return replace(with_view(key, moved.view), state=KeyState.UPDATING, updating_until=until)

        return change

    def _require_destination(self, key: Key, region: str) -> None:
        role = key.multi_region
        if role is None:
            raise KMSInternalException(reason="a primary key without a role")
        if region == self._identity.region:
            raise ValidationException(
                f"{region} cannot have a replica because it contains the primary.",
                fields=[("replicaRegion", "contains the primary")],
            )
        if region not in self._peer_regions:
            raise ValidationException(
                f"Region {region} is not a valid Region or multi-Region keys are not supported in Region {region}.",
                fields=[("replicaRegion", "not a Region of this deployment")],
            )
        if region in role.replica_regions:
            raise AlreadyExistsException(ONE_REPLICA)

    def _with_new_member(self, region: str, serial: str, call: Call) -> Change:
        async def change(uow: UnitOfWork, key: Key) -> Key:
            row = await uow.key_sets.find(key.account, key.key_id)
            if row is None:
                raise KMSInternalException(reason="a multi-Region key without its set")
            _require_led_here(key, row)
            try:
                grown = add_member(row, self._identity.region, region, serial)
            except SetRefusal as refusal:
                raise AlreadyExistsException(ONE_REPLICA, reason=str(refusal)) from refusal
            if grown.view is None:
                raise KMSInternalException(reason="a set without a state")
            await self._publisher.issuer.publish(uow, grown, grown.view, request_id=call.request_id, now=self._clock.now())
            reach(FaultPoint.REPLICATE_KEY_BEFORE_COMMIT)
            return with_view(key, grown.view)

        return change


def _require_led_here(key: Key, row: SetRow) -> None:
    if row.led_on_by:
        raise KMSInvalidStateException(f"{key.arn} is updating.", key_arn=key.arn, reason=f"led on by {', '.join(row.led_on_by)}")


async def _unchanged(_: UnitOfWork, key: Key) -> Key:
    return key
