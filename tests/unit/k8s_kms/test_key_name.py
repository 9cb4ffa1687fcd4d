"""What the API server knows the key by."""

from __future__ import annotations

import re

import pytest

from meridian.k8s_kms.endpoints import ENDPOINTS_MAX, Place, read_places
from meridian.k8s_kms.key_name import KeyName

RELATED = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"
SINGLE = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FIRST, SECOND = "a" * 64, "b" * 64


def test_related_keys_have_one_name_in_all_regions() -> None:
    here, there = KeyName.read(RELATED), KeyName.read(RELATED.replace("us-east-1", "eu-west-1"))
    assert here.name_of(FIRST) == there.name_of(FIRST)
    assert here.arn_in("eu-west-1") == RELATED.replace("us-east-1", "eu-west-1")


def test_single_region_keys_of_two_regions_are_two_keys() -> None:
    here, there = KeyName.read(SINGLE), KeyName.read(SINGLE.replace("us-east-1", "eu-west-1"))
    assert here.name_of(FIRST) != there.name_of(FIRST)


def test_a_name_is_of_one_key_and_one_material() -> None:
    key = KeyName.read(RELATED)
    others = [KeyName.read(RELATED.replace("mrk-1", "mrk-2")), KeyName.read(RELATED.replace("1111", "2222")), KeyName.read(SINGLE)]
    assert len({key.name_of(FIRST), key.name_of(SECOND), *(other.name_of(FIRST) for other in others)}) == 5


def test_a_name_never_changes_with_the_release() -> None:
    """It is stored with each secret: another form of it would make all of them stale."""
    assert KeyName.read(RELATED).name_of(FIRST) == "bea9ed3eae5533b16f5f975a539a3fec15a7355f0a58aa79a4456800f97cc84a"


@pytest.mark.parametrize(
    "wrong",
    ["", "alias/secrets", "arn:aws:kms:us-east-1:111122223333:alias/secrets", SINGLE + "/x", f" {SINGLE}", SINGLE.split("/")[1]],
)
def test_only_the_arn_of_a_key_names_a_key(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no key ARN"):
        KeyName.read(wrong)


def test_endpoints_are_in_the_keys_region_unless_they_name_another() -> None:
    assert read_places(["here:7401", "eu-west-1=there:7402", "[::1]:7403"], KeyName.read(RELATED)) == (
        Place("us-east-1", "here:7401", RELATED),
        Place("eu-west-1", "there:7402", RELATED.replace("us-east-1", "eu-west-1")),
        Place("us-east-1", "[::1]:7403", RELATED),
    )


@pytest.mark.parametrize(
    ("key", "texts", "text"),
    [
        (SINGLE, ["eu-west-1=there:1"], "eu-west-1=there:1 is in another Region than the key, which is no multi-Region key"),
        (RELATED, ["here"], "here is neither host:port nor REGION=host:port"),
        (RELATED, ["here:0"], "here:0 is neither host:port nor REGION=host:port"),
        (RELATED, ["here:65536"], "here:65536 is neither host:port nor REGION=host:port"),
        (RELATED, [":1"], ":1 is neither host:port nor REGION=host:port"),
        (RELATED, ["here:1", "eu-west-1=here:1"], "here:1 is there twice"),
        (RELATED, [], f"has 1 to {ENDPOINTS_MAX} values"),
        (RELATED, [f"here:{n}" for n in range(1, ENDPOINTS_MAX + 2)], f"has 1 to {ENDPOINTS_MAX} values"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(key: str, texts: list[str], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        read_places(texts, KeyName.read(key))
