"""A record of the log with any one of its values replaced: its decisions are made again, or it is said that they cannot be."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from meridian.audit.record_bounds import cut
from meridian.authorization.decision.explain import explain
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.sets.packaged import policy_folder, schema_text
from meridian.policy_kit.audit_log import AuditLog
from meridian.policy_kit.policy_set import PolicySet, open_policy_set
from meridian.policy_kit.recorded_line import read_record
from meridian.policy_kit.texts import UnreadableRecordError

pytestmark = pytest.mark.thorough

ARN: Final = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KEY: Final = {
    "keyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "account": "111122223333", "region": "us-east-1", "keySpec": "SYMMETRIC_DEFAULT",
    "keyUsage": "ENCRYPT_DECRYPT", "keyOrigin": "AWS_KMS", "keyState": "Enabled", "accountDelegation": True, "tags": {"a": "b"},
    "aliases": ["alias/a"], "policySha256": "", "primaryRegion": "us-east-1", "replicaRegions": ["eu-west-1"],
}  # fmt: skip
CALLER: Final = {
    "kind": "User", "groups": ["developers"], "tags": {"team": "a"}, "mfaPresent": True, "mfaAt": "2026-01-01T00:00:00+00:00",
    "tokenIssuedAt": "2026-01-01T00:00:00+00:00", "sessionName": "s",
}  # fmt: skip
GRANT: Final = {
    "grantId": "ab", "granteePrincipal": "arn:aws:iam::111122223333:user/auditor", "retiringPrincipal": "", "operations": ["Decrypt"],
    "constraintType": "EncryptionContextEquals", "constraint": {"y": "2"}, "sourceArn": "",
}  # fmt: skip
HOSTILE: Final[tuple[Any, ...]] = (
    None, [], {}, "x", "\x1b", "", 7, -1, 10**30, 1.5, True, [[]], [{}], [None], {"a": []}, {"a": None}, {"a": {"b": [1]}}, {"": ""},
    cut("x"),
)  # fmt: skip


def record(event: str, parameters: dict[str, Any], request: dict[str, Any], resource: str, field: str) -> dict[str, Any]:
    keys = {} if resource.endswith("(new)") else {field: KEY}
    return {
        "userIdentity": {"principalId": "111122223333/ann", "arn": "arn:aws:iam::111122223333:user/ann", "accountId": "111122223333"},
        "eventName": event,
        "awsRegion": "us-east-1",
        "eventTime": "2026-01-01T00:00:00Z",
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "",
        "requestParameters": parameters,
        "additionalEventData": {"dryRun": True},
        "requestID": "r",
        "eventID": "e",
        "meridian": {
            "decisions": [{"action": event, "resource": resource, "effect": "Allow", "policyIds": ["p"]}],
            "facts": {"caller": CALLER, "keys": keys},
            "request": {"grantIds": {event: ["g"]}, "aliases": {field: "alias/a"}, "secureTransport": False, **request},
        },
    }


RECORDS: Final = {
    "Encrypt": record("Encrypt", {"keyId": ARN, "encryptionContext": {"a": "b"}, "grantTokens": ["t"]}, {}, ARN, "key_id"),
    "CreateGrant": record(
        "CreateGrant",
        {"keyId": ARN, "operations": ["Decrypt"], "constraints": {"encryptionContextEquals": {"y": "2"}}},
        {"grant": GRANT, "trailingDaysWithoutKeyUsage": 3},
        ARN,
        "key_id",
    ),
    "CreateKey": record(
        "CreateKey",
        {"tags": [{"tagKey": "a", "tagValue": "b"}], "keySpec": "SYMMETRIC_DEFAULT", "multiRegion": True},
        {"prospectiveKey": KEY | {"keyId": "(new)"}},
        "arn:aws:kms:us-east-1:111122223333:key/(new)",
        "key_id",
    ),
    "ImportKeyMaterial": record("ImportKeyMaterial", {"keyId": ARN, "validTo": "Jan 1, 2027, 12:00:00 AM"}, {}, ARN, "key_id"),
    "ConnectCustomKeyStore": record(
        "ConnectCustomKeyStore", {"customKeyStoreId": "cks-1"}, {"keyStoreType": "AWS_CLOUDHSM"}, "cks-1", "custom_key_store_id"
    ),
    "CreateAlias": record("CreateAlias", {"aliasName": "alias/b", "targetKeyId": ARN}, {}, ARN, "target_key_id"),
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a record has a value."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from places(each, (*path, name))


def changed(whole: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(whole)
    holder: Any = made
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return made


@pytest.fixture(scope="module")
def policies() -> PolicySet:
    return open_policy_set(policy_folder() / "policies", schema_text())


def replayed(whole: dict[str, Any], policies: PolicySet) -> int:
    """How many decisions were made again. Raises: UnreadableRecordError."""
    authorizer = policies.within(Surroundings())
    log = AuditLog([read_record(json.dumps(whole).encode())], Surroundings())
    made = 0
    for found in log.records:
        for each in log.decisions(found):
            authorizer.decide(each.principal, each.action, each.resource, each.facts)
            explain(authorizer, each.principal, each.action, each.resource, each.facts)
            made += 1
    return made


@pytest.mark.parametrize("event", RECORDS)
def test_a_sound_record_is_replayed(event: str, policies: PolicySet) -> None:
    assert replayed(RECORDS[event], policies) == 1


@pytest.mark.parametrize("event", RECORDS)
def test_a_record_with_another_value_ends_in_no_traceback(event: str, policies: PolicySet) -> None:
    wrong, refused = [], 0
    for path in places(RECORDS[event]):
        for value in HOSTILE:
            try:
                replayed(changed(RECORDS[event], path, value), policies)
            except UnreadableRecordError:
                refused += 1
            except Exception as fault:  # noqa: BLE001 - kept, and asserted to be none
                wrong.append(f"{'.'.join(map(str, path))} = {value!r}: {fault!r}")
    assert wrong == []
    assert refused > 0


def test_a_line_says_each_thing_once_and_nothing_else(tmp_path: Path) -> None:
    for line in (b'{"eventName": "a", "eventName": "b"}', b"[" * 20_000, b"[]", b"1", b"", b"\xff", b'{"eventName": []}', b"9" * 6_000):
        (tmp_path / "a.jsonl").write_bytes(b'{"eventName": "a"}\n' + line + b"\n")
        with pytest.raises(UnreadableRecordError, match=r"a\.jsonl:2: no record") as caught:
            AuditLog.read([tmp_path], Surroundings())
        assert "\n" not in str(caught.value)
