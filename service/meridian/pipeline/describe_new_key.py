"""The key that CreateKey is about to make, so that policies judge it like any other key."""

from __future__ import annotations

from meridian.call import Call
from meridian.contract.cross_field import requested_key_spec, requested_key_usage, requested_origin
from meridian.contract.operation import Operation
from meridian.domain.key import PROSPECTIVE_KEY_ID, Key, KeyState, MultiRegionRole
from meridian.kms.v1.keys_pb2 import CreateKeyRequest


class Foresee:
    """Fills `call.prospective` for calls that make a key in this Region."""

    def __init__(self, *, partition: str, region: str) -> None:
        self._partition = partition
        self._region = region

    def __call__(self, call: Call) -> None:
        if call.rpc.name == Operation.CREATE_KEY:
            call.prospective = self._from_create_key(call.asks(CreateKeyRequest), call, call.caller.account)

    def _from_create_key(self, request: CreateKeyRequest, call: Call, account: str) -> Key:
        return Key(
            partition=self._partition,
            region=self._region,
            account=account,
            key_id=PROSPECTIVE_KEY_ID,
            key_spec=requested_key_spec(request),
            key_usage=requested_key_usage(request),
            origin=requested_origin(request),
            state=KeyState.ENABLED,
            created_at=call.received_at,
            description=request.description,
            multi_region=MultiRegionRole(primary_region=self._region) if request.multi_region else None,
            policy=request.policy,
            custom_key_store_id=request.custom_key_store_id,
            xks_key_id=request.xks_key_id,
            account_delegation=request.account_delegation if request.HasField("account_delegation") else True,
            tags=tuple(sorted((tag.tag_key, tag.tag_value) for tag in request.tags)),
        )
