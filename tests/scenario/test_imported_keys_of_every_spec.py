"""Private keys that openssl made, and HMAC keys, are imported, used, lost and imported again."""

from __future__ import annotations

import hmac
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from tests.deployment import AWAY, HOME, Deployment
from tests.scenario.test_every_key_spec import MESSAGE, SIGNING, algorithm, made, number

from meridian.client import Client, errors
from meridian.kms.v1 import types_pb2 as t


@pytest.fixture
def alice(two_regions: Deployment) -> Iterator[Client]:
    """Administers keys."""
    with two_regions.client() as client:
        yield client


@pytest.fixture
def app(two_regions: Deployment) -> Iterator[Client]:
    """Uses keys."""
    with two_regions.client(HOME, "app") as client:
        yield client


def wrapped(public_key: bytes, material: bytes, *, by_key_wrap: bool) -> bytes:
    """As an owner wraps it: by RSA-OAEP alone, or under an AES key that RSA-OAEP carries."""
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

    public: Any = serialization.load_der_public_key(public_key)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    if not by_key_wrap:
        return bytes(public.encrypt(material, oaep))
    aes = os.urandom(32)
    return bytes(public.encrypt(aes, oaep)) + aes_key_wrap_with_padding(aes, material)


def bring(alice: Client, key_id: str, material: bytes, *, by_key_wrap: bool) -> None:
    name = "RSA_AES_KEY_WRAP_SHA_256" if by_key_wrap else "RSAES_OAEP_SHA_256"
    parameters = alice.get_parameters_for_import(
        key_id=key_id, wrapping_algorithm=number("AlgorithmSpec", name), wrapping_key_spec=t.WRAPPING_KEY_SPEC_RSA_3072
    )
    alice.import_key_material(
        key_id=key_id,
        import_token=parameters.import_token,
        encrypted_key_material=wrapped(parameters.public_key, material, by_key_wrap=by_key_wrap),
        expiration_model=t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE,
    )


def openssl_private_key(spec: str) -> bytes:
    kinds = {
        "RSA_2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "ECC_NIST_P256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "ECC_NIST_EDWARDS25519": ["-algorithm", "ed25519"],
    }
    done = subprocess.run(["openssl", "genpkey", *kinds[spec], "-outform", "DER"], capture_output=True, check=True)
    pkcs8 = subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER"], input=done.stdout, capture_output=True, check=True
    )
    return pkcs8.stdout


@pytest.mark.parametrize(("spec", "by_key_wrap"), [("RSA_2048", True), ("ECC_NIST_P256", False), ("ECC_NIST_EDWARDS25519", True)])
def test_a_private_key_made_by_openssl_is_imported_and_signs(alice: Client, app: Client, spec: str, by_key_wrap: bool) -> None:
    private = openssl_private_key(spec)
    key_id = made(alice, spec, "SIGN_VERIFY", origin=t.ORIGIN_TYPE_EXTERNAL)
    with pytest.raises(errors.KMSInvalidStateException, match="pending import"):
        app.get_public_key(key_id=key_id)
    with pytest.raises(errors.InvalidCiphertextException):
        bring(alice, key_id, openssl_private_key("ECC_NIST_P256" if spec != "ECC_NIST_P256" else "ECC_NIST_EDWARDS25519"), by_key_wrap=True)
    bring(alice, key_id, private, by_key_wrap=by_key_wrap)
    loaded: Any = serialization.load_der_private_key(private, None)
    der, spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    assert app.get_public_key(key_id=key_id).public_key == loaded.public_key().public_bytes(der, spki)
    name = SIGNING[spec][0]
    signature = app.sign(key_id=key_id, signing_algorithm=algorithm(name), message=MESSAGE).signature
    assert app.verify(key_id=key_id, signing_algorithm=algorithm(name), message=MESSAGE, signature=signature).signature_valid
    with pytest.raises(errors.IncorrectKeyMaterialException):
        bring(alice, key_id, openssl_private_key(spec), by_key_wrap=by_key_wrap)
    alice.delete_imported_key_material(key_id=key_id)
    with pytest.raises(errors.KMSInvalidStateException, match="pending import"):
        app.sign(key_id=key_id, signing_algorithm=algorithm(name), message=MESSAGE)
    bring(alice, key_id, private, by_key_wrap=by_key_wrap)
    assert app.verify(key_id=key_id, signing_algorithm=algorithm(name), message=MESSAGE, signature=signature).signature_valid


def test_imported_hmac_material_of_every_length_that_is_allowed(alice: Client, app: Client, two_regions: Deployment) -> None:
    mac_algorithm = number("MacAlgorithmSpec", "HMAC_SHA_256")
    for size in (32, 128):
        material = os.urandom(size)
        key_id = made(alice, "HMAC_256", "GENERATE_VERIFY_MAC", origin=t.ORIGIN_TYPE_EXTERNAL, multi_region=True)
        for wrong in (31, 129):
            with pytest.raises(errors.InvalidCiphertextException):
                bring(alice, key_id, os.urandom(wrong), by_key_wrap=False)
        bring(alice, key_id, material, by_key_wrap=False)
        mac = app.generate_mac(key_id=key_id, mac_algorithm=mac_algorithm, message=MESSAGE).mac
        assert mac == hmac.digest(material, MESSAGE, "sha256")
    alice.replicate_key(key_id=key_id, replica_region=AWAY)
    two_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_PENDING_IMPORT)
    with two_regions.client(AWAY) as away, two_regions.client(AWAY, "app") as away_app:
        with pytest.raises(errors.IncorrectKeyMaterialException):
            bring(away, key_id, os.urandom(128), by_key_wrap=False)
        bring(away, key_id, material, by_key_wrap=False)
        assert away_app.verify_mac(key_id=key_id, mac_algorithm=mac_algorithm, message=MESSAGE, mac=mac).mac_valid
