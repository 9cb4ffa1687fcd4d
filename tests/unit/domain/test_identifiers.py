"""Names of keys as callers write them."""

from __future__ import annotations

import pytest

from meridian.domain.identifiers import KeyReference, alias_arn, is_key_id, key_arn, key_id_of, key_number, parse_key_reference
from meridian.errors import InvalidArnException, NotFoundException, ValidationException

MULTI = "mrk-1234abcd12ab34cd56ef1234567890ab"
SINGLE = "1234abcd-12ab-34cd-56ef-1234567890ab"
AT = "arn:aws:kms:us-east-1:" + "1" * 12


@pytest.mark.parametrize(("key_id", "multi_region"), [(SINGLE, False), (MULTI, True)])
def test_a_key_id_and_its_number_are_inverse(key_id: str, multi_region: bool) -> None:
    assert key_id_of(key_number(key_id), multi_region=multi_region) == key_id


@pytest.mark.parametrize("text", [SINGLE.upper(), MULTI + "0", "mrk-" + "g" * 32, "", SINGLE + "\n"])
def test_other_texts_are_no_key_ids(text: str) -> None:
    assert not is_key_id(text)
    with pytest.raises(NotFoundException):
        parse_key_reference(text, alias_allowed=True)


@pytest.mark.parametrize("text", ["arn:", "arn:aws:kms:us-east-1:1:key/x", "arn:aws:s3:us-east-1:111122223333:key/" + SINGLE])
def test_a_malformed_arn_is_refused_as_such(text: str) -> None:
    with pytest.raises(InvalidArnException):
        parse_key_reference(text, alias_allowed=True)


def test_an_arn_is_taken_apart() -> None:
    reference = parse_key_reference(f"arn:aws:kms:eu-west-1:111122223333:key/{MULTI}", alias_allowed=False)
    assert (reference.key_id, reference.region, reference.account) == (MULTI, "eu-west-1", "111122223333")


def test_an_alias_is_refused_where_only_a_key_is_taken() -> None:
    with pytest.raises(InvalidArnException, match="Key Aliases are not supported"):
        parse_key_reference("alias/payments", alias_allowed=False)


def test_names_are_printed_as_aws_writes_them() -> None:
    assert key_arn("aws", "us-east-1", "1" * 12, SINGLE) == f"arn:aws:kms:us-east-1:{'1' * 12}:key/{SINGLE}"
    assert alias_arn("aws", "us-east-1", "1" * 12, "alias/a") == f"arn:aws:kms:us-east-1:{'1' * 12}:alias/a"
    assert key_number(MULTI) == bytes.fromhex("1234abcd12ab34cd56ef1234567890ab") == key_number(SINGLE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SINGLE, KeyReference(SINGLE, key_id=SINGLE)),
        ("alias/a/b-C_1", KeyReference("alias/a/b-C_1", alias="alias/a/b-C_1")),
        (f"{AT}:alias/a", KeyReference(f"{AT}:alias/a", alias="alias/a", partition="aws", region="us-east-1", account="1" * 12)),
        (f"{AT}:key/{SINGLE}", KeyReference(f"{AT}:key/{SINGLE}", key_id=SINGLE, partition="aws", region="us-east-1", account="1" * 12)),
    ],
)
def test_every_form_of_a_name_is_read(text: str, expected: KeyReference) -> None:
    found = parse_key_reference(text, alias_allowed=True)
    assert found == expected
    assert found.is_arn is text.startswith("arn:")


@pytest.mark.parametrize(
    "text",
    [
        f"arn::kms:us-east-1:{'1' * 12}:key/{SINGLE}",
        f"arn:aws:kms::{'1' * 12}:key/{SINGLE}",
        f"arn:aws:kms:us-east-1:{'1' * 11}:key/{SINGLE}",
        f"arn:aws:kms:us-east-1:{'1' * 12}",
        f"{AT}:grant/{SINGLE}",
    ],
)
def test_an_arn_without_a_part_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(InvalidArnException) as refused:
        parse_key_reference(text, alias_allowed=True)
    assert refused.value.message == f"ARN is not valid: {text}"


def test_a_key_that_an_arn_cannot_name_is_not_found() -> None:
    with pytest.raises(NotFoundException) as refused:
        parse_key_reference(f"{AT}:key/x", alias_allowed=True)
    assert refused.value.message == "Invalid keyId 'x'"
    with pytest.raises(NotFoundException) as refused:
        parse_key_reference("x", alias_allowed=True)
    assert refused.value.message == "Invalid keyId 'x'"


@pytest.mark.parametrize("name", ["alias/", "alias/a b", "alias/a!"])
def test_an_alias_that_cannot_exist_is_refused_by_its_field(name: str) -> None:
    for text in (name, f"{AT}:{name}"):
        with pytest.raises(ValidationException) as refused:
            parse_key_reference(text, alias_allowed=True)
        assert refused.value.message == f"{name} contains invalid characters for an alias"
        assert refused.value.fields == (("keyId", "alias"),)
