"""What policies may ask of a call, as its audit record keeps it, so that the decision can be made again.

Source: docs/spec/audit.md.
"""

from __future__ import annotations

from datetime import UTC
from hashlib import sha256
from typing import Any, Final

from meridian.domain.grant import Grant
from meridian.domain.key import Key
from meridian.domain.principal import Principal

FACTS_CHARACTERS_MAX: Final = 3072

Record = dict[str, Any]


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
