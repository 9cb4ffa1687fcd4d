"""Slices, narrow schemas and remembered decisions against the full set with the full schema and context: no difference."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cache_memory import cache_memory
from tests.examples import searched

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.decision.request_context import TAG_ENTITIES
from meridian.authorization.language.entities import Surroundings, principal_entities, principal_uid, resource_entities, resource_uid
from meridian.authorization.language.evaluator import EntityHandle, Ground, PolicyHandle, SchemaHandle, evaluate, policies_as_json
from meridian.authorization.sets.packaged import policy_folder, schema_text
from meridian.authorization.sets.policy_files import PolicySource, load_policies
from meridian.domain.any_case import any_case
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.limits import Limits
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal

pytestmark = pytest.mark.thorough

ACCOUNT = "111122223333"
AROUND = Surroundings(
    org_units={ACCOUNT: ("payments", "sovereign")}, region_labels={"us-east-1": ("US",), "eu-west-1": ("EU",), "eu-west-2": ("GB",)}
)
GROUPS = [
    "key-administrators", "key-users", "auditors", "single-region-only", "no-replicas", "imported-only", "to-ireland",
    "within-the-union", "with-purpose", "known-keys", "same-key", "must-tag", "not-that-family",
]  # fmt: skip
REGIONS = ["us-east-1", "eu-west-1", "eu-west-2", "ap-south-1"]


@cache
def schema() -> SchemaHandle:
    return SchemaHandle(schema_text())


@cache
def source() -> PolicySource:
    """The default policies and the library of conditions together."""
    folders = [policy_folder() / "policies", policy_folder() / "tests" / "library"]
    sets = [load_policies(folder, schema()).policies for folder in folders]
    return PolicySource(tuple(itertools.chain(*sets)), "")


@cache
def authorizer() -> Authorizer:
    return Authorizer(
        schema=schema(),
        source=source(),
        around=AROUND,
        limits=Limits(),
        as_json=policies_as_json,
        caches=cache_memory(),
    )


@cache
def full_set() -> PolicyHandle:
    return PolicyHandle((p.policy_id, p.est) for p in source().policies if not p.foreign)


principals = st.builds(
    lambda kind, groups, tags: Principal(kind, ACCOUNT, "p", f"arn:aws:iam::{ACCOUNT}:x/p", tuple(groups), tuple(sorted(tags.items()))),
    st.sampled_from(["User", "Role", "Service"]),
    st.lists(st.sampled_from(GROUPS), unique=True, max_size=3),
    st.dictionaries(st.just("tenant"), st.sampled_from(["a", "b"]), max_size=1),
)

_versions = itertools.count(1)


def make_key(multi: bool, primary: str, state: KeyState, origin: Origin, tags: dict[str, str], delegation: bool, family: str) -> Key:
    return Key(
        partition="aws",
        region="us-east-1",
        account=ACCOUNT,
        key_id=f"mrk-{family}" if multi else "1234abcd-12ab-34cd-56ef-1234567890ab",
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=origin,
        state=state,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        version=next(_versions),
        multi_region=MultiRegionRole(primary) if multi else None,
        account_delegation=delegation,
        tags=tuple(sorted(tags.items())),
    )


keys = st.builds(
    make_key,
    st.booleans(),
    st.sampled_from(REGIONS),
    st.sampled_from(KeyState),
    st.sampled_from(Origin),
    st.dictionaries(st.just("residency"), st.sampled_from(["EU", "US"]), max_size=1),
    st.booleans(),
    st.sampled_from(["1234abcd12ab34cd56ef1234567890ab", "0" * 32]),
)
tags = st.dictionaries(
    st.sampled_from(["tenant", "purpose", "object", "owner", "__entity"]), st.sampled_from(["a", "b", "invoice", ""]), max_size=3
)
ACTIONS = [
    "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo", "DescribeKey",
    "EnableKey", "DisableKey", "UpdateKeyDescription", "PutKeyPolicy", "GetKeyPolicy", "ListKeyPolicies", "CreateKey", "ReplicateKey",
    "TagResource", "UpdatePrimaryRegion", "ScheduleKeyDeletion",
]  # fmt: skip


def attributes(data: st.DataObject) -> dict[str, Any]:
    context, requested, region = data.draw(tags), data.draw(tags), data.draw(st.sampled_from(REGIONS))
    labels = sorted(AROUND.region_labels.get(region, ()))
    return {
        "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "encryptionContext": context,
        "encryptionContextAnyCase": any_case(context),
        "encryptionContextKeys": sorted(context),
        "reEncryptOnSameKey": data.draw(st.booleans()),
        "bypassPolicyLockoutSafetyCheck": data.draw(st.booleans()),
        "requestTags": requested,
        "requestTagsAnyCase": any_case(requested),
        "tagKeys": sorted(requested),
        "replication": data.draw(st.booleans()),
        "replicaRegion": region,
        "replicaRegionLabels": labels,
        "primaryRegion": region,
        "primaryRegionLabels": labels,
        "scheduleKeyDeletionPendingWindowInDays": data.draw(st.sampled_from([7, 29, 30])),
    }


def in_full(principal: Principal, action: str, key: Key, values: dict[str, Any], request: dict[str, Any]) -> PolicyDecision:
    """The decision of the engine with everything: all policies, the whole schema, the whole context."""
    declared = {name.rstrip("?") for name in authorizer().model.context_attributes(action)} - {"request"}
    entities = {(e["uid"]["type"], e["uid"]["id"]): e for e in [*principal_entities(principal, AROUND), *resource_entities(key, AROUND)]}
    context: dict[str, Any] = {"request": request}
    for name in declared & set(values):
        kind = TAG_ENTITIES.get(name)
        if kind is None:
            context[name] = values[name]
            continue
        entities[(kind, "request")] = {"uid": {"type": kind, "id": "request"}, "attrs": {}, "parents": [], "tags": values[name]}
        context[name] = {"__entity": {"type": kind, "id": "request"}}
    decided = evaluate(
        principal=principal_uid(principal),
        action=action,
        resource=resource_uid(key),
        context=context,
        ground=Ground(full_set(), EntityHandle.build(entities.values(), schema()), schema()),
    )
    return PolicyDecision(action, key.arn, decided.allowed, decided.policy_ids, decided.errors)


SEEN: dict[bool, int] = {True: 0, False: 0}


@searched(800, 3_000)
@given(principal=principals, action=st.sampled_from(ACTIONS), key=keys, data=st.data())
def test_slice_and_full_set_agree_in_decision_ids_and_errors(principal: Principal, action: str, key: Key, data: st.DataObject) -> None:
    values = attributes(data)
    grants = data.draw(st.sampled_from([[], ["g1"]]))
    request = {
        "currentTime": "2026-01-01T00:00:00.000Z",
        "sourceIp": "127.0.0.1",
        "secureTransport": True,
        "requestedRegion": "us-east-1",
        "mfaPresent": False,
        "dryRun": False,
        "grants": grants,
    }
    expected = in_full(principal, action, key, values, request)
    facts = PlainFacts(values, request)
    assert authorizer().decide(principal, action, key, facts) == expected
    assert authorizer().decide(principal, action, key, facts) == expected, "and again, when it may be remembered"
    SEEN[expected.allowed] += 1


@pytest.mark.searched
def test_both_answers_were_seen_often() -> None:
    assert min(SEEN.values()) > 100
