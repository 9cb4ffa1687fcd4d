"""Names of keys as callers write them."""

from __future__ import annotations

import pytest

from meridian.domain.identifiers import is_key_id, key_id_of, key_number, parse_key_reference
from meridian.errors import InvalidArnException, NotFoundException

MULTI = "mrk-1234abcd12ab34cd56ef1234567890ab"
SINGLE = "1234abcd-12ab-34cd-56ef-1234567890ab"


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
