"""What another Region is asked before ReplicateKey or UpdatePrimaryRegion changes anything: the same words for the call and for the
question what would be decided.

Source: docs/spec/multi-region.md §1.
"""

from __future__ import annotations

from meridian.call import Call
from meridian.domain.key import Key, Origin
from meridian.domain.peer_message import PROTOCOL_VERSION, USER_AGENT_CHARACTERS_MAX, CallerOnBehalf, Prepare, PrepareHandover, Spoken
from meridian.errors import KMSInternalException
from meridian.kms.v1 import multi_region_pb2
from meridian.ports.store.region import RegionIdentity


def replica_question(request: multi_region_pb2.ReplicateKeyRequest, call: Call, key: Key, identity: RegionIdentity, serial: str) -> Prepare:
    """Of ReplicateKey, for a key of this Region that has a role; `serial` is that of the membership that would begin."""
    role = key.multi_region
    if role is None:
        raise KMSInternalException(reason="a primary key without a role")
    return Prepare(
        account=key.account,
        key_id=key.key_id,
        serial=serial,
        request_id=call.request_id,
        caller=_on_behalf(call),
        replicate_key_request=request.SerializeToString(),
        key_spec=key.key_spec,
        key_usage=key.key_usage,
        origin=key.origin,
        primary_region=role.primary_region,
        replica_regions=role.replica_regions,
        current_material_id=key.current_material_id if key.origin is Origin.AWS_KMS else "",
        spoken=_spoken(identity),
    )


def handover_question(
    request: multi_region_pb2.UpdatePrimaryRegionRequest, call: Call, key: Key, identity: RegionIdentity
) -> PrepareHandover:
    """Of UpdatePrimaryRegion."""
    return PrepareHandover(
        account=key.account,
        key_id=key.key_id,
        request_id=call.request_id,
        caller=_on_behalf(call),
        update_primary_region_request=request.SerializeToString(),
        primary_region=identity.region,
        spoken=_spoken(identity),
    )


def _spoken(identity: RegionIdentity) -> Spoken:
    return Spoken(identity.deployment, identity.partition, PROTOCOL_VERSION)


def _on_behalf(call: Call) -> CallerOnBehalf:
    return CallerOnBehalf(
        method=call.caller.method,
        subject=call.caller.subject,
        source_ip=call.evidence.source_ip,
        user_agent=call.evidence.user_agent[:USER_AGENT_CHARACTERS_MAX],
    )
