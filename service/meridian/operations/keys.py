"""KeysService: making, describing and switching keys.

Source: AWS KMS API Reference, CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription,
ScheduleKeyDeletion, CancelKeyDeletion.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from meridian.call import Call
from meridian.domain.deletion import with_deletion_cancelled, with_deletion_scheduled
from meridian.domain.home import Home
from meridian.domain.identifiers import key_arn, key_id_of
from meridian.domain.key import Key, KeyState, Origin
from meridian.domain.limits import DELETION_WINDOW_IN_DAYS_DEFAULT, Limits
from meridian.domain.tag import require_room_for_tags
from meridian.errors import KMSInternalException, LimitExceededException, ValidationException
from meridian.fault_points import FaultPoint, reach
from meridian.kms.v1 import keys_pb2, types_pb2
from meridian.operations.change import Answer, KeyChanges
from meridian.operations.new_key_pairs import NewKeyPairs
from meridian.operations.outcomes import Outcomes
from meridian.operations.page import Page
from meridian.operations.present import key_metadata, set_enum
from meridian.operations.store_keys import KeysInStores
from meridian.ports.clock import Clock
from meridian.ports.crypto.ciphers import SymmetricKeys
from meridian.ports.crypto.membership_serials import MembershipSerials
from meridian.ports.entropy import Entropy
from meridian.ports.last_usage import UsageNotes
from meridian.ports.page_markers import PageMarkers
from meridian.ports.policies import PolicyCheck
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.publish import shared_materials
from meridian.replication.sets.state import found_set

LIST_LIMIT_DEFAULT: Final = 100


class Keys:
    """Life of keys, without their material."""

    def __init__(  # noqa: PLR0913 - the contract binds all operations of a noun to one object
        self,
        *,
        store: Store,
        symmetric_keys: SymmetricKeys,
        serials: MembershipSerials,
        page_markers: PageMarkers,
        changes: KeyChanges,
        outcomes: Outcomes,
        policy_check: PolicyCheck,
        clock: Clock,
        entropy: Entropy,
        home: Home,
        limits: Limits,
        usage: UsageNotes,
        key_pairs: NewKeyPairs,
        in_stores: KeysInStores,
    ) -> None:
        self._store = store
        self._symmetric_keys = symmetric_keys
        self._serials = serials
        self._page_markers = page_markers
        self._changes = changes
        self._outcomes = outcomes
        self._policy_check = policy_check
        self._clock = clock
        self._entropy = entropy
        self._home = home
        self._limits = limits
        self._usage = usage
        self._key_pairs = key_pairs
        self._in_stores = in_stores

    async def create_key(self, request: keys_pb2.CreateKeyRequest, call: Call) -> keys_pb2.CreateKeyResponse:
        """A new key: with material and Enabled, or of origin EXTERNAL without and PendingImport.

        Raises: LimitExceededException, TagException, MalformedPolicyDocumentException; for a key in a store what `KeysInStores` raises.
        """
        prospective = call.prospective
        if prospective is None:
            raise KMSInternalException(reason="no prospective key")
        if prospective.custom_key_store_id:
            prospective = await self._in_stores.placed(prospective)
        if prospective.policy or not prospective.account_delegation:
            await self._policy_check.require_acceptable(call, prospective, bypass_lockout_check=request.bypass_policy_lockout_safety_check)
        require_room_for_tags(prospective.tags, self._limits)
        if prospective.custom_key_store_id:
            await self._in_stores.require_fit(call, prospective)
        number = self._entropy.random_bytes(16)
        key_id = key_id_of(number, multi_region=prospective.multi_region is not None)
        key = replace(prospective, key_id=key_id, created_at=self._clock.now(), state=KeyState.ENABLED)
        if key.origin is not Origin.EXTERNAL:
            key = key.with_material(
                await self._key_pairs.make(key.account, key.key_spec, partial(self._symmetric_keys.new_material, key)), current=True
            )
        else:
            key = key.with_state(KeyState.PENDING_IMPORT)
        reach(FaultPoint.CREATE_KEY_MATERIAL_GENERATED)
        answer = keys_pb2.CreateKeyResponse(key_metadata=key_metadata(key))
        async with self._in_stores.made(call, key), self._store.transaction() as uow:
            await self._outcomes.begin(uow, call)
            await self._require_room(uow, key.account)
            if key.custom_key_store_id:
                await self._in_stores.require_as_placed(uow, key)
            try:
                await uow.keys.insert(key)
            except VersionConflict as conflict:
                raise KMSInternalException(reason="a key number was drawn twice") from conflict
            if key.multi_region is not None:
                await self._found_set(uow, key)
            call.keys["key_id"] = key  # from here on the record speaks of it
            await self._outcomes.record(uow, call, answer)
            reach(FaultPoint.CREATE_KEY_BEFORE_COMMIT)
        self._changes.forget(key)
        reach(FaultPoint.CREATE_KEY_AFTER_COMMIT)
        return answer

    async def _require_room(self, uow: UnitOfWork, account: str) -> None:
        quota, current = self._limits.keys_per_account, await uow.keys.count(account)
        if current >= quota:
            raise LimitExceededException(f"Key quota for this account in this region is {quota} but the current usage is {current}.")

    async def _found_set(self, uow: UnitOfWork, key: Key) -> None:
        serial = self._serials.membership_serial(key.account, key.key_id, key.region)
        await uow.key_sets.insert(found_set(key.account, key.key_id, key.region, serial, shared_materials(key)))

    async def describe_key(self, request: keys_pb2.DescribeKeyRequest, call: Call) -> keys_pb2.DescribeKeyResponse:
        """The key's metadata."""
        return keys_pb2.DescribeKeyResponse(key_metadata=key_metadata(call.keys["key_id"]))

    async def list_keys(self, request: keys_pb2.ListKeysRequest, call: Call) -> keys_pb2.ListKeysResponse:
        """The keys of the caller's account in byte order of their ids. Raises: InvalidMarkerException."""
        account = call.caller.account
        if types_pb2.RESOURCE_OWNER_TYPE_SELF not in request.resource_owners and request.resource_owners:
            return keys_pb2.ListKeysResponse(truncated=False)  # nothing is shared from other accounts here
        page = Page(self._page_markers, call, default=LIST_LIMIT_DEFAULT)
        async with self._store.reading() as uow:
            found = await uow.keys.list_ids(account, after=page.after, limit=page.limit + 1)
        response = keys_pb2.ListKeysResponse()
        for key_id in page.cut(response, found, found):
            response.keys.add(key_id=key_id, key_arn=key_arn(self._home.partition, self._home.region, account, key_id))
        return response

    async def get_key_last_usage(self, request: keys_pb2.GetKeyLastUsageRequest, call: Call) -> keys_pb2.GetKeyLastUsageResponse:
        """The last successful cryptographic call on the key in this Region; an empty record where there was none."""
        key = call.keys["key_id"]
        use = await self._usage.find(key.account, key.key_id)
        response = keys_pb2.GetKeyLastUsageResponse(key_id=key.arn)
        for field in (response.key_creation_date, response.tracking_start_date):
            field.FromDatetime(key.created_at)
        response.key_last_usage.SetInParent()
        if use is not None:
            last = response.key_last_usage
            set_enum(last, "operation", use.operation)
            last.timestamp.FromDatetime(use.used_at)
            last.cloud_trail_event_id, last.kms_request_id = use.event_id, use.request_id
        return response

    async def enable_key(self, request: keys_pb2.EnableKeyRequest, call: Call) -> keys_pb2.EnableKeyResponse:
        """The key is Enabled."""
        return await self._set_state(call, KeyState.ENABLED, keys_pb2.EnableKeyResponse())

    async def disable_key(self, request: keys_pb2.DisableKeyRequest, call: Call) -> keys_pb2.DisableKeyResponse:
        """The key is Disabled; at once in this process, within a second in others of the Region."""
        return await self._set_state(call, KeyState.DISABLED, keys_pb2.DisableKeyResponse())

    async def update_key_description(
        self, request: keys_pb2.UpdateKeyDescriptionRequest, call: Call
    ) -> keys_pb2.UpdateKeyDescriptionResponse:
        """The key has the new description."""

        async def change(uow: UnitOfWork, key: Key) -> Key:
            return key.with_description(request.description)

        return await self._changes.apply(call, call.keys["key_id"], change, lambda _: keys_pb2.UpdateKeyDescriptionResponse())

    async def schedule_key_deletion(self, request: keys_pb2.ScheduleKeyDeletionRequest, call: Call) -> keys_pb2.ScheduleKeyDeletionResponse:
        """The key is PendingDeletion, or PendingReplicaDeletion while it has replicas. Raises: ValidationException."""
        window = request.pending_window_in_days if request.HasField("pending_window_in_days") else DELETION_WINDOW_IN_DAYS_DEFAULT
        self._require_window(window)

        async def change(uow: UnitOfWork, key: Key) -> Key:
            return with_deletion_scheduled(key, window, await uow.region.now(), self._limits.day_seconds)

        def answer(key: Key) -> keys_pb2.ScheduleKeyDeletionResponse:
            response = keys_pb2.ScheduleKeyDeletionResponse(key_id=key.arn, pending_window_in_days=window)
            set_enum(response, "key_state", key.state)
            if key.deletion_at is not None:
                response.deletion_date.FromDatetime(key.deletion_at)
            return response

        return await self._changes.apply(call, call.keys["key_id"], change, answer)

    def _require_window(self, window: int) -> None:
        shortest, longest = self._limits.deletion_window_in_days_min, self._limits.deletion_window_in_days_max
        if not shortest <= window <= longest:
            raise ValidationException(
                f"PendingWindowInDays must be between {shortest} and {longest} days.",
                fields=[("pendingWindowInDays", f"not between {shortest} and {longest}")],
            )

    async def cancel_key_deletion(self, request: keys_pb2.CancelKeyDeletionRequest, call: Call) -> keys_pb2.CancelKeyDeletionResponse:
        """The key is Disabled, or PendingImport where imported material is missing."""

        async def change(uow: UnitOfWork, key: Key) -> Key:
            return with_deletion_cancelled(key)

        return await self._changes.apply(call, call.keys["key_id"], change, lambda key: keys_pb2.CancelKeyDeletionResponse(key_id=key.arn))

    async def _set_state(self, call: Call, state: KeyState, answer: Answer) -> Answer:
        async def change(uow: UnitOfWork, key: Key) -> Key:
            return key.with_state(state)

        return await self._changes.apply(call, call.keys["key_id"], change, lambda _: answer)
