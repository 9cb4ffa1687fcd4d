"""Audit records in the shape of CloudTrail.

Which request fields a record shows is decided by the caller; nothing secret is ever passed in here. How long a record may be is told
in `domain/audit_bounds.py`.

Source: AWS CloudTrail User Guide, CloudTrail record contents; docs/spec/audit.md.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from meridian.domain.call import Call, PolicyDecision, Principal
from meridian.domain.grant import Grant
from meridian.domain.key import Key

EVENT_VERSION: Final = "1.11"
EVENT_SOURCE: Final = "kms.amazonaws.com"
FACTS_CHARACTERS_MAX: Final = 3072

Record = dict[str, Any]


def event_time(moment: datetime) -> str:
    """UTC, to the second, as CloudTrail writes it."""
    return _second(int(moment.timestamp()))


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def user_identity(principal: Principal | None) -> Record:
    """Who called; a call that nobody was authenticated for has type Unknown."""
    if principal is None:
        return {"type": "Unknown"}
    return {
        "type": "AssumedRole" if principal.kind == "Role" else "IAMUser" if principal.kind == "User" else "AWSService",
        "principalId": principal.entity_id,
        "arn": principal.arn,
        "accountId": principal.account,
        "userName": principal.name,
    }


def resource(key: Key) -> Record:
    """A key that the call touched."""
    return {"ARN": key.arn, "accountId": key.account, "type": "AWS::KMS::Key"}


def decision(made: PolicyDecision) -> Record:
    """One decision with the policies that made it."""
    return {
        "action": made.action,
        "resource": made.resource,
        "effect": "Allow" if made.allowed else "Deny",
        "policyIds": list(made.policy_ids),
    }


def caller_facts(principal: Principal | None) -> Record | None:
    """What policies may ask about the caller, so that the decision can be made again."""
    if principal is None:
        return None
    facts: Record = {"kind": principal.kind, **_if_short({"groups": list(principal.groups), "tags": dict(principal.tags)})}
    if principal.mfa_present:
        facts["mfaPresent"] = True
    for name, moment in (("mfaAt", principal.mfa_at), ("tokenIssuedAt", principal.token_issued_at)):
        if moment is not None:
            facts[name] = moment.astimezone(UTC).isoformat()
    return {**facts, "sessionName": principal.session_name} if principal.session_name else facts


def key_facts(key: Key) -> Record:
    """What policies may ask about a key, its policy by digest: the text stands in the record of the call that put it."""
    facts: Record = {
        "keyId": key.key_id,
        "account": key.account,
        "region": key.region,
        "keySpec": str(key.key_spec),
        "keyUsage": str(key.key_usage),
        "keyOrigin": str(key.origin),
        "keyState": str(key.state),
        "accountDelegation": key.account_delegation,
        **_if_short({"tags": dict(key.tags), "aliases": list(key.aliases)}),
        "policySha256": policy_digest(key.policy) if key.policy else "",
    }
    if key.multi_region is not None:
        facts["primaryRegion"] = key.multi_region.primary_region
        facts["replicaRegions"] = list(key.multi_region.replica_regions)
    return {**facts, "customKeyStoreId": key.custom_key_store_id} if key.custom_key_store_id else facts


def _if_short(facts: Record) -> Record:
    """These facts, or none of them where they would fill the record; then the decision cannot be made again, and `replay` says so."""
    return facts if len(str(facts)) <= FACTS_CHARACTERS_MAX else {}


def grant_facts(grant: Grant) -> Record:
    """What policies may ask about the grant that a call creates, retires or revokes."""
    return {
        "grantId": grant.grant_id,
        "granteePrincipal": grant.grantee_principal,
        "retiringPrincipal": grant.retiring_principal,
        "operations": sorted(grant.operations),
        "constraintType": grant.constraint_type,
        "constraint": dict(grant.constraint),
        "sourceArn": grant.source_arn,
    }


def policy_digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def call_constants(call: Call, *, region: str, identity: Any, resources: Any, authn: Any, facts: Any) -> Record:
    """The part of a record that calls of one caller to one operation on the same keys have in common; `authn` and `facts` move inward
    later."""
    owner = next(iter(call.keys.values()), call.principal)
    return {
        "eventVersion": EVENT_VERSION,
        "userIdentity": identity,
        "eventSource": EVENT_SOURCE,
        "eventName": call.rpc.operation,
        "awsRegion": region,
        "readOnly": call.rpc.read_only,
        "resources": resources,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": owner.account if owner else "",
        "authn": authn,
        "facts": facts,
    }


def call_record(
    call: Call,
    constants: Record,
    *,
    event_id: str,
    replica: str,
    epoch: int,
    parameters: Record,
    latency_ms: float,
    decisions: Any,
    changing: Any,
) -> Record:
    """The record of one call, as it stands when the call ends. `decisions` is what `decision` says of each, `changing` what
    `changing_facts` says of the call."""
    error, evidence = call.error, call.evidence
    record = constants.copy()
    record["eventTime"] = event_time(call.received_at)
    record["sourceIPAddress"] = evidence.source_ip
    record["userAgent"] = evidence.user_agent
    record["requestParameters"] = parameters or None
    record["responseElements"] = call.response_elements if error is None else None
    record["additionalEventData"] = {**call.audit_data, "dryRun": True} if call.dry_run else call.audit_data or None
    record["requestID"] = call.request_id
    record["eventID"] = event_id
    record["tlsDetails"] = {"tlsVersion": evidence.tls_version}
    inner = record["meridian"] = {
        "decisions": decisions,
        "authn": record.pop("authn"),
        "facts": record.pop("facts"),
        "latencyMs": round(latency_ms, 3),
        "replica": replica,
        "epoch": epoch,
    }
    if changing:
        inner["request"] = changing
    if error is not None:
        record["errorCode"] = getattr(error, "code", "KMSInternalException")
        record["errorMessage"] = getattr(error, "message", "")
        reason: str = getattr(error, "reason", "")
        if reason:
            inner["reason"] = reason
    return record


def changing_facts(call: Call) -> Record:
    """What policies may ask of this call alone that its parameters do not show; nothing for most calls."""
    facts: Record = {}
    if call.aliases:
        facts["aliases"] = dict(call.aliases)
    if call.grants and call.grant_ids:
        facts["grantIds"] = call.grant_ids
    if call.grant is not None:
        facts["grant"] = grant_facts(call.grant)
    if call.prospective is not None:
        facts["prospectiveKey"] = key_facts(call.prospective)
    if not call.evidence.secure_transport:
        facts["secureTransport"] = False
    if call.trailing_days_without_key_usage is not None:
        facts["trailingDaysWithoutKeyUsage"] = call.trailing_days_without_key_usage
    return facts


def authentication(principal: Principal | None) -> Record | None:
    """How the caller was authenticated."""
    return {"method": principal.method, "subject": principal.subject} if principal else None


def service_record(
    event_name: str, key: Key, *, event_id: str, request_id: str, now: datetime, replica: str, epoch: int, details: Record
) -> Record:
    """The record of something the service did by itself."""
    return {
        "eventVersion": EVENT_VERSION,
        "userIdentity": {"accountId": key.account, "invokedBy": EVENT_SOURCE},
        "eventTime": event_time(now),
        "eventSource": EVENT_SOURCE,
        "eventName": event_name,
        "awsRegion": key.region,
        "sourceIPAddress": EVENT_SOURCE,
        "userAgent": EVENT_SOURCE,
        "requestParameters": None,
        "responseElements": {"keyId": key.arn},
        "requestID": request_id,
        "eventID": event_id,
        "readOnly": False,
        "resources": [resource(key)],
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": key.account,
        "serviceEventDetails": details,
        "meridian": {"replica": replica, "epoch": epoch},
    }


def region_record(event_name: str, region: str, *, event_id: str, now: datetime, epoch: int, details: Record) -> Record:
    """The record of what an operator did to a Region, with access to its database and seals."""
    return {
        "eventVersion": EVENT_VERSION,
        "userIdentity": {"type": "Operator", "invokedBy": EVENT_SOURCE},
        "eventTime": event_time(now),
        "eventSource": EVENT_SOURCE,
        "eventName": event_name,
        "awsRegion": region,
        "sourceIPAddress": EVENT_SOURCE,
        "userAgent": EVENT_SOURCE,
        "requestParameters": None,
        "responseElements": None,
        "requestID": event_id,
        "eventID": event_id,
        "readOnly": False,
        "resources": [],
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": "",
        "serviceEventDetails": details,
        "meridian": {"replica": "operator", "epoch": epoch},
    }
