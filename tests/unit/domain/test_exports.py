"""Which paths and prefixes name exported keys."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meridian.domain.xks import API_PATH, Export, ExternalUse, Place, XksCall, is_prefix, place_of


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/kms/xks/v1/health", Place(XksCall.HEALTH, "", "")),
        ("/a/b-C_1/kms/xks/v1/keys/k.1/encrypt", Place(XksCall.ENCRYPT, "/a/b-C_1", "k.1")),
        ("/kms/xks/v1/keys/k/metadata", Place(XksCall.METADATA, "", "k")),
        ("/kms/xks/v1/keys/" + "k" * 128 + "/decrypt", Place(XksCall.DECRYPT, "", "k" * 128)),
        ("/kms/xks/v1/keys/" + "k" * 129 + "/decrypt", None),
        ("/kms/xks/v1/keys//encrypt", None),
        ("/kms/xks/v1/keys/k/sign", None),
        ("/kms/xks/v1/health/", None),
        ("//kms/xks/v1/health", None),
        (API_PATH + "/health" + API_PATH + "/health", None),
        ("/" + "a" * 117 + API_PATH + "/health", None),
        ("/" + "a" * 116 + API_PATH + "/health", Place(XksCall.HEALTH, "/" + "a" * 116, "")),
        ("/" + "a" * 108 + API_PATH + "/keys/" + "k" * 122 + "/encrypt", Place(XksCall.ENCRYPT, "/" + "a" * 108, "k" * 122)),
        ("/" + "a" * 108 + API_PATH + "/keys/" + "k" * 123 + "/encrypt", None),
    ],
)
def test_a_path_names_a_call_by_its_form_alone(path: str, place: Place | None) -> None:
    assert len(path) <= 256 or place is None
    assert place_of(path) == place


def test_a_prefix_leaves_no_doubt_where_the_api_begins() -> None:
    for text, is_one in (("", True), ("/a", True), ("a", False), ("/a/", False), ("/x" + API_PATH, False), (API_PATH + "2", True)):
        assert is_prefix(text) is is_one, text


def test_calls_on_an_export_are_decided_as_a_service_of_its_own() -> None:
    export = Export("k1", "", "1" * 12, "id", (ExternalUse.ENCRYPT,), datetime(2026, 1, 1, tzinfo=UTC))
    assert export.principal_name == "xks-export/k1"
