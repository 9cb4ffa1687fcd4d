"""What a policy may ask about a request, beside principal and resource.

THE table of context attributes: one reader each. An attribute that is absent is left out, never empty.

Source: docs/spec/policies.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from meridian.call import Call
from meridian.contract.catalog import Requirement
from meridian.contract.cross_field import requested_store_type
from meridian.contract.fields import enum_text_of, tags_of, text_of
from meridian.contract.operation import Operation
from meridian.domain.any_case import any_case
from meridian.domain.grant import Grant, covers, holds, is_grantee, is_retiring
from meridian.domain.limits import DELETION_WINDOW_IN_DAYS_DEFAULT, ROTATION_PERIOD_IN_DAYS_DEFAULT
from meridian.kms.v1.imports_pb2 import ImportKeyMaterialRequest
from meridian.kms.v1.multi_region_pb2 import ReplicateKeyRequest, UpdatePrimaryRegionRequest
from meridian.kms.v1.tags_pb2 import UntagResourceRequest

ABSENT: Final = object()
KEY_FIELD: Final = "key_id"
"""A field that names a key is this with a prefix; the fields that belong to that key have the same prefix."""


class Facts(Protocol):
    """Values of context attributes, made when they are asked for."""

    def attribute(self, name: str) -> Any:
        """A context attribute: text, truth, number, set as a sorted list, tag map as a dict; ABSENT when there is none."""
        ...

    def request_attribute(self, name: str) -> Any:
        """An attribute of `context.request`."""
        ...


class PlainFacts:
    """Facts that are simply given, as policy tests do."""

    def __init__(self, attributes: Mapping[str, Any], request: Mapping[str, Any]) -> None:
        self._attributes = attributes
        self._request = request

    def attribute(self, name: str) -> Any:
        return self._attributes.get(name, ABSENT)

    def request_attribute(self, name: str) -> Any:
        return self._request.get(name, ABSENT)


class CallFacts:
    """Facts of a call, for one of its requirements: read from the fields of that requirement and no other's.

    INVARIANT: of two keys in one call, nothing that is said of one is a fact about the other; `reEncryptOnSameKey` alone is about both.
    """

    __slots__ = ("call", "prefix", "region", "region_labels", "requirement")

    def __init__(self, call: Call, requirement: Requirement, region: str, region_labels: Mapping[str, tuple[str, ...]]) -> None:
        self.call = call
        self.requirement = requirement
        field = requirement.resource_field
        self.prefix = field.removesuffix(KEY_FIELD) if field.endswith(KEY_FIELD) else ""
        self.region = region
        self.region_labels = region_labels

    def attribute(self, name: str) -> Any:
        return _READERS[name](self)

    def request_attribute(self, name: str) -> Any:
        return _REQUEST_READERS[name](self)

    # ---- readers

    def value(self, field: str, default: Any) -> Any:
        request = self.call.request
        return getattr(request, field) if request.HasField(field) else default

    def encryption_context(self) -> dict[str, str]:
        if self.call.grant is not None:
            return dict(self.call.grant.constraint)
        return self.call.contexts[f"{self.prefix}encryption_context"]

    def own_alias(self) -> Any:
        return self.call.aliases.get(self.requirement.resource_field, ABSENT)

    def encryption_algorithm(self) -> str:
        return enum_text_of(self.call.request, f"{self.prefix}encryption_algorithm") or "SYMMETRIC_DEFAULT"

    def named(self, field: str, default: str = "") -> str:
        return enum_text_of(self.call.request, field) or default

    def valid_to(self) -> Any:
        request = self.call.asks(ImportKeyMaterialRequest)
        return cedar_time(request.valid_to.ToDatetime(UTC)) if request.HasField("valid_to") else ABSENT

    def primary_region_labels(self) -> list[str]:
        return sorted(self.region_labels.get(self.call.asks(UpdatePrimaryRegionRequest).primary_region, ()))

    def request_tags(self) -> dict[str, str]:
        return {tag.tag_key: tag.tag_value for tag in tags_of(self.call.request)}

    def same_key(self) -> bool:
        keys = list(self.call.keys.values())
        return len(keys) == 2 and keys[0].arn == keys[1].arn

    def replica_region_labels(self) -> list[str]:
        return sorted(self.region_labels.get(self.call.asks(ReplicateKeyRequest).replica_region, ()))

    def grants(self) -> list[str]:
        """Grants to the caller that admit what is asked."""
        call, action = self.call, self.requirement.action
        found, principal = call.grants.get(self.requirement.resource_field), call.principal
        if not found or principal is None:
            return []
        if action == "RetireGrant":
            return [g.grant_id for g in found if is_retiring(g, principal) or (is_grantee(g, principal) and action in g.operations)]
        if action == "CreateGrant":
            wanted = call.grant
            return [g.grant_id for g in found if wanted is not None and is_grantee(g, principal) and covers(g, wanted)]
        context = call.contexts.get(f"{self.prefix}encryption_context", {})
        return [g.grant_id for g in found if is_grantee(g, principal) and holds(g, action, context)]

    def of_grant(self, attribute: str) -> Any:
        grant = self.call.grant
        return (getattr(grant, attribute) if grant is not None else "") or ABSENT

    def is_grants(self, role: Callable[[Grant, Any], bool]) -> bool:
        grant = self.call.grant
        return grant is not None and self.call.principal is not None and role(grant, self.call.principal)

    def tag_keys(self) -> list[str]:
        request = self.call.request
        return sorted(request.tag_keys if isinstance(request, UntagResourceRequest) else self.request_tags())

    def idle_days(self) -> Any:
        days = self.call.trailing_days_without_key_usage
        return ABSENT if days is None else days

    def mfa_age(self) -> Any:
        principal = self.call.principal
        if principal is None or principal.mfa_at is None:
            return ABSENT
        return int((self.call.received_at - principal.mfa_at).total_seconds())


def _principal(attribute: str) -> Callable[[CallFacts], Any]:
    def read(facts: CallFacts) -> Any:
        value = getattr(facts.call.principal, attribute, None)
        return ABSENT if value in (None, "") else cedar_time(value) if isinstance(value, datetime) else value

    return read


def cedar_time(moment: datetime) -> str:
    """A time as Cedar reads it: UTC, to the millisecond."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


_READERS: Final[dict[str, Callable[[CallFacts], Any]]] = {
    "encryptionAlgorithm": CallFacts.encryption_algorithm,
    "encryptionContext": CallFacts.encryption_context,
    "encryptionContextAnyCase": lambda facts: any_case(facts.encryption_context()),
    "encryptionContextKeys": lambda facts: sorted(facts.encryption_context()),
    "requestAlias": CallFacts.own_alias,
    "recipientAttestation": lambda facts: ABSENT,  # requests with an attestation are refused before any policy is asked
    "reEncryptOnSameKey": CallFacts.same_key,
    "bypassPolicyLockoutSafetyCheck": lambda facts: facts.value("bypass_policy_lockout_safety_check", False),
    "requestTags": CallFacts.request_tags,
    "requestTagsAnyCase": lambda facts: any_case(facts.request_tags()),
    "tagKeys": CallFacts.tag_keys,
    "aliasName": lambda facts: text_of(facts.call.request, "alias_name"),
    "granteePrincipal": lambda facts: facts.of_grant("grantee_principal"),
    "retiringPrincipal": lambda facts: text_of(facts.call.request, "retiring_principal") or ABSENT,
    "granteeServicePrincipal": lambda facts: ABSENT,  # service principals do not exist here; a request with one is refused
    "retiringServicePrincipal": lambda facts: ABSENT,
    "grantOperations": lambda facts: sorted(facts.call.grant.operations) if facts.call.grant is not None else [],
    "grantConstraintType": lambda facts: facts.of_grant("constraint_type"),
    "grantConstraintSourceArn": lambda facts: facts.of_grant("source_arn"),
    "grantIsForService": lambda facts: False,
    "callerIsRetiringPrincipal": lambda facts: facts.is_grants(is_retiring),
    "callerIsGrantee": lambda facts: facts.is_grants(is_grantee),
    "replication": lambda facts: facts.call.rpc.name == Operation.REPLICATE_KEY,
    "replicaRegion": lambda facts: facts.call.asks(ReplicateKeyRequest).replica_region,
    "replicaRegionLabels": CallFacts.replica_region_labels,
    "primaryRegion": lambda facts: facts.call.asks(UpdatePrimaryRegionRequest).primary_region,
    "primaryRegionLabels": CallFacts.primary_region_labels,
    "rotationPeriodInDays": lambda facts: facts.value("rotation_period_in_days", ROTATION_PERIOD_IN_DAYS_DEFAULT),
    "scheduleKeyDeletionPendingWindowInDays": lambda facts: facts.value("pending_window_in_days", DELETION_WINDOW_IN_DAYS_DEFAULT),
    "wrappingAlgorithm": lambda facts: facts.named("wrapping_algorithm"),
    "wrappingKeySpec": lambda facts: facts.named("wrapping_key_spec"),
    "messageType": lambda facts: facts.named("message_type", "RAW"),
    "signingAlgorithm": lambda facts: facts.named("signing_algorithm"),
    "macAlgorithm": lambda facts: facts.named("mac_algorithm"),
    "keyAgreementAlgorithm": lambda facts: facts.named("key_agreement_algorithm"),
    "encapsulationAlgorithm": lambda facts: facts.named("encapsulation_algorithm"),
    "dataKeyPairSpec": lambda facts: facts.named("key_pair_spec"),
    "expirationModel": lambda facts: facts.named("expiration_model", "KEY_MATERIAL_EXPIRES"),
    "validTo": CallFacts.valid_to,
    "trailingDaysWithoutKeyUsage": CallFacts.idle_days,
    "storeType": lambda facts: str(requested_store_type(facts.call.request)),
}

_REQUEST_READERS: Final[dict[str, Callable[[CallFacts], Any]]] = {
    "currentTime": lambda facts: cedar_time(facts.call.received_at),
    "sourceIp": lambda facts: facts.call.evidence.source_ip,
    "secureTransport": lambda facts: facts.call.evidence.secure_transport,
    "requestedRegion": lambda facts: facts.region,
    "mfaPresent": lambda facts: bool(facts.call.principal and facts.call.principal.mfa_present),
    "mfaAgeSeconds": CallFacts.mfa_age,
    "tokenIssueTime": _principal("token_issued_at"),
    "sessionName": _principal("session_name"),
    "sourceNetwork": lambda facts: ABSENT,
    "viaService": lambda facts: ABSENT,
    "sourceArn": lambda facts: ABSENT,
    "sourceAccount": lambda facts: ABSENT,
    "userAgent": lambda facts: facts.call.evidence.user_agent or ABSENT,
    "dryRun": lambda facts: facts.call.dry_run,
    "grants": CallFacts.grants,
}
