"""Text, addresses and faults that came from somebody else, fit to be kept and shown."""

from __future__ import annotations

import pytest

from meridian.domain.addresses import is_foreign_address, network_of, plain_address
from meridian.domain.fault_places import PLACES_MAX, fault_at, fault_text, file_fault, places_of
from meridian.domain.foreign_text import cut_encoded, printable
from meridian.domain.peers import PeerRegion, region_server_name


def test_what_draws_on_terminals_falls_away_and_the_rest_is_cut() -> None:
    assert printable("a\x1b[31mb\n\x00\u202ec", 100) == "a[31mbc"
    assert printable("abcdef", 3) == "abc"
    assert printable("\x00" * 12 + "abc", 3) == "", "no more is looked at than four times as much"
    assert printable("\x00" * 9 + "abc", 3) == "abc"


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("abc", 9, "abc"),
        ("abcdefghijkl", 12, "abcdefghijkl"),
        ("abcdefghijklm", 12, "abc…"),
        ("ab%%%%%%%%%%%", 18, "ab%%…"),
        ("é" * 10, 30, "é" * 3 + "…"),
        ("~ ~ ~ ~ ~ ~ ~", 13, "~ ~ ~ ~ ~ ~ ~"),
        ("a\x7fb\x7fc\x7fd", 13, "a\x7fb\x7fc\x7fd"),
        ("a\x7fb\x7fc\x7fd", 12, "a…"),
    ],
)
def test_a_text_is_cut_where_its_encoded_form_would_not_fit(text: str, most: int, shown: str) -> None:
    assert cut_encoded(text, most) == shown


@pytest.mark.parametrize(
    ("text", "plain", "network"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::1%eth0", "2001:db8::ffff:0:0:1", "2001:db8::/64"),
        ("fe80::1%" + "z" * 60, "fe80::1", "fe80::/64"),
        ("no address at all", "no address at all", "no address"),
        ("", "", "no address"),
        ("2001:db8::1" + "0" * 40, "2001:db8::1" + "0" * 40, "no address"),
    ],
)
def test_an_address_has_one_form_and_is_counted_under_its_network(text: str, plain: str, network: str) -> None:
    assert (plain_address(text), network_of(text)) == (plain, network)


def test_a_proxy_names_an_address_without_a_zone_and_no_longer_than_one() -> None:
    longest = "0000:0000:0000:0000:0000:ffff:192.168.100.100"
    assert len(longest) == 45
    assert is_foreign_address(longest)
    assert is_foreign_address("192.0.2.1")
    for text in ("fe80::1%eth0", "unknown", "", "0" + longest):
        assert not is_foreign_address(text)


def _deep(levels: int) -> None:
    if levels:
        _deep(levels - 1)
    else:
        raise KeyError("a secret")


def test_where_a_fault_came_from_is_told_without_its_text() -> None:
    with pytest.raises(KeyError) as caught:
        _deep(20)
    places = places_of(caught.value)
    assert len(places) == PLACES_MAX
    assert all(place.startswith("test_texts_of_strangers.py:") and place.endswith(" _deep") for place in places)
    assert fault_at(caught.value) == " < ".join(reversed(places))
    assert fault_text(caught.value) == f"KeyError at {fault_at(caught.value)}"
    assert "secret" not in fault_text(caught.value)


def test_the_outermost_place_comes_first() -> None:
    with pytest.raises(KeyError) as caught:
        _deep(1)
    assert [place.rpartition(" ")[2] for place in places_of(caught.value)] == [
        "test_the_outermost_place_comes_first", "_deep", "_deep",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (FileNotFoundError(2, "No such file", "/a/b"), "/a/b: No such file"),
        (OSError("what happened"), "what happened"),
        (PermissionError(), "PermissionError"),
        (OSError(5, "Input/output error"), "Input/output error"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_name(fault: OSError, text: str) -> None:
    assert file_fault(fault) == text


def test_a_region_has_a_name_of_its_own_in_its_certificate() -> None:
    peer = PeerRegion("eu-west-1", "localhost:1", "spiffe://x", "0" * 64, frozenset())
    assert peer.server_name == region_server_name("eu-west-1") == "eu-west-1.region.meridian.internal"
