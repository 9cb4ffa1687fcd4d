"""What documents hold in their texts: wildcards of actions, and every character."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.authorization.aws_policy.conftest import converted, document
from tests.unit.authorization.aws_policy.test_refusals import condition, statement

from meridian.authorization.aws_policy.refusal import RefusedDocument
from meridian.authorization.language.evaluator import parse_policies


@pytest.mark.parametrize(
    ("pattern", "action", "fits"),
    [
        ("kms:*", "Encrypt", True),
        ("kms:En*", "Encrypt", True),
        ("kms:*pt", "Decrypt", True),
        ("kms:G*Key", "GenerateDataKey", True),
        ("kms:E*t", "Encrypt", True),
        ("kms:D*t", "Encrypt", False),
        ("kms:*a*a*a*", "GenerateDataKey", True),
        ("kms:De*pt*", "DescribeKey", False),
        ("KMS:encrypt", "Encrypt", True),
    ],
)
def test_a_wildcard_fits_as_in_iam(pattern: str, action: str, fits: bool) -> None:
    made = converted(document(statement(Action=[pattern, "kms:Verify"])))
    assert (f'"{action}"' in made.cedar or "action in" not in made.cedar) is fits


TEXT = 'é\u0000\u001f\u2028"\\\U0001f511'


@pytest.mark.parametrize("text", [TEXT, *TEXT, "a\nb", "\u200b"])
@pytest.mark.parametrize(
    "given",
    [
        lambda text: condition("StringEquals", f"kms:EncryptionContext:{text}", "x"),
        lambda text: condition("StringEquals", "kms:EncryptionContext:a", text),
        lambda text: condition("StringEquals", "kms:EncryptionContext:a", [text, "b"]),
        lambda text: condition("StringLike", f"aws:ResourceTag/{text}", f"{text}*"),
        lambda text: condition("ForAnyValue:StringEquals", "kms:EncryptionContextKeys", [text]),
        lambda text: condition("StringEquals", "kms:EncryptionContext:a", f"${{aws:PrincipalTag/a{text}}}"),
        lambda text: statement(Sid=text),
        lambda text: statement(Principal={"AWS": f"arn:aws:iam::111122223333:user/{text}x"}),
    ],
)
def test_every_character_of_a_document_is_said_or_refused(given: Any, text: str) -> None:
    try:
        made = converted(document(given(text)))
    except RefusedDocument as refusal:
        assert refusal.element.startswith("Statement[0]")  # noqa: PT017 - either answer is right, and nothing else is
    else:
        assert parse_policies(made.cedar)
