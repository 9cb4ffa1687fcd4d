"""Questions that AWS KMS has no call for: which policies are in force, what they would answer to whom, how the Regions and
the audit log stand, and how an external key is.

Source: docs/spec/policies.md; AWS XKS Proxy API Specification, GetKeyMetadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError

from meridian.access.v1 import access_pb2
from meridian.audit.standing import AuditStanding
from meridian.call import Call
from meridian.contract.catalog import Rpc
from meridian.domain.policy_answer import Elsewhere
from meridian.errors import ValidationException
from meridian.operations.audit_standing import audit_answer
from meridian.operations.ciphers import asked_for
from meridian.operations.decisions import Decisions
from meridian.operations.policy_trials import trial_answer, trial_asked, trial_record
from meridian.operations.told_policies import decision_answer, policy_answer
from meridian.ports.key_store import ExternalKeys
from meridian.ports.policies import PolicyAccess, PolicyTrials
from meridian.replication.region_standings import RegionStandings, Standing

KNOWN_TO_PROXIES: Final = "DescribeKey"
"""What a proxy is told that its answer is asked for: it knows the operations of AWS KMS."""


@dataclass(frozen=True, slots=True)
class Standings:
    """How things stand."""

    regions: RegionStandings
    audit: AuditStanding


class Access:
    """The AccessService."""

    def __init__(
        self,
        policies: PolicyAccess,
        operations: Mapping[str, Rpc],
        external_keys: ExternalKeys,
        standings: Standings,
        decisions: Decisions,
        trials: PolicyTrials,
    ) -> None:
        self._decisions = decisions
        self._policies = policies
        self._regions = standings.regions
        self._audit = standings.audit
        self._trials = trials
        self._external_keys = external_keys
        self._by_message = {rpc.request_class.DESCRIPTOR.full_name: rpc for rpc in operations.values()}

    async def describe_policy_set(self, request: access_pb2.DescribePolicySetRequest, call: Call) -> access_pb2.DescribePolicySetResponse:
        """The policies in force in this process, as far as they concern the caller's account. Raises: KMSInternalException."""
        told = self._policies.describe(call.caller.account)
        response = access_pb2.DescribePolicySetResponse(digest=told.digest, policies=map(policy_answer, told.policies), faults=told.faults)
        response.loaded_at.FromDatetime(told.loaded_at)
        if told.refused_at is not None:
            response.refused_at.FromDatetime(told.refused_at)
        return response

    async def check_access(self, request: access_pb2.CheckAccessRequest, call: Call) -> access_pb2.CheckAccessResponse:
        """Every decision that the request would need. Raises: ValidationException, NotFoundException, InvalidArnException."""
        rpc, asked = self._unpacked(request.request)
        told = await self._policies.check(call, request.principal, rpc.name, asked)
        call.audit_data = {"operation": rpc.operation, "allowed": told.allowed}
        response = access_pb2.CheckAccessResponse(allowed=told.allowed, decisions=map(decision_answer, told.here))
        if told.elsewhere is not None:
            call.audit_data |= {"otherRegion": told.elsewhere.region, "foretold": told.elsewhere.foretold}
            response.other_region.CopyFrom(_other_region(told.elsewhere))
        return response

    async def try_policies(self, request: access_pb2.TryPoliciesRequest, call: Call) -> access_pb2.TryPoliciesResponse:
        """What edited policies would answer. Raises: ValidationException, ThrottlingException, and what `check_access` raises."""
        operation, packed = "", None
        if request.HasField("request"):
            rpc, packed = self._unpacked(request.request)
            operation = rpc.name
        asked = trial_asked(request, operation, packed)
        told = await self._trials.run(call, asked)
        call.audit_data = trial_record(asked, told)
        return trial_answer(told, decision_answer)

    def _unpacked(self, packed: AnyMessage) -> tuple[Rpc, Any]:
        """The operation that is asked about, and its request. Raises: ValidationException."""
        rpc = self._by_message.get(packed.TypeName())
        if rpc is None:
            raise _refused("is no request message of meridian.kms.v1")
        asked: Any = rpc.request_class()
        try:
            packed.Unpack(asked)
        except DecodeError as fault:
            raise _refused("cannot be read") from fault
        return rpc, asked

    async def describe_regions(self, request: access_pb2.DescribeRegionsRequest, call: Call) -> access_pb2.DescribeRegionsResponse:
        """How the Regions stand, with the numbers of the caller's account. Raises: KMSInternalException."""
        found = await self._regions.of(call.caller.account)
        return access_pb2.DescribeRegionsResponse(regions=map(_standing, found.regions), keys=found.keys)

    async def describe_audit(self, request: access_pb2.DescribeAuditRequest, call: Call) -> access_pb2.DescribeAuditResponse:
        """How the Region's audit log stands. Raises: KMSInternalException, ThrottlingException."""
        return audit_answer(await self._audit.look(call.caller.account))

    async def list_decisions(self, request: access_pb2.ListDecisionsRequest, call: Call) -> access_pb2.ListDecisionsResponse:
        """What was decided lately. Raises: ValidationException, NotFoundException, InvalidMarkerException, DependencyTimeoutException."""
        return await self._decisions.find(request, call)

    async def explain_decision(self, request: access_pb2.ExplainDecisionRequest, call: Call) -> access_pb2.ExplainDecisionResponse:
        """Why it was decided so. Raises: InvalidMarkerException, NotFoundException, DependencyTimeoutException."""
        return await self._decisions.explain(request, call)

    async def describe_external_key(
        self, request: access_pb2.DescribeExternalKeyRequest, call: Call
    ) -> access_pb2.DescribeExternalKeyResponse:
        """What the proxy says of the external key. Raises: KMSInvalidStateException, ThrottlingException."""
        key = call.keys["key_id"]
        asked = replace(await asked_for(call, key, ""), operation=KNOWN_TO_PROXIES)
        told = await self._external_keys.look_at(key, asked)
        return access_pb2.DescribeExternalKeyResponse(
            key_id=key.arn,
            custom_key_store_id=key.custom_key_store_id,
            xks_key_id=key.xks_key_id,
            key_spec=told.key_spec,
            key_usage=told.key_usage,
            key_status=told.key_status,
        )


def _refused(why: str) -> ValidationException:
    return ValidationException(f"The request to ask about {why}.", fields=[("request", why)])


def _standing(found: Standing) -> access_pb2.RegionStanding:
    standing = access_pb2.RegionStanding(
        region=found.region,
        here=found.is_here,
        labels=found.labels,
        primaries=found.primaries,
        replicas=found.replicas,
        release=found.release,
        troubles=found.troubles,
        waiting=found.waiting,
    )
    for field, at in ((standing.heard_at, found.heard_at), (standing.waiting_since, found.waiting_since)):
        if at is not None:
            field.FromDatetime(at)
    return standing


def _other_region(told: Elsewhere) -> access_pb2.OtherRegion:
    return access_pb2.OtherRegion(
        region=told.region, foretold=access_pb2.Foretold.Value(f"FORETOLD_{told.foretold.name}"), reason=told.reason
    )
