"""What a Region asks the other one of ReplicateKey or UpdatePrimaryRegion: the one translation into messages and back."""

from __future__ import annotations

from meridian.domain.peer_message import CallerOnBehalf, Prepare, PrepareHandover, Spoken
from meridian.peer.v1 import replication_pb2 as wire


def prepare_request(message: Prepare) -> wire.PrepareRequest:
    return wire.PrepareRequest(
        set=wire.KeySetName(account=message.account, key_id=message.key_id),
        serial=message.serial,
        request_id=message.request_id,
        caller=_caller_message(message.caller),
        replicate_key_request=message.replicate_key_request,
        key_spec=message.key_spec,
        key_usage=message.key_usage,
        origin=message.origin,
        primary_region=message.primary_region,
        replica_regions=message.replica_regions,
        current_material_id=message.current_material_id,
        deployment=message.spoken.deployment,
        partition=message.spoken.partition,
        protocol_version=message.spoken.protocol_version,
    )


def prepare_of(request: wire.PrepareRequest) -> Prepare:
    return Prepare(
        account=request.set.account,
        key_id=request.set.key_id,
        serial=request.serial,
        request_id=request.request_id,
        caller=_caller_of(request.caller),
        replicate_key_request=request.replicate_key_request,
        key_spec=request.key_spec,
        key_usage=request.key_usage,
        origin=request.origin,
        primary_region=request.primary_region,
        replica_regions=tuple(request.replica_regions),
        current_material_id=request.current_material_id,
        spoken=Spoken(request.deployment, request.partition, request.protocol_version),
    )


def handover_request(message: PrepareHandover) -> wire.PrepareHandoverRequest:
    return wire.PrepareHandoverRequest(
        set=wire.KeySetName(account=message.account, key_id=message.key_id),
        request_id=message.request_id,
        caller=_caller_message(message.caller),
        update_primary_region_request=message.update_primary_region_request,
        primary_region=message.primary_region,
        deployment=message.spoken.deployment,
        partition=message.spoken.partition,
        protocol_version=message.spoken.protocol_version,
    )


def handover_of(request: wire.PrepareHandoverRequest) -> PrepareHandover:
    return PrepareHandover(
        account=request.set.account,
        key_id=request.set.key_id,
        request_id=request.request_id,
        caller=_caller_of(request.caller),
        update_primary_region_request=request.update_primary_region_request,
        primary_region=request.primary_region,
        spoken=Spoken(request.deployment, request.partition, request.protocol_version),
    )


def foretell_request(message: Prepare | PrepareHandover) -> wire.ForetellRequest:
    if isinstance(message, Prepare):
        return wire.ForetellRequest(prepare=prepare_request(message))
    return wire.ForetellRequest(prepare_handover=handover_request(message))


def foretell_of(request: wire.ForetellRequest) -> Prepare | PrepareHandover | None:
    """None where nothing is asked."""
    asked = request.WhichOneof("asked")
    if asked is None:
        return None
    return prepare_of(request.prepare) if asked == "prepare" else handover_of(request.prepare_handover)


def _caller_message(caller: CallerOnBehalf) -> wire.CallerOnBehalf:
    return wire.CallerOnBehalf(method=caller.method, subject=caller.subject, source_ip=caller.source_ip, user_agent=caller.user_agent)


def _caller_of(caller: wire.CallerOnBehalf) -> CallerOnBehalf:
    return CallerOnBehalf(caller.method, caller.subject, caller.source_ip, caller.user_agent)
