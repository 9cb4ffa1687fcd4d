"""Whether a long record is cut says nothing of keys of other accounts than its caller's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from meridian.audit.record_bounds import STORED_BYTES_MAX, holds_cut, shortened

OWN, OTHER = "111122223333", "444455556666"
OURS, THEIRS = f"arn:aws:kms:us-east-1:{OWN}:key/k1", f"arn:aws:kms:us-east-1:{OTHER}:key/k2"


def decision(resource: str, effect: str, *policy_ids: str) -> dict[str, Any]:
    return {"action": "ReEncrypt", "resource": resource, "effect": effect, "policyIds": list(policy_ids)}


def record(padding: int, *, is_there: bool, tag: str = "") -> dict[str, Any]:
    """Of a denied ReEncrypt from the caller's own key to one of another account."""
    found: dict[str, Any] = {
        "userIdentity": {"accountId": OWN},
        "requestParameters": {"destinationKeyId": THEIRS, "sourceEncryptionContext": {"a": "x" * padding}},
        "userAgent": "u" * 600,
        "resources": [{"ARN": OURS, "accountId": OWN}],
        "errorCode": "AccessDeniedException",
        "meridian": {
            "decisions": [decision(OURS, "Allow", "account.own")],
            "facts": {"caller": {"kind": "User"}, "keys": {"source_key_id": {"account": OWN, "tags": {"a": "b" * 400}}}},
            "latencyMs": 0.5,
            "replica": "r",
        },
    }
    if is_there:
        inner = found["meridian"]
        found["resources"].insert(0, {"ARN": THEIRS, "accountId": OTHER})
        inner["decisions"].insert(0, decision(THEIRS, "Deny", f"key/k2/{tag}"))
        inner["facts"]["keys"]["destination_key_id"] = {"account": OTHER, "tags": {"t": tag}}
        inner |= {"latencyMs": 12.345, "policySet": "0123456789abcdef", "request": {"grantIds": {"ReEncryptTo": []}}}
    return found


def written(found: dict[str, Any]) -> dict[str, Any]:
    line = shortened(orjson.dumps(found), STORED_BYTES_MAX)
    assert len(line) <= STORED_BYTES_MAX
    read = orjson.loads(line)
    assert isinstance(read, dict)
    return read


def own_parts(found: dict[str, Any]) -> Any:
    """What looking back reads of a denied call of the caller's account."""
    inner = found["meridian"]
    keys = {name: each for name, each in inner["facts"]["keys"].items() if each["account"] == OWN}
    made = [each for each in inner["decisions"] if each["resource"] == OURS]
    return found["requestParameters"], found["userAgent"], made, {**inner["facts"], "keys": keys}


@pytest.mark.parametrize("tag", ["", "t" * 300, "t" * 3000])
def test_what_is_cut_is_the_same_whether_the_key_is_there(tag: str) -> None:
    cut = set()
    for padding in range(11_000, 16_000, 50):
        absent, closed = written(record(padding, is_there=False)), written(record(padding, is_there=True, tag=tag))
        assert own_parts(absent) == own_parts(closed), padding
        cut.add(holds_cut(absent["requestParameters"]))
    assert cut == {False, True}, "both sides of the bound were seen"


def test_the_keys_own_account_is_told_all_that_fits() -> None:
    long = record(14_000, is_there=True, tag="t")
    read = written(long)
    assert holds_cut(read)
    assert read["resources"] == long["resources"]
    assert read["meridian"]["decisions"] == long["meridian"]["decisions"]
    assert read["meridian"]["facts"]["keys"]["destination_key_id"] == {"account": OTHER, "tags": {"t": "t"}}
    assert (read["meridian"]["policySet"], read["meridian"]["request"]) == ("0123456789abcdef", {"grantIds": {"ReEncryptTo": []}})


@pytest.mark.parametrize("part", ["decisions", "facts", "request"])
def test_whatever_stands_in_a_record_it_is_short(part: str) -> None:
    for value in (None, "x", [], ["x"], {"keys": "x"}, [{"resource": 3}]):
        found = record(15_000, is_there=True)
        found["meridian"][part] = value
        written(found)


def test_parts_that_are_short_by_themselves_fit_together() -> None:
    """Of one key of another account each is as long as a part that is never cut."""
    whole = set()
    for padding in range(9_000, 16_000, 50):
        found = record(padding, is_there=True)
        inner = found["meridian"]
        inner["decisions"][0] = decision(THEIRS, "Allow", "p" * 390)
        inner["facts"]["keys"]["destination_key_id"] = {"account": OTHER, "tags": {"t": "t" * 400}}
        inner["request"] = {"grantIds": {"ReEncryptTo": ["g" * 64] * 7}}
        inner["reason"] = "r" * 400
        whole.add(not holds_cut(written(found)))
    assert whole == {False, True}


def test_no_decision_on_a_foreign_key_is_left_out() -> None:
    """Where two are long together, as from one key of another account to another."""
    for padding in range(9_000, 16_000, 50):
        found = record(padding, is_there=True, tag="t" * 600)
        inner = found["meridian"]
        inner["decisions"] = [decision(THEIRS, "Allow", "p" * 300), decision(THEIRS, "Deny", "q" * 300)]
        inner["request"] = {"grantIds": {"ReEncryptTo": ["g" * 64] * 6}}
        kept = written(found)["meridian"]["decisions"]
        assert [(each["resource"], each["effect"]) for each in kept] == [(THEIRS, "Allow"), (THEIRS, "Deny")], padding
