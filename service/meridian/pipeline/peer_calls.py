"""The destination's half of a two-Region call walks the same steps: only who calls, and what is about to be made, come from the
Region that asks.

The caller is mapped by this Region's own rules from the subject that the other Region authenticated. A Region can act at most
for the accounts it was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from google.protobuf.message import DecodeError

from meridian.call import Call, Evidence, Wire
from meridian.contract.catalog import Rpc
from meridian.contract.operation import Operation
from meridian.domain.identifiers import is_multi_region_key_id
from meridian.domain.key import PROSPECTIVE_KEY_ID, Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.peer_message import Prepare, PrepareHandover
from meridian.domain.peers import PeerRegion
from meridian.errors import AccessDeniedException, ValidationException
from meridian.kms.v1.multi_region_pb2 import ReplicateKeyRequest
from meridian.ports.clock import Clock
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.principals import Principals

REPLICATE_KEY: Final = Operation.REPLICATE_KEY
UPDATE_PRIMARY_REGION: Final = Operation.UPDATE_PRIMARY_REGION
CREATE_KEY: Final = Operation.CREATE_KEY


def replica_rpc(rpcs: Mapping[str, Rpc]) -> Rpc:
    """ReplicateKey as its destination sees it: the requirements that it decides, audited as CreateKey, naming no key of its own."""
    rpc = rpcs[REPLICATE_KEY]
    requires = tuple(replace(r, by_peer=False) for r in rpc.requires if r.by_peer)
    return replace(rpc, operation=CREATE_KEY, requires=requires, key_fields=())


def handover_rpc(rpcs: Mapping[str, Rpc]) -> Rpc:
    """UpdatePrimaryRegion as the Region sees it that is to become primary."""
    rpc = rpcs[UPDATE_PRIMARY_REGION]
    requires = tuple(replace(r, by_peer=False) for r in rpc.requires if r.by_peer)
    return replace(rpc, requires=requires)


def only_asked(rpc: Rpc) -> Rpc:
    """The same, for whoever only asks what would be decided: it changes nothing, and its record says so."""
    return replace(rpc, read_only=True)


def call_of(rpc: Rpc, message: Prepare | PrepareHandover, clock: Clock) -> Call:
    """The call that a Prepare begins here, under the caller's own request id."""
    caller = message.caller
    evidence = Evidence(source_ip=caller.source_ip, user_agent=caller.user_agent, wire=Wire.PEER)
    try:
        request: Any = rpc.request_class.FromString(_request_of(message))
        malformed = False
    except DecodeError:
        request, malformed = rpc.request_class(), True
    call = Call(rpc, request, evidence, message.request_id, clock.now())
    call.malformed = malformed
    call.started = clock.monotonic()
    call.prepare = message
    return call


def _request_of(message: Prepare | PrepareHandover) -> bytes:
    return message.replicate_key_request if isinstance(message, Prepare) else message.update_primary_region_request


class OwnMember:
    """Here, the key that is to become primary. Raises: ValidationException where this Region has none."""

    def __init__(self, directory: KeyDirectory) -> None:
        self._directory = directory

    async def __call__(self, call: Call) -> None:
        message = call.prepare
        if message is None:
            return
        key = await self._directory.find(message.account, message.key_id)
        if key is None or key.multi_region is None or key.multi_region.primary_region != message.primary_region:
            raise ValidationException(
                f"{message.key_id} does not have a replica key in the specified Region.", fields=[("primaryRegion", "has no replica")]
            )
        call.keys["key_id"] = key


class OnBehalf:
    """The caller, by this Region's own rules. Raises: AccessDeniedException."""

    def __init__(self, principals: Principals, peers: Mapping[str, PeerRegion], *, region: str) -> None:
        self._principals = principals
        self._peers = peers
        self._region = region

    def __call__(self, call: Call) -> None:
        message = call.prepare
        if message is None:
            raise AccessDeniedException("The call does not come from another Region.")
        peer = self._peers.get(message.primary_region)
        if peer is None or message.account not in peer.accounts:
            raise AccessDeniedException(f"Region {message.primary_region} may not act for this account in Region {self._region}.")
        principal = self._principals.find_by_subject(message.caller.method, message.caller.subject)
        if principal is None or principal.account != message.account:  # who is there in other accounts is not told
            raise AccessDeniedException(f"The caller has no principal of this account in Region {self._region}.")
        call.principal = principal


class ForeseeReplica:
    """The replica that would be made. Raises: ValidationException for names that no replica can have."""

    def __init__(self, *, partition: str, region: str) -> None:
        self._partition = partition
        self._region = region

    def __call__(self, call: Call) -> None:
        message = call.prepare
        if not isinstance(message, Prepare):
            return
        request = call.asks(ReplicateKeyRequest)
        if request.replica_region != self._region or not is_multi_region_key_id(message.key_id):
            raise ValidationException("The replica is not one of this Region.", fields=[("replicaRegion", "another Region")])
        try:
            spec, usage, origin = KeySpec(message.key_spec), KeyUsage(message.key_usage), Origin(message.origin)
        except ValueError as fault:
            raise ValidationException("The key is of a kind this Region does not know.", fields=[("keySpec", "unknown")]) from fault
        call.prospective = Key(
            partition=self._partition,
            region=self._region,
            account=message.account,
            key_id=PROSPECTIVE_KEY_ID,
            key_spec=spec,
            key_usage=usage,
            origin=origin,
            state=KeyState.CREATING,
            created_at=call.received_at,
            description=request.description,
            multi_region=MultiRegionRole(message.primary_region, message.replica_regions),
            current_material_id=message.current_material_id,
            policy=request.policy,
            account_delegation=request.account_delegation if request.HasField("account_delegation") else True,
            tags=tuple(sorted((tag.tag_key, tag.tag_value) for tag in request.tags)),
        )
