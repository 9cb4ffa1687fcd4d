"""What comes of edited policies in the process that tries them: faults with their places, and what recorded calls would get."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.policy_kit.test_hostile_records import ARN, RECORDS

from meridian.audit.recorded_facts import policy_digest
from meridian.authorization.sets.packaged import policy_folder
from meridian.domain.policy_trial import Trial, TrialFault, Tried, read_tried, trial_as_json
from meridian.policy_kit import trial as trials
from meridian.policy_kit.trial import FAULTS_MAX, MORE_ROWS, NO_TIME, OF_TWO_ACCOUNTS, policy_trial

ACCOUNT = "111122223333"
KEY_ID = ARN.rpartition("/")[2]
ENCRYPT: dict[str, Any] = RECORDS["Encrypt"]
RUN = 'permit (principal, action == KMS::Action::"Encrypt", resource in KMS::Account::"111122223333")'
GUARDRAIL = '@id("guardrail.calm")\n@layer("guardrail")\n@reason("r")\nforbid (principal, action == KMS::Action::"DisableKey", resource);\n'


PATTERNS = " || ".join('resource.keySpec like "*a"' for _ in range(20))


def policy(name: str, text: str = f"{RUN};", layer: str = "account") -> str:
    return f'@id("{name}")\n@layer("{layer}")\n@reason("r")\n{text}\n'


def trial(edited: str | None, **more: Any) -> Trial:
    made = Trial(
        account=ACCOUNT, edited=edited, rest=GUARDRAIL, key_id="", key_policy=None, key_policies=(), org_units={}, region_labels={}
    )
    return replace(made, **more)


def tried(asked: Trial, *records: dict[str, Any]) -> Tried:
    return read_tried(policy_trial(trial_as_json(asked), b"\n".join(json.dumps(each).encode() for each in records)))


def record(effect: str = "Allow", key: dict[str, Any] | None = None, event: str = "e", **more: Any) -> dict[str, Any]:
    made = {**copy.deepcopy(ENCRYPT), "eventID": event, **more}
    made["meridian"]["decisions"][0] |= {"effect": effect, "policyIds": ["old"] if effect == "Allow" else []}
    made["meridian"]["facts"]["keys"]["key_id"] |= key or {}
    made["meridian"]["request"]["grantIds"] = {}
    return made


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        (policy("a", RUN.replace("Encrypt", "Encrpyt") + ";"), 4, 44, 'no action "Encrpyt": did you mean Encrypt'),
        (f"{policy('a')}permit (", 5, 0, "unexpected end of input"),
        (policy("a", layer="guardrail"), 4, 0, "a guardrail may only forbid"),
        (GUARDRAIL.replace("calm", "of-mine"), 4, 0, f"only policies of account {ACCOUNT} can be tried"),
        (policy("a").replace(ACCOUNT, "444455556666"), 4, 0, f"only policies of account {ACCOUNT} can be tried"),
        (policy("guardrail.calm"), 4, 0, "@id is given to two policies"),
        ("".join(policy(f"p{number}", f"{RUN} when {{ {PATTERNS} }};") for number in range(9)), 0, 0, "may cost 256 together"),
        ("".join(policy(f"p{number}") for number in range(201)), 0, 0, "at most 200 policies"),
    ],
    ids=["word", "syntax", "layer", "guardrail", "another account", "taken", "patterns", "too many"],
)
def test_what_is_wrong_is_told_with_its_place(text: str, line: int, column: int, said: str) -> None:
    found = tried(trial(text), record())
    (first, *_) = found.faults
    assert said in first.text
    assert (first.field, first.column) == ("policies", column)
    assert first.line in range(line - 3, line + 1) if line else first.line == 0
    assert (found.decisions, found.rows, found.as_json) == (0, (), "")


def test_faults_are_bounded() -> None:
    wrong = "".join(policy(f"p{number}", RUN.replace("Encrypt", "Encrpyt") + ";") for number in range(FAULTS_MAX + 20))
    assert len(tried(trial(wrong)).faults) == FAULTS_MAX


def test_a_text_that_is_right_comes_back_in_cedars_json() -> None:
    found = tried(trial(policy("a")))
    assert found.faults == ()
    assert len(json.loads(found.as_json)["staticPolicies"]) == 1
    assert tried(trial("")).as_json == ""


def test_recorded_calls_are_decided_anew_and_equal_ones_are_one_row() -> None:
    records = [record(event=f"e{number}") for number in range(3)]
    assert tried(trial(policy("old")), *records) == Tried(as_json=tried(trial(policy("old"))).as_json, decisions=3, skipped={})
    denied = tried(trial(""), *records)
    (row,) = denied.rows
    assert (row.kind, row.action, row.resource, row.old_ids, row.new_ids) == ("newly denied", "Encrypt", ARN, ("old",), ())
    assert (row.count, row.first, row.last, denied.decisions) == (3, "e0", "e2", 3)
    (allowed,) = tried(trial(policy("new")), record("Deny")).rows
    assert (allowed.kind, allowed.new_ids) == ("newly allowed", ("new",))
    (other,) = tried(trial(policy("new")), record()).rows
    assert (other.kind, other.old_ids, other.new_ids) == ("other reason", ("old",), ("new",))


def test_without_edited_policies_those_in_force_decide() -> None:
    assert tried(trial(None, rest=GUARDRAIL + policy("old")), record()).rows == ()


def test_nothing_is_told_of_calls_in_which_another_account_has_a_word() -> None:
    stranger = record(userIdentity={**ENCRYPT["userIdentity"], "accountId": "444455556666"})
    found = tried(trial(""), record(key={"account": "444455556666"}), stranger, record())
    assert found.decisions == 1
    assert found.skipped == {OF_TWO_ACCOUNTS: 2}


def test_a_line_that_is_no_record_is_counted_and_hides_no_other() -> None:
    broken = {name: value for name, value in record().items() if name != "eventName"}
    found = tried(trial(""), broken, record())
    assert found.decisions == 1
    assert found.skipped == {"no record: eventName is missing, or not of its kind": 1}


def test_an_edited_key_policy_is_tried_on_calls_on_that_key_alone() -> None:
    forbid = 'forbid (principal, action == KMS::Action::"Encrypt", resource);'
    asked = trial(policy("old"), key_id=KEY_ID, key_policy=forbid)
    other = ARN.replace("1234abcd-", "ffffabcd-")
    elsewhere = record(key={"keyId": other.rpartition("/")[2]}, requestParameters={"keyId": other})
    elsewhere["meridian"]["decisions"][0]["resource"] = other
    (row,) = tried(asked, record(), elsewhere).rows
    assert (row.kind, row.resource, row.new_ids) == ("newly denied", ARN, (f"key/{KEY_ID}/1",))


def test_a_key_policy_is_found_by_its_digest_or_the_call_is_not_decided() -> None:
    text = f'permit (principal, action == KMS::Action::"Encrypt", resource == KMS::Key::"{ACCOUNT}/us-east-1/{KEY_ID}");'
    recorded = record(key={"policySha256": policy_digest(text)})
    (row,) = tried(trial("", key_policies=(text,)), recorded).rows
    assert (row.kind, row.new_ids) == ("other reason", (f"key/{KEY_ID}/1",))
    unknown = tried(trial(""), recorded)
    assert (unknown.decisions, unknown.rows) == (0, ())
    assert "was put before the log begins" in next(iter(unknown.skipped or {}))


def test_rows_reasons_and_time_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "ROWS_MAX", 2)
    keys = [ARN.replace("1234abcd-", f"{number:08d}-") for number in range(4)]
    records = []
    for arn in keys:
        made = record(key={"keyId": arn.rpartition("/")[2]})
        made["meridian"]["decisions"][0]["resource"] = arn
        records.append(made)
    found = tried(trial(""), *records)
    assert (len(found.rows), found.skipped) == (2, {MORE_ROWS: 2})
    monkeypatch.setattr(trials, "SECONDS", -1.0)
    assert tried(trial(""), *records).skipped == {NO_TIME: 4}
    assert tried(trial(""), *records).decisions == 0


def test_the_default_policies_can_be_tried() -> None:
    text = (policy_folder() / "policies" / f"account-{ACCOUNT}.cedar").read_text()
    assert tried(trial(text)).faults == ()
    assert TrialFault("policies", 1, 0, "x") not in tried(trial(text)).faults
