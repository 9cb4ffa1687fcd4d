"""What an author or auditor writes of a request is of the schema, or is refused with the names that there are; nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.cli.exit_codes import NOT_FOUND, SETUP
from meridian.policy_kit.attributes import KINDS, require_attributes
from meridian.policy_kit.rows import RowError

MODEL = SchemaModel(schema_text())
PERMIT = """@id("team") @layer("account") @reason("the team")
permit (principal, action, resource in KMS::Account::"111122223333");
"""
RESIDENCY = """@id("guardrail.residency") @layer("guardrail") @reason("stays here")
forbid (principal, action == KMS::Action::"ReplicateKey", resource)
unless { context.replicaRegionLabels.containsAny(resource.regionLabels) };
"""


def attributes() -> Iterator[tuple[str, str, str]]:
    """(action, attribute, type) of every context, and of requests."""
    for action in MODEL.actions:
        for name, kind in MODEL.context_attributes(action).items():
            if name != "request":
                yield action, name.rstrip("?"), kind
    for name, kind in MODEL.types["Request"].items():
        yield "", name.rstrip("?"), kind


def test_every_type_of_the_schema_is_known() -> None:
    assert {kind.partition("<")[0] for _, _, kind in attributes()} == set(KINDS)


SOUND = {
    "String": "text", "Bool": True, "Long": 7, "Set": ["a"], "ipaddr": "10.0.0.1", "datetime": "2026-07-01T00:00:00Z",
    "EncryptionContext": {"a": "b"}, "RequestTags": {"a": "b"}, "Attestation": {"a": "b"}, "AnyCase": {"a": "b"},
}  # fmt: skip
WRONG: tuple[Any, ...] = (7.5, None, object(), [7], {"a": 1}, {1: "a"}, b"x")


def test_every_attribute_takes_values_of_its_type_alone() -> None:
    for action, name, kind in attributes():
        bare = kind.partition("<")[0]
        others = [value for other, value in SOUND.items() if KINDS[other][1] != KINDS[bare][1]]
        for value, is_right in [(SOUND[bare], True), *[(value, False) for value in (*others, *WRONG)]]:
            if bare == "String" and isinstance(value, str):
                continue
            context, request = ({name: value}, {}) if action else ({}, {name: value})
            if is_right:
                require_attributes(action or "Encrypt", context, request, MODEL)
                continue
            with pytest.raises(RowError, match=f"{name} must be "):
                require_attributes(action or "Encrypt", context, request, MODEL)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--context", "messageTyp=RAW"), "context of Sign: messageTyp is unknown; did you mean messageType?; known are messageType"),
        (("--context", "encryptionContext={}"), "context of Sign: encryptionContext is unknown"),
        (("--request", "sourceIP=10.0.0.1"), "request: sourceIP is unknown; did you mean sourceIp?"),
        (("--request", "sourceIp=x"), "request: sourceIp must be an IP address"),
        (("--request", "mfaPresent=1"), "request: mfaPresent must be true or false"),
        (("--request", "currentTime=never"), "request: currentTime must be a time"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_explain_takes_what_is_of_the_schema_alone(policies: Any, policy: Callable[..., Result], flags: tuple[str, str], told: str) -> None:
    asked = (
        "explain",
        "--policies",
        policies(PERMIT),
        "--principal",
        "User:111122223333/a",
        "--action",
        "Sign",
        "--key",
        "keySpec=RSA_2048",
    )
    assert policy(*asked, "--context", "messageType=RAW").exit_code == 0
    ran = policy(*asked, *flags)
    assert ran.exit_code == SETUP
    assert told in ran.stderr


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("tests: 3", "tests must be a list"),
        ("matrices: {a: b}", "matrices must be a list"),
        ("invariants: x", "invariants must be a list"),
        ("contexts: 3", "contexts must be names with values"),
        ("regionLabels: [a]", "regionLabels must be names with values"),
        ("tests: [3]", "names with values are expected here"),
        ("orgUnits: {a: 3}", "a value is not of the kind that is read there"),
        (
            "tests: [{name: t, principal: ann, action: Encrypt, key: single, request: {sourceIp: x}, expect: deny}]",
            "request: sourceIp must be an IP address",
        ),
    ],
)
def test_a_suite_of_another_kind_is_told_in_words(
    policies: Any, policy: Callable[..., Result], tmp_path: Path, line: str, told: str
) -> None:
    suite = tmp_path / "s.yaml"
    suite.write_text("\n".join(each for each in ("principals: {ann: {}}", "keys: {single: {}}", line)))
    ran = policy("test", suite, "--policies", policies(PERMIT))
    assert ran.exit_code == SETUP
    assert told in ran.stderr
    assert not any(raw in ran.stderr for raw in ("object", "'int'", "iterable", "attribute"))


def test_a_policy_that_is_no_json_is_a_wrong_setup_and_one_that_is_refused_is_not(policy: Callable[..., Result], tmp_path: Path) -> None:
    document = tmp_path / "p.json"
    key = ("--key", "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")
    for text, code in (("{", SETUP), ("[" * 5000, SETUP), ("[]", 1), ("{}", 1)):
        document.write_text(text)
        assert policy("import-aws", document, *key).exit_code == code, text[:9]


# ---- what no audit record holds


def recorded(tmp_path: Path, operation: str, decided: str) -> Path:
    key = {
        "keyId": "mrk-" + "1" * 32, "account": "111122223333", "region": "us-east-1", "keySpec": "SYMMETRIC_DEFAULT",
        "keyUsage": "ENCRYPT_DECRYPT", "keyOrigin": "AWS_KMS", "keyState": "Enabled", "primaryRegion": "us-east-1", "replicaRegions": [],
        "policySha256": "", "accountDelegation": True, "tags": {}, "aliases": [],
    }  # fmt: skip
    caller = {"kind": "User", "groups": [], "tags": {}}
    identity = {"accountId": "111122223333", "principalId": "111122223333/ann", "arn": "arn:aws:iam::111122223333:user/ann"}
    arn = f"arn:aws:kms:us-east-1:111122223333:key/{key['keyId']}"
    decision = {"action": operation, "resource": arn, "effect": "Allow", "policyIds": [decided]}
    record = {
        "eventName": operation, "eventTime": "2026-01-01T00:00:00Z", "awsRegion": "us-east-1", "sourceIPAddress": "127.0.0.1",
        "requestID": "r", "eventID": operation, "userIdentity": identity,
        "requestParameters": {"keyId": key["keyId"], **({"replicaRegion": "eu-west-1"} if operation == "ReplicateKey" else {})},
        "meridian": {"decisions": [decision], "facts": {"caller": caller, "keys": {"key_id": key}}},
    }  # fmt: skip
    log = tmp_path / f"{operation}.jsonl"
    log.write_text(json.dumps(record))
    return log


AROUND = "regionLabels: {us-east-1: [US], eu-west-1: [US]}"


def test_replay_guesses_no_labels(policies: Any, policy_json: Callable[..., Any], tmp_path: Path) -> None:
    logs = [recorded(tmp_path, operation, "team") for operation in ("ReplicateKey", "DescribeKey")]
    folder = policies(PERMIT + RESIDENCY)
    told = policy_json("replay", *logs, "--policies", folder)
    assert (told["decisions"], told["changes"]) == (1, [])
    (line,) = told["notReplayed"]
    assert line.startswith("ReplicateKey: ReplicateKey: the policies ask for labels of Regions, which no record holds: give --around")
    around = tmp_path / "around.yaml"
    around.write_text(AROUND)
    told = policy_json("replay", *logs, "--policies", folder, "--around", around)
    assert (told["decisions"], told["changes"], told["notReplayed"]) == (2, [], [])
    around.write_text(AROUND.replace("eu-west-1: [US]", "eu-west-1: [EU]"))
    assert [c["kind"] for c in policy_json("replay", *logs, "--policies", folder, "--around", around)["changes"]] == ["newly denied"]


def test_replay_shows_equal_calls_once_and_tells_apart_what_the_policies_read(
    policies: Any, policy: Callable[..., Result], policy_json: Callable[..., Any], tmp_path: Path
) -> None:
    record = json.loads(recorded(tmp_path, "Encrypt", "team").read_text())
    log = tmp_path / "log.jsonl"
    asked = [("a", "10.0.0.1"), ("b", "10.0.0.2"), ("a", "10.0.0.3"), ("a", "10.0.0.4")]
    with log.open("w") as out:
        for number, (tenant, address) in enumerate(asked):
            parameters = {**record["requestParameters"], "encryptionContext": {"tenant": tenant, "job": str(number)}}
            own = {"eventID": f"e{number}", "sourceIPAddress": address, "requestParameters": parameters}
            out.write(json.dumps({**record, **own}) + "\n")
    of_tenant = 'context.encryptionContext.hasTag("tenant") && context.encryptionContext.getTag("tenant") == "none"'
    folder = policies(PERMIT.replace("action,", 'action == KMS::Action::"Encrypt",').replace(");", f") when {{ {of_tenant} }};"))
    told = policy_json("replay", log, "--policies", folder)["changes"]
    assert [(c["kind"], c["count"], c["first"], c["last"]) for c in told] == [
        ("newly denied", 3, "e0", "e3"),
        ("newly denied", 1, "e1", "e1"),
    ]
    assert [c["facts"] for c in told] == ["{encryptionContext: {tenant: a}}", "{encryptionContext: {tenant: b}}"]
    shown = policy("replay", log, "--policies", folder).stdout
    assert "with {encryptionContext: {tenant: a}}: 3 calls, events e0 to e3\n    team → nothing" in shown
    assert "with {encryptionContext: {tenant: b}}: event e1\n" in shown
    assert shown.endswith("4 decisions: 0 newly allowed, 4 newly denied, 0 other reason\n")


def test_explain_guesses_no_labels_of_a_record(policies: Any, policy: Callable[..., Result], tmp_path: Path) -> None:
    log = recorded(tmp_path, "ReplicateKey", "team")
    asked = ("explain", "--audit", log, "--event", "ReplicateKey", "--policies", policies(PERMIT + RESIDENCY))
    ran = policy(*asked)
    assert ran.exit_code == SETUP
    assert "labels of Regions, which no record holds: give --around" in ran.stderr
    around = tmp_path / "around.yaml"
    around.write_text(AROUND)
    assert policy(*asked, "--around", around).exit_code == 0
    assert policy(*asked[:3], "--event", "nope", "--policies", policies(PERMIT)).exit_code == NOT_FOUND
