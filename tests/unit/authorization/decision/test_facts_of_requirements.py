"""Each fact of each permission, by value, against a second reading of the request: what the schema promises is read from the fields of that
permission and no other's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from meridian.authorization.decision.facts import ABSENT, CallFacts
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.call import Call, Evidence
from meridian.contract.catalog import Requirement, Rpc, is_map, served_rpcs
from meridian.contract.enums import enum_of, enum_values
from meridian.contract.fields import descriptor_of
from meridian.domain.grant import Grant
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.domain.principal import Principal

ACCOUNT, REGION = "111122223333", "us-east-1"
ANN = Principal("User", ACCOUNT, "ann", f"arn:aws:iam::{ACCOUNT}:user/ann", mfa_present=True)
LABELS = {"f:replica_region": ("R",), "f:primary_region": ("P",)}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = SchemaModel(schema_text())
ABOUT_BOTH = {"reEncryptOnSameKey", "aliasName"}
"""Facts that are about two resources at once: two keys, an alias and the key that it is to name."""
PREFIXES = {"ReEncryptFrom": "source_", "ReEncryptTo": "destination_"}
REQUIREMENTS = [
    pytest.param(rpc, requirement, id=f"{rpc.name}-{requirement.action}-{requirement.resource_field or requirement.resource}")
    for rpc in served_rpcs().values()
    for requirement in rpc.requires
]
FILLED: dict[int, Callable[[FieldDescriptor], Any]] = {
    FieldDescriptor.TYPE_STRING: lambda field: f"f:{field.name}",
    FieldDescriptor.TYPE_BYTES: lambda field: field.name.encode(),
    FieldDescriptor.TYPE_BOOL: lambda field: True,
    FieldDescriptor.TYPE_INT32: lambda field: 9,
    FieldDescriptor.TYPE_INT64: lambda field: 9,
}

CHANGED: dict[int, Callable[[Any], Any]] = {
    FieldDescriptor.TYPE_STRING: lambda value: f"{value}-changed",
    FieldDescriptor.TYPE_BYTES: lambda value: value + b"-changed",
    FieldDescriptor.TYPE_BOOL: lambda value: not value,
    FieldDescriptor.TYPE_INT32: lambda value: value + 1,
    FieldDescriptor.TYPE_INT64: lambda value: value + 1,
}


def key_of(field: str) -> Key:
    key_id = f"key-of-{field}"
    return Key(
        "aws", REGION, ACCOUNT, key_id, KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_KMS, KeyState.ENABLED, NOW
    )  # fmt: skip


def grant_of(field: str, operations: frozenset[str]) -> Grant:
    return Grant(f"grant-of-{field}", ACCOUNT, f"key-of-{field}", ANN.arn, ACCOUNT, operations, NOW)


def fill(request: Any, field: FieldDescriptor, mark: str = "") -> None:
    """Give a field a value that tells its name, and its mark."""
    if is_map(field):
        getattr(request, field.name)[f"{field.name}{mark}"] = "v"
    elif field.name == "tags":
        request.tags.add(tag_key=f"tag{mark}", tag_value="v")
    elif field.type == FieldDescriptor.TYPE_ENUM:
        numbers = sorted(enum_values(enum_of(field)))
        number = numbers[-1 if mark else 0]
        if field.is_repeated:
            getattr(request, field.name).append(number)
        else:
            setattr(request, field.name, number)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        getattr(request, field.name).SetInParent()
    elif field.is_repeated:
        getattr(request, field.name).append(f"{field.name}{mark}")
    else:
        value = FILLED[field.type](field)
        setattr(request, field.name, CHANGED[field.type](value) if mark else value)


def call_of(rpc: Rpc) -> Call:
    """A call in which every field tells its own name, and each key has an alias, a grant and a context of its own."""
    call = Call(rpc, rpc.request_class(), Evidence(source_ip="10.0.0.1", user_agent="x"), "r", NOW)
    for field in descriptor_of(call.request).fields:
        fill(call.request, field)
    call.principal, call.trailing_days_without_key_usage = ANN, 4
    for named in {r.resource_field for r in rpc.requires} | {name for name, _ in rpc.key_fields}:
        call.keys[named], call.aliases[named] = key_of(named), f"alias/of-{named}"
        call.grants[named] = (grant_of(named, frozenset(r.action for r in rpc.requires)),)
    for name in descriptor_of(call.request).fields_by_name:
        if name.endswith("encryption_context"):
            call.contexts[name] = dict(getattr(call.request, name))
    if rpc.name in ("CreateGrant", "RetireGrant", "RevokeGrant"):
        operations = frozenset({"Decrypt"})
        call.grant = Grant(
            "g", ACCOUNT, "k", ANN.arn, ACCOUNT, operations, NOW, "", ANN.arn, "EncryptionContextSubset", {"Of": "grant"}, "s"
        )
    return call


def facts_of(call: Call, requirement: Requirement) -> dict[str, Any]:
    facts = CallFacts(call, requirement, REGION, LABELS)
    names = {name.rstrip("?") for name in MODEL.context_attributes(requirement.action)} - {"request"}
    inner = {name.rstrip("?") for name in MODEL.types["Request"]}
    made = {name: facts.attribute(name) for name in names} | {f"request.{name}": facts.request_attribute(name) for name in inner}
    return {name: value for name, value in made.items() if value is not ABSENT}


# ---- a second reading


def pairs(call: Call, requirement: Requirement) -> dict[str, str]:
    if call.rpc.noun == "grants":
        return {"Of": "grant"}
    return {f"{PREFIXES.get(requirement.action, '')}encryption_context": "v"}


def shown(field: str, silent: str = "") -> Callable[[Call, Requirement], str]:
    """The first value of an enum field, as AWS writes it."""

    def read(call: Call, requirement: Requirement) -> str:
        descriptor = descriptor_of(call.request).fields_by_name.get(f"{PREFIXES.get(requirement.action, '')}{field}")
        values = enum_values(enum_of(descriptor)) if descriptor is not None else {0: silent}
        return values[min(values)]

    return read


def says(value: Any) -> Callable[[Call, Requirement], Any]:
    return lambda call, requirement: value


EXPECTED: dict[str, Callable[[Call, Requirement], Any]] = {
    "requestAlias": lambda call, requirement: f"alias/of-{requirement.resource_field}",
    "encryptionContext": pairs,
    "encryptionContextAnyCase": lambda call, requirement: {k.lower(): v for k, v in pairs(call, requirement).items()},
    "encryptionContextKeys": lambda call, requirement: list(pairs(call, requirement)),
    "encryptionAlgorithm": shown("encryption_algorithm", "SYMMETRIC_DEFAULT"),
    "reEncryptOnSameKey": says(False),
    "bypassPolicyLockoutSafetyCheck": says(True),
    "requestTags": says({"tag": "v"}),
    "requestTagsAnyCase": says({"tag": "v"}),
    "tagKeys": lambda call, requirement: ["tag_keys"] if requirement.action == "UntagResource" else ["tag"],
    "aliasName": says("f:alias_name"),
    "granteePrincipal": says(ANN.arn),
    "retiringPrincipal": says("f:retiring_principal"),
    "grantOperations": says(["Decrypt"]),
    "grantConstraintType": says("EncryptionContextSubset"),
    "grantConstraintSourceArn": says("s"),
    "grantIsForService": says(False),
    "callerIsRetiringPrincipal": says(True),
    "callerIsGrantee": says(True),
    "replication": lambda call, requirement: call.rpc.name == "ReplicateKey",
    "replicaRegion": says("f:replica_region"),
    "replicaRegionLabels": says(["R"]),
    "primaryRegion": says("f:primary_region"),
    "primaryRegionLabels": says(["P"]),
    "rotationPeriodInDays": says(9),
    "scheduleKeyDeletionPendingWindowInDays": says(9),
    "trailingDaysWithoutKeyUsage": says(4),
    "validTo": says("1970-01-01T00:00:00.000Z"),
    **{
        name: shown(field)
        for name, field in {
            "wrappingAlgorithm": "wrapping_algorithm",
            "wrappingKeySpec": "wrapping_key_spec",
            "messageType": "message_type",
            "signingAlgorithm": "signing_algorithm",
            "macAlgorithm": "mac_algorithm",
            "keyAgreementAlgorithm": "key_agreement_algorithm",
            "encapsulationAlgorithm": "encapsulation_algorithm",
            "dataKeyPairSpec": "key_pair_spec",
            "expirationModel": "expiration_model",
            "storeType": "custom_key_store_type",
        }.items()
    },
    "request.currentTime": says("2026-01-01T00:00:00.000Z"),
    "request.sourceIp": says("10.0.0.1"),
    "request.secureTransport": says(True),
    "request.requestedRegion": says(REGION),
    "request.mfaPresent": says(True),
    "request.userAgent": says("x"),
    "request.dryRun": says(False),
    "request.grants": lambda call, requirement: granted(call, requirement),
}
NEVER = {"recipientAttestation", "granteeServicePrincipal", "retiringServicePrincipal"}
"""Facts of what does not exist here."""


def granted(call: Call, requirement: Requirement) -> list[str]:
    """The caller's grant on the key of this permission names every action of the call; none is wide enough for the grant that is wanted."""
    has_key = requirement.resource_field in call.keys
    return [f"grant-of-{requirement.resource_field}"] if has_key and requirement.action != "CreateGrant" else []


@pytest.mark.parametrize(("rpc", "requirement"), REQUIREMENTS)
def test_a_fact_is_what_the_request_says_of_this_permission(rpc: Rpc, requirement: Requirement) -> None:
    call = call_of(rpc)
    promised = {name for name in MODEL.context_attributes(requirement.action) if not name.endswith("?")} - {"request"}
    made = facts_of(call, requirement)
    assert promised <= set(made)
    assert not NEVER & set(made)
    assert made == {name: EXPECTED[name](call, requirement) for name in made}


@pytest.mark.parametrize(("rpc", "requirement"), REQUIREMENTS)
def test_no_fact_changes_with_the_fields_of_another_key(rpc: Rpc, requirement: Requirement) -> None:
    before = {name: value for name, value in facts_of(call_of(rpc), requirement).items() if name not in ABOUT_BOTH}
    others = {r.resource_field for r in rpc.requires} | {name for name, _ in rpc.key_fields}
    for other in others - {requirement.resource_field}:
        call, prefix = call_of(rpc), other.removesuffix("key_id")
        for field in descriptor_of(call.request).fields:
            if field.name == other or (prefix and prefix != other and field.name.startswith(prefix)):
                call.request.ClearField(field.name)
                fill(call.request, field, "-changed")
        call.keys[other], call.aliases[other], call.grants[other] = key_of("changed"), "alias/changed", ()
        for name in call.contexts:
            if prefix and name.startswith(prefix):
                call.contexts[name] = {"changed": "x"}
        after = facts_of(call, requirement)
        assert {name: value for name, value in after.items() if name not in ABOUT_BOTH} == before


def test_two_keys_that_are_one_are_said_to_be() -> None:
    rpc = served_rpcs()["ReEncrypt"]
    call = call_of(rpc)
    call.keys["destination_key_id"] = call.keys["source_key_id"]
    assert [facts_of(call, requirement)["reEncryptOnSameKey"] for requirement in rpc.requires] == [True, True]
