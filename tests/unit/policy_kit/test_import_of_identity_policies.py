"""`meridian policy import-aws` of a policy that is attached to somebody: Cedar that loads, or the place of what has no form."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from meridian.cli.exit_codes import OTHER, SETUP, USAGE
from meridian.policy_kit.json_places import json_place

TO = ("--attached-to", "arn:aws:iam::111122223333:role/app")
GOOD = """{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "Use", "Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"],
     "Resource": ["arn:aws:kms:*:111122223333:key/*"],
     "Condition": {"StringEquals": {"kms:EncryptionContext:tenant": "a"}}},
    {"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*"}
  ]
}"""


def test_converted_policies_are_a_policy_set(policy: Callable[..., Result], policy_json: Callable[..., Any], tmp_path: Path) -> None:
    document = tmp_path / "p.json"
    document.write_text(GOOD)
    ran = policy("import-aws", document, *TO)
    assert ran.exit_code == 0
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "p.cedar").write_text(ran.stdout)
    assert policy("validate", folder, "--strict").exit_code == 0
    assert policy("fmt", "--check", folder).exit_code == 0
    told = policy_json("import-aws", document, *TO)
    assert told == {"converted": True, "cedar": ran.stdout.partition("\n")[2], "notes": [], "warnings": []}
    assert [line for line in ran.stdout.splitlines() if line.startswith("@id")] == [
        '@id("account.111122223333.role-app.Use")',
        '@id("account.111122223333.role-app.statement-2")',
        '@id("guardrail.111122223333.role-app.statement-2")',
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"kms:EncryptionContext:tenant"', '"kms:EncryptoinContext"', ":6:37: Statement[0].Condition.StringEquals["),
        ('"arn:aws:kms:*:111122223333:key/*"', '"*", "key/*"', ":5:24: Statement[0].Resource[1]: must be * or the ARN"),
        ('"Deny"', '"Maybe"', ":7:16: Statement[1].Effect: must be Allow or Deny (Maybe)"),
        (
            '"Action": "kms:Decrypt"',
            '"Action": "kms:Decript"',
            ":7:34: Statement[1].Action: names no action of AWS KMS: kms:Decript; did you mean",
        ),
        ('"Resource": "*"', '"NotPrincipal": "*"', ":7:65: Statement[1].NotPrincipal: whom it is attached to says who"),
    ],
)
def test_what_has_no_form_is_told_with_file_line_column_and_word(
    policy: Callable[..., Result], tmp_path: Path, old: str, new: str, told: str
) -> None:
    document = tmp_path / "p.json"
    document.write_text(GOOD.replace(old, new))
    ran = policy("import-aws", document, *TO)
    assert ran.exit_code == OTHER
    assert ran.stderr.startswith(f"{document}{told}"), ran.stderr
    assert ran.stdout == ""


def test_programs_are_told_the_place_too(policy_json: Callable[..., Any], tmp_path: Path) -> None:
    document = tmp_path / "p.json"
    document.write_text(GOOD.replace('"Deny"', '"Maybe"'))
    told = policy_json("import-aws", document, *TO)
    assert told == {
        "converted": False, "element": "Statement[1].Effect", "why": "must be Allow or Deny", "line": 7, "column": 16, "word": "Maybe",
    }  # fmt: skip


def test_a_policy_is_of_a_key_or_attached_to_somebody(policy: Callable[..., Result], tmp_path: Path) -> None:
    document = tmp_path / "p.json"
    document.write_text(GOOD)
    key = ("--key", "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")
    assert policy("import-aws", document).exit_code == USAGE
    assert policy("import-aws", document, *key, *TO).exit_code == USAGE
    ran = policy("import-aws", document, "--attached-to", "ann")
    assert ran.exit_code == SETUP
    assert "ann is not the ARN of a user" in ran.stderr
    assert policy("import-aws", document, *key).exit_code == OTHER, "a key policy names principals"


@pytest.mark.parametrize(
    ("element", "at", "word"),
    [
        ("Version", "1:13", "2 [,{}"),
        ("Statement", "1:37", "Statement"),
        ("Statement[0].Action", "1:49", "Action"),
        ("Statement[0].Action[1]", "1:57", "y"),
        ('Statement[0].Condition.Bool["kms:a"]', "2:3", "kms:a"),
        ("Statement[0].Gone", "1:38", "Statement"),
        ("Statement[7]", "1:37", "Statement"),
    ],
)
def test_an_element_is_found_as_far_as_the_document_goes(element: str, at: str, word: str) -> None:
    text = '{"Version": "2 [,{}",  "Statement": [{"Action" :["x]}", "y"],"Condition":{"Bool":\n {"kms:a" :[true,-1.5e3]}}}]}'
    assert json.loads(text)
    found = json_place(text, element)
    assert found is not None
    assert (str(found), found.word) == (at, word)
    assert json_place(text, "Version.Condition") is not None
    assert json_place(text, "Gone") is None
