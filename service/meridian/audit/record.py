"""Audit records in the shape of CloudTrail.

Which request fields a record shows is decided by the caller; nothing secret is ever passed in here. How long a record may be is told
in `audit/record_bounds.py`.

Source: AWS CloudTrail User Guide, CloudTrail record contents; docs/spec/audit.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from meridian.audit.recorded_facts import grant_facts, key_facts
from meridian.call import Call, RecordBeginning
from meridian.contract.caller_request_id import is_caller_request_id
from meridian.domain.key import Key
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal

EVENT_VERSION: Final = "1.11"
EVENT_SOURCE: Final = "kms.amazonaws.com"
OPERATOR: Final = "operator"
"""The replica of records that no serving process makes."""
SYNCHRONISED: Final = "SynchronizeMultiRegionKey"
WARNINGS_SHOWN_MAX: Final = 16
DIGITS_SHOWN: Final = 16
"""Of the digest of the policy files, which is there to be compared."""

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Author:
    """The process that writes a record, in its life of the Region."""

    replica: str
    epoch: int
    """The Region's incarnation."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """When the service did something by itself, in which event that is told, and for whose request it was."""

    event_id: str
    request_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OfCall:
    """The parts of a record that only this call has."""

    parameters: Record
    decisions: Any
    """What `decision` says of each."""
    changing: Any
    """What `changing_facts` says of the call."""


def event_time(moment: datetime) -> str:
    """UTC, to the second, as CloudTrail writes it."""
    return _second(int(moment.timestamp()))


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def shown_time(moment: datetime) -> str:
    """A time among the parameters or the answer of a call, as CloudTrail writes it."""
    return f"{moment:%b %-d}, {moment.year:04d}, {moment:%-I:%M:%S %p}"


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
    return key_resource(key.arn, key.account)


def key_resource(arn: str, account: str) -> Record:
    return {"ARN": arn, "accountId": account, "type": "AWS::KMS::Key"}


def decision(made: PolicyDecision) -> Record:
    """One decision with the policies that made it."""
    return {
        "action": made.action,
        "resource": made.resource,
        "effect": "Allow" if made.allowed else "Deny",
        "policyIds": list(made.policy_ids),
    }


def call_constants(call: Call, *, region: str, identity: Any, resources: Any, authn: Any, facts: Any) -> Record:
    """The part of a record that calls of one caller to one operation on the same keys have in common; `authn` and `facts` move inward
    later."""
    owner = next(iter(call.keys.values()), call.principal)
    return {
        "eventVersion": EVENT_VERSION,
        "userIdentity": identity,
        "eventSource": call.rpc.event_source,
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


def record_beginning(call: Call, constants: Record, *, by: Author, own: OfCall) -> RecordBeginning:
    """What the record of a call says when all is decided, with the places of what its end adds."""
    evidence = call.evidence
    whole = constants.copy()
    inner: Record = {
        "decisions": own.decisions,
        "authn": whole.pop("authn"),
        "facts": whole.pop("facts"),
        "latencyMs": None,
        "replica": by.replica,
        "epoch": by.epoch,
    }
    if call.policy_set:
        inner["policySet"] = call.policy_set[:DIGITS_SHOWN]
    if call.prepare is not None:
        inner["onBehalfOf"] = call.prepare.primary_region
    if own.changing:
        inner["request"] = own.changing
    whole["eventTime"] = event_time(call.received_at)
    whole["sourceIPAddress"] = evidence.source_ip
    whole["userAgent"] = evidence.user_agent
    whole["requestParameters"] = own.parameters or None
    whole["responseElements"] = whole["additionalEventData"] = None
    whole["requestID"] = call.request_id
    whole["eventID"] = None
    whole["tlsDetails"] = {"tlsVersion": evidence.tls_version}
    return RecordBeginning(whole, inner)


def call_record(call: Call, beginning: RecordBeginning, *, event_id: str, latency_ms: float) -> Record:
    """The record of one call, as it stands when the call ends."""
    error = call.error
    record, inner = beginning.whole.copy(), beginning.inner.copy()
    record["responseElements"] = call.response_elements if error is None else None
    record["additionalEventData"] = {**call.audit_data, **_of_request(call)} or None
    record["eventID"] = event_id
    record["meridian"] = inner
    inner["latencyMs"] = round(latency_ms, 3)
    if error is not None:
        record["errorCode"] = getattr(error, "code", "KMSInternalException")
        record["errorMessage"] = getattr(error, "message", "")
        reason: str = getattr(error, "reason", "")
        if reason:
            inner["reason"] = reason
    return record


def _of_request(call: Call) -> Record:
    """What additionalEventData has of the request itself; nothing for most calls."""
    data: Record = {}
    if call.dry_run:
        data["dryRun"] = True
    if call.item is not None:
        data["batchItem"] = call.item.index
    if call.prepare is not None:
        data["askingRegion"] = call.prepare.primary_region
        if call.rpc.read_only:
            data["onlyAsked"] = True
    named = call.evidence.caller_request_id
    if named is not None and is_caller_request_id(named):
        data["callerRequestId"] = named
    if call.policy_warnings:
        shown, more = call.policy_warnings[:WARNINGS_SHOWN_MAX], len(call.policy_warnings) - WARNINGS_SHOWN_MAX
        data["policyWarnings"] = [*shown, f"and {more} more"] if more > 0 else list(shown)
    return data


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
    if call.key_store_type is not None:
        facts["keyStoreType"] = str(call.key_store_type)
    if not call.evidence.secure_transport:
        facts["secureTransport"] = False
    if call.trailing_days_without_key_usage is not None:
        facts["trailingDaysWithoutKeyUsage"] = call.trailing_days_without_key_usage
    return facts


def authentication(principal: Principal | None) -> Record | None:
    """How the caller was authenticated."""
    return {"method": principal.method, "subject": principal.subject} if principal else None


def service_record(event_name: str, key: Record, *, region: str, by: Author, occasion: Occasion, details: Record) -> Record:
    """The record of something the service did by itself; `key` is what `resource` says of the key."""
    return {
        "eventVersion": EVENT_VERSION,
        "userIdentity": {"accountId": key["accountId"], "invokedBy": EVENT_SOURCE},
        "eventTime": event_time(occasion.at),
        "eventSource": EVENT_SOURCE,
        "eventName": event_name,
        "awsRegion": region,
        "sourceIPAddress": EVENT_SOURCE,
        "userAgent": EVENT_SOURCE,
        "requestParameters": None,
        "responseElements": None,
        "requestID": occasion.request_id,
        "eventID": occasion.event_id,
        "readOnly": False,
        "resources": [key],
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": key["accountId"],
        "serviceEventDetails": details,
        "meridian": {"replica": by.replica, "epoch": by.epoch},
    }


def synchronisation_record(primary: Record, *, region: str, by: Author, occasion: Occasion, properties: Sequence[str]) -> Record:
    """The record of a primary that passes these properties on. AWS shows it as a call, of the service, on the primary key alone.

    Source: AWS KMS Developer Guide, SynchronizeMultiRegionKey.
    """
    record = service_record(SYNCHRONISED, primary, region=region, by=by, occasion=occasion, details={"properties": list(properties)})
    return {**record, "eventType": "AwsApiCall", "responseElements": {"keyId": primary["ARN"]}}


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
        "meridian": {"replica": OPERATOR, "epoch": epoch},
    }
