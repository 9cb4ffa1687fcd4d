"""A key of an issuer signs by the algorithm that it is for, and a key set that is not sound is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from tests.identity_tokens import Issuer, Signer

from meridian.crypto.signed_tokens import ALGORITHMS, ED25519, KEYS_MAX, KeySetFault, read_key_set

EC = Signer()


def document(*keys: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"keys": list(keys), **more}).encode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_signs_with_its_own_kind_of_key_alone(algorithm: str) -> None:
    issuer = Issuer(algorithm=algorithm)
    keys = read_key_set(document(issuer.signer.public(alg=algorithm)))
    assert [name for name in ALGORITHMS if keys.find("one", name) is not None] == (list(ED25519) if algorithm in ED25519 else [algorithm])
    key = keys.find("one", algorithm)
    assert key is not None
    token = issuer.token()
    assert json.loads(key.payload_of(token, algorithm))["sub"] == "ann"
    head, _, signature = token.rpartition(".")
    for other in (f"{head}.{signature[:-8]}AAAAAAAA", f"{head}.", Issuer(algorithm=algorithm).token()):
        with pytest.raises(ValueError, match=r"\w"):
            key.payload_of(other, algorithm)


def test_a_key_that_does_not_say_its_algorithm_is_for_those_of_its_kind() -> None:
    keys = read_key_set(document(Signer(algorithm="RS256").public(), EC.public(kid="two")))
    assert {name for name in ALGORITHMS if keys.find("one", name)} == {"RS256", "PS256"}
    assert {name for name in ALGORITHMS if keys.find("two", name)} == {"ES256"}


def test_what_is_for_something_else_is_left_out() -> None:
    others = [
        EC.public(use="enc"),
        EC.public(key_ops=["sign"]),
        EC.public(alg="ES512"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
        {name: value for name, value in EC.public().items() if name != "kid"},
        Signer(algorithm="ES384").public(alg="ES256"),
    ]
    keys = read_key_set(document(*others, EC.public(kid="good")))
    assert len(keys) == 1
    assert keys.find("one", "ES256") is None


FAULTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "no JSON": (lambda: b"{", "no JSON"),
    "no text": (lambda: b"\xff", "no UTF-8"),
    "no object": (lambda: b"[]", "no key set"),
    "keys that are none": (lambda: b'{"keys": {}}', "no key set"),
    "a member twice": (lambda: b'{"keys": [], "keys": []}', "more than once"),
    "too many": (lambda: document(*[EC.public(kid=str(number)) for number in range(KEYS_MAX + 1)]), "at most"),
    "none that signs": (lambda: document(EC.public(use="enc")), "no key that could"),
    "one kid for two": (lambda: document(EC.public(), Signer().public()), "two keys of one kid"),
    "a kid that is no text": (lambda: document(EC.public(kid=7)), "kid is no text"),
    "a long kid": (lambda: document(EC.public(kid="k" * 257)), "kid is no text"),
    "a private key": (lambda: document({**EC.key.as_dict(private=True), "kid": "one"}), "private"),
    "a point off the curve": (lambda: document(EC.public(x=EC.public()["y"])), "cannot be read"),
    "a short RSA key": (lambda: document({**RSAKey.generate_key(1024).as_dict(private=False), "kid": "one"}), "not of 2048"),
    "a huge RSA key": (lambda: document({"kty": "RSA", "kid": "one", "e": "AQAB", "n": "__" * 4096}), "not of 2048"),
    "a number that is none": (lambda: document({"kty": "RSA", "kid": "one", "e": 3, "n": 4}), "cannot be read"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_key_set_that_is_not_sound_is_refused_as_a_whole(case: str) -> None:
    make, why = FAULTS[case]
    with pytest.raises(KeySetFault, match=why):
        read_key_set(make())
