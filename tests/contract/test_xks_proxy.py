"""The XKS proxy API as its published test client asks for it, call for call, over HTTPS against a real Region; and what that client leaves
out: statuses, bytes, other methods, altered pieces, two credentials.

Source: AWS KMS External Key Store (XKS) Proxy API Specification; the cases of its test client, in this project's own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from typing import Any

import pytest
from tests.deployment import HOME, Deployment
from tests.xks import API, OtherKms, Reply, allow, bytes_of, export, serve_xks, text_of

pytestmark = pytest.mark.timeout(180)

PREFIX = "/example/uri/path/prefix"
AAD, OTHER = b"project=nile,department=marketing", b"project=nile,department=finance"
PLAIN = b"plaintext of the other KMS"
DENIED, UNSIGNED = (400, "ValidationException"), (401, "AuthenticationFailedException")
USAGE, CIPHERTEXT = (400, "InvalidKeyUsageException"), (400, "InvalidCiphertextException")
NO_KEY, NO_PATH = (404, "KeyNotFoundException"), (404, "InvalidUriPathException")
KEYS = {
    "foo": ("encrypt", "decrypt"),
    "encrypt_only_key": ("encrypt",),
    "decrypt_only_key": ("decrypt",),
    "impotent_key": ("nothing",),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, OtherKms]]:
    deployment = Deployment(
        tmp_path_factory.mktemp("xks"), [HOME], settings_added="limits.failed_authentications_per_minute = 0\n"
    ).prepare()
    try:
        port = serve_xks(deployment)
        allow(deployment)
        deployment.start()
        with deployment.client() as alice:
            arn = alice.create_key().key_metadata.arn
        made = [export(deployment, port, arn, PREFIX, name, *uses) for name, uses in KEYS.items()]
        caller = made[0]
        assert caller is not None
        assert made[1:] == [None, None, None], "one credential opens the whole key store"
        deployment.wait_until(lambda: caller.metadata("impotent_key").status == 200)
        yield deployment, caller
    finally:
        deployment.stop_all()


@pytest.fixture
def kms(served: tuple[Deployment, OtherKms]) -> OtherKms:
    return served[1]


def without(kms: OtherKms, what: str) -> Reply:
    return kms.call(what, {})


def bare(kms: OtherKms, what: str) -> Reply:
    return kms.call(what, {"requestMetadata": {}})


def stranger(kms: OtherKms) -> OtherKms:
    return kms.with_(access_key_id=f"Invalid{kms.access_key_id}")


def liar(kms: OtherKms) -> OtherKms:
    return kms.with_(secret=f"Invalid{kms.secret}")


def astray(kms: OtherKms) -> OtherKms:
    return kms.with_(prefix=f"{PREFIX}/invalid")


def sealed(key: str, aad: bytes | None, cdiv: bool, kms: OtherKms) -> Reply:
    return kms.encrypt(key, PLAIN, aad=aad, cdiv=cdiv)


REFUSED: dict[str, tuple[Callable[[OtherKms], Reply], tuple[int, str]]] = {
    "02 health of nothing": (lambda kms: without(kms, "health"), DENIED),
    "03 health without metadata": (lambda kms: bare(kms, "health"), DENIED),
    "04 health of a stranger": (lambda kms: stranger(kms).health(), UNSIGNED),
    "05 health with another secret": (lambda kms: liar(kms).health(), UNSIGNED),
    "a Region with a name longer than any": (lambda kms: kms.with_(region="r" * 65).health(), UNSIGNED),
    "06 health under another path": (lambda kms: astray(kms).health(), NO_PATH),
    "09 metadata of nothing": (lambda kms: without(kms, "foo/metadata"), DENIED),
    "10 metadata without metadata": (lambda kms: bare(kms, "foo/metadata"), DENIED),
    "11 metadata of a key that is not there": (lambda kms: kms.metadata("non_existing_key"), NO_KEY),
    "12 metadata for a stranger": (lambda kms: stranger(kms).metadata("foo"), UNSIGNED),
    "13 metadata with another secret": (lambda kms: liar(kms).metadata("foo"), UNSIGNED),
    "14 metadata under another path": (lambda kms: astray(kms).metadata("foo"), NO_PATH),
    "15 encrypt under a key that is not there": (lambda kms: kms.encrypt("non_existing_key", PLAIN), NO_KEY),
    "16 encrypt nothing": (lambda kms: kms.encrypt("foo", None), DENIED),
    "17 encrypt for a stranger": (lambda kms: stranger(kms).encrypt("foo", PLAIN), UNSIGNED),
    "18 encrypt with another secret": (lambda kms: liar(kms).encrypt("foo", PLAIN), UNSIGNED),
    "19 encrypt under another path": (lambda kms: astray(kms).encrypt("foo", PLAIN), NO_PATH),
    "40 an integrity value that nobody could check": (lambda kms: kms.encrypt("encrypt_only_key", PLAIN, cdiv=True), USAGE),
    "41 the same with AAD": (lambda kms: kms.encrypt("encrypt_only_key", PLAIN, aad=AAD, cdiv=True), USAGE),
    **{
        f"{number + at} {key}: {'AAD' if aad else 'no AAD'}{', integrity value' if cdiv else ''}": (
            partial(sealed, key, aad, cdiv),
            USAGE,
        )
        for number, key in ((42, "decrypt_only_key"), (46, "impotent_key"))
        for at, (aad, cdiv) in enumerate(((AAD, False), (None, False), (AAD, True), (None, True)))
    },
}
"""Calls of the test client that are refused, by their numbers there; and one that it does not make."""


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_test_client_wants_refused_is_refused(kms: OtherKms, case: str) -> None:
    call, expected = REFUSED[case]
    reply = call(kms)
    assert reply.error == expected
    assert reply.headers["content-type"] == "application/json"
    assert b"\n" not in reply.body
    assert re.fullmatch(r"[ -~]{1,511}", reply.document["errorMessage"])


def test_01_health(kms: OtherKms) -> None:
    reply = kms.health()
    assert reply.status == 200
    assert reply.document["xksProxyFleetSize"] > 0
    assert all(reply.document[name] for name in ("xksProxyVendor", "xksProxyModel", "ekmVendor"))
    assert [set(each) for each in reply.document["ekmFleetDetails"]] == [{"id", "model", "healthStatus"}]
    assert reply.document["ekmFleetDetails"][0]["healthStatus"] == "ACTIVE"


@pytest.mark.parametrize("operation", ["DescribeKey", "CreateKey", "AnOperationThatIsNotThereYet"])
def test_07_08_metadata_whatever_the_operation(kms: OtherKms, operation: str) -> None:
    reply = kms.metadata("foo", kmsOperation=operation, kmsViaService="ebs", aFieldThatIsNotThereYet="x")
    assert reply.status == 200
    assert reply.document == {"keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED"}


PAIRS: dict[str, tuple[bytes | None, bytes | None, tuple[int, str]]] = {
    "20-23 AAD, then none": (AAD, None, CIPHERTEXT),
    "24-25 AAD, then another": (AAD, OTHER, CIPHERTEXT),
    "26-27 none": (None, None, (200, "")),
    "28-29 AAD": (AAD, AAD, (200, "")),
}


@pytest.mark.parametrize("case", PAIRS)
def test_20_to_29_what_was_encrypted_opens_with_its_aad_alone(kms: OtherKms, case: str) -> None:
    first, second, expected = PAIRS[case]
    made = kms.encrypt("foo", PLAIN, aad=first)
    assert made.status == 200
    assert "ciphertextDataIntegrityValue" not in made.document
    opened = kms.decrypt("foo", made.document, aad=second)
    assert opened.error == expected
    if opened.status == 200:
        assert opened.document == {"plaintext": text_of(PLAIN)}


def hashed(aad: bytes | None, made: dict[str, Any]) -> bytes:
    pieces = ("ciphertextMetadata", "initializationVector", "ciphertext", "authenticationTag")
    return sha256((aad or b"") + b"".join(bytes_of(made[name]) for name in pieces)).digest()


@pytest.mark.parametrize("aad", [AAD, None], ids=["30-31 AAD", "32-33 none"])
def test_30_to_33_the_integrity_value_is_the_hash_of_all_pieces(kms: OtherKms, aad: bytes | None) -> None:
    made = kms.encrypt("foo", PLAIN, aad=aad, cdiv=True).document
    assert bytes_of(made["ciphertextDataIntegrityValue"]) == hashed(aad, made)
    assert bytes_of(kms.decrypt("foo", made, aad=aad).document["plaintext"]) == PLAIN


@pytest.mark.parametrize("size", [1, 4096, 4300], ids=["1 byte", "34-35", "the most"])
def test_34_35_long_plaintext_and_long_aad(kms: OtherKms, size: int) -> None:
    plaintext, aad = bytes(size), b"\xff" * 8192
    made = kms.encrypt("foo", plaintext, aad=aad).document
    lengths = {name: len(bytes_of(value)) for name, value in made.items()}
    assert lengths == {"ciphertext": size, "initializationVector": 16, "authenticationTag": 16, "ciphertextMetadata": 17}
    assert bytes_of(kms.decrypt("foo", made, aad=aad).document["plaintext"]) == plaintext


@pytest.mark.parametrize("aad", [None, AAD])
def test_36_to_39_a_key_for_encryption_alone_does_not_decrypt(kms: OtherKms, aad: bytes | None) -> None:
    made = kms.encrypt("encrypt_only_key", PLAIN, aad=aad)
    assert made.status == 200
    assert kms.decrypt("encrypt_only_key", made.document, aad=aad).error == USAGE
    assert kms.metadata("encrypt_only_key").document["keyUsage"] == ["ENCRYPT"]


# ------------------------------------------------------------------ what the test client leaves out


PIECES = ("ciphertext", "initializationVector", "authenticationTag", "ciphertextMetadata")


@pytest.mark.parametrize("name", PIECES)
def test_no_altered_piece_opens(kms: OtherKms, name: str) -> None:
    made = kms.encrypt("foo", PLAIN, aad=AAD).document
    piece = bytes_of(made[name])
    altered = [bytes([piece[0] ^ 1, *piece[1:]]), bytes([*piece[:-1], piece[-1] ^ 1]), piece[:-1], piece + b"\0"]
    for each in altered:
        if each:
            assert kms.decrypt("foo", {**made, name: text_of(each)}, aad=AAD).error == CIPHERTEXT


def test_metadata_is_not_passed_off_as_aad(kms: OtherKms) -> None:
    made = kms.encrypt("foo", PLAIN, aad=AAD).document
    metadata = bytes_of(made["ciphertextMetadata"])
    for aad, left in ((AAD + metadata, {n: v for n, v in made.items() if n != "ciphertextMetadata"}), (AAD + metadata[:1], made)):
        assert kms.decrypt("foo", left, aad=aad).error == CIPHERTEXT


def test_exports_of_one_key_do_not_open_each_others_ciphertexts(kms: OtherKms) -> None:
    made = kms.encrypt("encrypt_only_key", PLAIN).document
    for key in ("foo", "decrypt_only_key"):
        assert kms.decrypt(key, made).error == CIPHERTEXT


WRONG: dict[str, tuple[dict[str, Any], tuple[int, str], str]] = {
    "no algorithm": ({"encryptionAlgorithm": None}, DENIED, "encryptionAlgorithm"),
    "another algorithm": ({"encryptionAlgorithm": "AES_CBC"}, (501, "UnsupportedOperationException"), "encryptionAlgorithm"),
    "another hash": (
        {"ciphertextDataIntegrityValueAlgorithm": "MD5"},
        (501, "UnsupportedOperationException"),
        "ciphertextDataIntegrityValueAlgorithm",
    ),
    "no base64": ({"plaintext": "not base64"}, DENIED, "plaintext"),
    "URL-safe base64": ({"plaintext": "-_-_"}, DENIED, "plaintext"),
    "no padding": ({"plaintext": "YQ"}, DENIED, "plaintext"),
    "no text": ({"plaintext": 7}, DENIED, "plaintext"),
    "empty": ({"plaintext": ""}, DENIED, "plaintext"),
    "long plaintext": ({"plaintext": text_of(bytes(4301))}, (501, "UnsupportedOperationException"), "plaintext"),
    "long AAD": (
        {"additionalAuthenticatedData": text_of(bytes(8193))},
        (501, "UnsupportedOperationException"),
        "additionalAuthenticatedData",
    ),
    "no principal": ({"requestMetadata": {"kmsRequestId": "r", "kmsOperation": "o", "kmsKeyArn": "k"}}, DENIED, "awsPrincipalArn"),
    "no key": ({"requestMetadata": {"kmsRequestId": "r", "kmsOperation": "o", "awsPrincipalArn": "p"}}, DENIED, "kmsKeyArn"),
    "metadata that is a list": ({"requestMetadata": []}, DENIED, "requestMetadata"),
    "a claim that is a number": ({"requestMetadata": {"kmsRequestId": 7}}, DENIED, "kmsRequestId"),
    "a claim that is long": ({"requestMetadata": {"kmsRequestId": "r" * 2049}}, DENIED, "kmsRequestId"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_field_is_named(kms: OtherKms, case: str) -> None:
    changed, expected, field = WRONG[case]
    reply = kms.encrypt("foo", PLAIN, **changed)
    assert reply.error == expected
    assert field in reply.document["errorMessage"]


def test_a_body_that_is_no_json_object(kms: OtherKms) -> None:
    path = f"{PREFIX}{API}/keys/foo/encrypt"
    for body in (b"", b"[]", b"{", b"\xff", b'{"plaintext": "YQ==", "plaintext": "YQ=="}'):
        assert kms.send(path, body, kms.signed(path, body)).error == DENIED


@pytest.mark.parametrize("what", ["health", "keys/foo/metadata", "keys/foo/encrypt", "keys/foo/decrypt"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_another_method_is_not_allowed(kms: OtherKms, what: str, method: str) -> None:
    reply = kms.send(f"{PREFIX}{API}/{what}", b"", {}, method)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


UNSERVED = (
    "/",
    f"{API}/health",
    f"{PREFIX}/kms/xks/v2/health",
    f"{PREFIX}{API}/health?x=1",
    f"{PREFIX}{API}/health/",
    f"{PREFIX}{API}//health",
    f"{PREFIX}/..{PREFIX}{API}/health",
    f"{PREFIX}{API}/keys/foo/sign",
    f"{PREFIX}{API}/keys/a%2fb/metadata",
    f"{PREFIX}{API}/keys//metadata",
    f"{PREFIX}{API}/keys/{'k' * 129}/metadata",
    f"{PREFIX.upper()}{API}/health",
)


@pytest.mark.parametrize("path", UNSERVED)
def test_only_the_paths_of_the_specification_are_served(kms: OtherKms, path: str) -> None:
    assert kms.send(path, b"{}", kms.signed(path, b"{}")).error == NO_PATH


def test_the_connection_is_kept(kms: OtherKms) -> None:
    kms = kms.with_()
    assert kms.health().status == 200
    socket = kms.open().sock
    assert kms.metadata("non_existing_key").status == 404
    assert stranger(kms).health().status == 401
    assert kms.encrypt("foo", PLAIN).status == 200
    assert kms.open().sock is socket


def test_two_credentials_open_a_key_store_and_one_is_revoked(served: tuple[Deployment, OtherKms]) -> None:
    from tests.xks import meridian_xks

    deployment, first = served
    with deployment.client() as alice:
        arn = alice.create_key().key_metadata.arn
    second = export(deployment, first.port, arn, PREFIX, "second", "encrypt", new_credential=True)
    assert second is not None
    deployment.wait_until(lambda: second.health().status == 200)
    assert first.health().status == second.metadata("foo").status == 200
    assert meridian_xks(deployment, "revoke", second.access_key_id).returncode == 0
    deployment.wait_until(lambda: second.health().error == UNSIGNED)
    assert first.health().status == 200


def test_every_call_has_its_record(served: tuple[Deployment, OtherKms]) -> None:
    deployment, kms = served
    marks = {"kmsRequestId": "join-me", "awsPrincipalArn": "arn:aws:iam::999999999999:role/somebody"}
    assert kms.metadata("foo", **marks).status == 200
    assert kms.metadata("gone", **marks).status == 404
    assert kms.encrypt("decrypt_only_key", PLAIN, requestMetadata={**marks, "kmsOperation": "Encrypt", "kmsKeyArn": "k"}).error == USAGE
    found = [r for r in deployment.audit(HOME) if "join-me" in str(r.get("requestParameters"))]
    assert [(r["eventName"], r.get("errorCode")) for r in found] == [
        ("XksGetKeyMetadata", None),
        ("XksGetKeyMetadata", "NotFoundException"),
        ("XksEncrypt", "InvalidKeyUsageException"),
    ]
    for record in found:
        assert record["requestParameters"]["unverifiedClaims"]["awsPrincipalArn"] == marks["awsPrincipalArn"]
        assert record["userIdentity"]["accountId"] == "111122223333", "a claim is nobody's identity"
        assert record["meridian"]["authn"] == {"method": "xks_signature", "subject": kms.access_key_id}
    assert [r["userIdentity"]["userName"] for r in found] == ["xks-export/foo", f"xks-store{PREFIX}", "xks-export/decrypt_only_key"]
    assert found[0]["resources"][0]["ARN"].startswith("arn:aws:kms:us-east-1:111122223333:key/")
    written = str(deployment.audit(HOME))
    assert text_of(PLAIN) not in written
    assert kms.secret not in written
