"""Keys of every spec do what they are for; what they make is checked by other software than ours."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client, errors
from meridian.contract.catalog import rpcs
from meridian.contract.enums import enum_values
from meridian.kms.v1 import types_pb2 as t

SIGNING = {
    "RSA_2048": [f"RSASSA_{p}_SHA_{b}" for p in ("PSS", "PKCS1_V1_5") for b in (256, 384, 512)],
    "RSA_3072": ["RSASSA_PSS_SHA_256"],
    "RSA_4096": ["RSASSA_PKCS1_V1_5_SHA_512"],
    "ECC_NIST_P256": ["ECDSA_SHA_256"],
    "ECC_NIST_P384": ["ECDSA_SHA_384"],
    "ECC_NIST_P521": ["ECDSA_SHA_512"],
    "ECC_SECG_P256K1": ["ECDSA_SHA_256"],
    "ECC_NIST_EDWARDS25519": ["ED25519_SHA_512", "ED25519_PH_SHA_512"],
    "ML_DSA_44": ["ML_DSA_SHAKE_256"],
    "ML_DSA_65": ["ML_DSA_SHAKE_256"],
    "ML_DSA_87": ["ML_DSA_SHAKE_256"],
}
MESSAGE = b"a message to sign"
LEGACY = hashes.SHA1()  # noqa: S303 - what RSAES_OAEP_SHA_1 is made of


def number(enum: str, value: str) -> Any:
    return {name: n for n, name in enum_values(t.DESCRIPTOR.enum_types_by_name[enum]).items()}[value]


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


def made(alice: Client, spec: str, usage: str, **fields: Any) -> str:
    request: dict[str, Any] = {"key_spec": number("KeySpec", spec), "key_usage": number("KeyUsageType", usage), **fields}
    return str(alice.create_key(**request).key_metadata.key_id)


def algorithm(name: str) -> Any:
    return number("SigningAlgorithmSpec", name)


@pytest.mark.parametrize("spec", SIGNING)
def test_what_a_key_signs_verifies_here_and_elsewhere(
    alice: Client, app: Client, two_regions: Deployment, spec: str, tmp_path: Path
) -> None:
    key_id = made(alice, spec, "SIGN_VERIFY", multi_region=True)
    alice.replicate_key(key_id=key_id, replica_region=AWAY)
    public = app.get_public_key(key_id=key_id)
    assert [number("SigningAlgorithmSpec", a) in public.signing_algorithms for a in SIGNING[spec]]
    for name in SIGNING[spec]:
        kinds = {"ED25519_SHA_512": ["RAW"], "ED25519_PH_SHA_512": ["DIGEST"], "ML_DSA_SHAKE_256": ["RAW", "EXTERNAL_MU"]}
        for kind in kinds.get(name, ["RAW", "DIGEST"]):
            message = sent(name, kind, public.public_key)
            fields: dict[str, Any] = {
                "key_id": key_id,
                "signing_algorithm": algorithm(name),
                "message_type": number("MessageType", kind),
                "message": message,
            }
            signature = app.sign(**fields).signature
            assert app.verify(signature=signature, **fields).signature_valid
            if (name, kind) != ("ED25519_PH_SHA_512", "DIGEST"):
                verify_elsewhere(public.public_key, name, signature, tmp_path)
            broken = bytes([signature[0] ^ 1]) + signature[1:]
            with pytest.raises(errors.KMSInvalidSignatureException):
                app.verify(signature=broken, **fields)
            with pytest.raises(errors.DryRunOperationException):
                app.sign(dry_run=True, **fields)
    two_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    with two_regions.client(AWAY, "app") as away:
        assert away.get_public_key(key_id=key_id).public_key == public.public_key
        assert away.verify(signature=signature, **fields).signature_valid
    with pytest.raises(errors.InvalidKeyUsageException):
        app.encrypt(key_id=key_id, plaintext=b"x")


def sent(name: str, kind: str, public_key: bytes) -> bytes:
    """The message as a caller sends it: itself, its digest, or the representative that FIPS 204 makes of it."""
    if kind == "RAW":
        return MESSAGE
    if kind == "EXTERNAL_MU":
        key: Any = serialization.load_der_public_key(public_key)
        hashed = hashlib.shake_256(key.public_bytes_raw()).digest(64)
        return hashlib.shake_256(hashed + b"\x00\x00" + MESSAGE).digest(64)
    size = "512" if "512" in name else "384" if "384" in name else "256"
    return hashlib.new(f"sha{size}", MESSAGE).digest()


def verify_elsewhere(public_key: bytes, name: str, signature: bytes, folder: Path) -> None:
    """By openssl itself where the machine's knows the algorithm, else by the library's own verification."""
    (folder / "public.der").write_bytes(public_key)
    (folder / "signature").write_bytes(signature)
    (folder / "message").write_bytes(MESSAGE)
    if name.startswith("ML_DSA"):
        key: Any = serialization.load_der_public_key(public_key)
        key.verify(signature, MESSAGE)
        with pytest.raises(InvalidSignature):
            key.verify(signature, MESSAGE + b"!")
        return
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "public.der", "-keyform", "DER", "-sigfile", "signature", "-rawin"]
    if name.startswith("RSASSA_PSS"):
        command += ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]
    if not name.startswith("ED25519"):
        command += ["-digest", f"sha{name[-3:]}"]
    done = subprocess.run([*command, "-in", "message"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_message_types_and_lengths_that_do_not_fit_are_refused(alice: Client, app: Client) -> None:
    def refused(key_id: str, name: str, kind: str, message: bytes) -> str:
        fields: dict[str, Any] = {"signing_algorithm": algorithm(name), "message_type": number("MessageType", kind), "message": message}
        with pytest.raises(errors.ValidationException) as caught:
            app.sign(key_id=key_id, **fields)
        return str(caught.value)

    curve, edwards = made(alice, "ECC_NIST_P256", "SIGN_VERIFY"), made(alice, "ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    lattice = made(alice, "ML_DSA_44", "SIGN_VERIFY")
    assert "Digest is invalid length for algorithm ECDSA_SHA_256." in refused(curve, "ECDSA_SHA_256", "DIGEST", b"x" * 31)
    assert "Message type EXTERNAL_MU is incompatible with key spec ECC_NIST_P256." in refused(curve, "ECDSA_SHA_256", "EXTERNAL_MU", b"x")
    assert "Message type DIGEST is incompatible with algorithm ED25519_SHA_512." in refused(edwards, "ED25519_SHA_512", "DIGEST", b"x" * 64)
    assert "incompatible with algorithm ED25519_PH_SHA_512" in refused(edwards, "ED25519_PH_SHA_512", "RAW", b"x")
    assert "invalid length" in refused(lattice, "ML_DSA_SHAKE_256", "EXTERNAL_MU", b"x" * 63)
    with pytest.raises(errors.InvalidKeyUsageException, match="incompatible with key spec"):
        app.sign(key_id=curve, signing_algorithm=algorithm("ECDSA_SHA_384"), message=b"x")


@pytest.mark.parametrize(("spec", "most"), [("RSA_2048", (214, 190)), ("RSA_3072", (342, 318)), ("RSA_4096", (470, 446))])
def test_rsa_keys_encrypt_and_decrypt(alice: Client, app: Client, spec: str, most: tuple[int, int]) -> None:
    key_id = made(alice, spec, "ENCRYPT_DECRYPT")
    public: Any = serialization.load_der_public_key(app.get_public_key(key_id=key_id).public_key)
    for name, digest, limit in zip(("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"), (LEGACY, hashes.SHA256()), most, strict=True):
        fields: dict[str, Any] = {"key_id": key_id, "encryption_algorithm": number("EncryptionAlgorithmSpec", name)}
        longest = os.urandom(limit)
        opened = app.decrypt(ciphertext_blob=app.encrypt(plaintext=longest, **fields).ciphertext_blob, **fields)
        assert opened.plaintext == longest
        assert not opened.key_material_id
        from_elsewhere = public.encrypt(b"hello", padding.OAEP(padding.MGF1(digest), digest, None))
        assert app.decrypt(ciphertext_blob=from_elsewhere, **fields).plaintext == b"hello"
        with pytest.raises(errors.ValidationException, match=f"cannot encrypt data larger than {limit} bytes"):
            app.encrypt(plaintext=longest + b"x", **fields)
        with pytest.raises(errors.InvalidCiphertextException):
            app.decrypt(ciphertext_blob=from_elsewhere[:-1] + bytes([from_elsewhere[-1] ^ 1]), **fields)
        with pytest.raises(errors.ValidationException, match="not supported when encrypting/decrypting with asymmetric"):
            app.encrypt(plaintext=b"x", encryption_context={"a": "b"}, **fields)
        with pytest.raises(errors.ValidationException, match="KeyId must not be null"):
            app.decrypt(ciphertext_blob=from_elsewhere, encryption_algorithm=fields["encryption_algorithm"])
    with pytest.raises(errors.InvalidKeyUsageException):
        app.generate_data_key(key_id=key_id, key_spec=t.DATA_KEY_SPEC_AES_256)


def test_re_encrypt_goes_between_rsa_and_symmetric_keys(alice: Client, app: Client) -> None:
    symmetric, rsa = alice.create_key().key_metadata.key_id, made(alice, "RSA_2048", "ENCRYPT_DECRYPT")
    oaep = number("EncryptionAlgorithmSpec", "RSAES_OAEP_SHA_256")
    blob = app.encrypt(key_id=symmetric, plaintext=b"there and back", encryption_context={"a": "b"}).ciphertext_blob
    there = app.re_encrypt(
        ciphertext_blob=blob, source_encryption_context={"a": "b"}, destination_key_id=rsa, destination_encryption_algorithm=oaep
    )
    assert there.source_key_material_id
    assert not there.destination_key_material_id
    back = app.re_encrypt(
        ciphertext_blob=there.ciphertext_blob, source_key_id=rsa, source_encryption_algorithm=oaep, destination_key_id=symmetric
    )
    assert app.decrypt(ciphertext_blob=back.ciphertext_blob).plaintext == b"there and back"


@pytest.mark.parametrize("bits", [224, 256, 384, 512])
def test_macs(alice: Client, app: Client, bits: int) -> None:
    key_id = made(alice, f"HMAC_{bits}", "GENERATE_VERIFY_MAC")
    fields: dict[str, Any] = {"key_id": key_id, "mac_algorithm": number("MacAlgorithmSpec", f"HMAC_SHA_{bits}"), "message": MESSAGE}
    mac = app.generate_mac(**fields).mac
    assert len(mac) == bits // 8
    assert app.verify_mac(mac=mac, **fields).mac_valid
    for wrong in (mac[:-1] + bytes([mac[-1] ^ 1]), mac[:-1]):
        with pytest.raises(errors.KMSInvalidMacException):
            app.verify_mac(mac=wrong, **fields)
    for begins in (b"\x00\x00\x00\x01meridian/v1/", b"\x00\x00\x00\x02meridian/v1/"):
        with pytest.raises(errors.ValidationException, match="reserved"):
            app.generate_mac(**{**fields, "message": begins + b"rest"})
    with pytest.raises(errors.UnsupportedOperationException):
        app.get_public_key(key_id=key_id)
    with pytest.raises(errors.UnsupportedOperationException):
        alice.rotate_key_on_demand(key_id=key_id)


@pytest.mark.parametrize(("spec", "curve", "size"), [("P256", ec.SECP256R1, 32), ("P384", ec.SECP384R1, 48), ("P521", ec.SECP521R1, 66)])
def test_both_sides_of_a_key_agreement_come_to_one_secret(alice: Client, app: Client, spec: str, curve: Any, size: int) -> None:
    key_id = made(alice, f"ECC_NIST_{spec}", "KEY_AGREEMENT")
    ours = ec.generate_private_key(curve())
    ecdh = number("KeyAgreementAlgorithmSpec", "ECDH")
    der, spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    secret = app.derive_shared_secret(
        key_id=key_id, key_agreement_algorithm=ecdh, public_key=ours.public_key().public_bytes(der, spki)
    ).shared_secret
    theirs: Any = serialization.load_der_public_key(app.get_public_key(key_id=key_id).public_key)
    assert secret == ours.exchange(ec.ECDH(), theirs)
    assert len(secret) == size
    other = ec.generate_private_key(ec.SECP256K1()).public_key().public_bytes(der, spki)
    for wrong in (other, b"no key"):
        with pytest.raises(errors.ValidationException):
            app.derive_shared_secret(key_id=key_id, key_agreement_algorithm=ecdh, public_key=wrong)


@pytest.mark.parametrize("size", [768, 1024])
def test_an_encapsulated_secret_is_opened(alice: Client, app: Client, size: int) -> None:
    key_id = made(alice, f"ML_KEM_{size}", "ENCAPSULATE_DECAPSULATE")
    kem = number("EncapsulationAlgorithmSpec", "ML_KEM")
    sealed = app.encapsulate(key_id=key_id, encapsulation_algorithm=kem)
    opened = app.decapsulate(key_id=key_id, encapsulation_algorithm=kem, shared_secret_ciphertext_blob=sealed.shared_secret_ciphertext_blob)
    assert opened.shared_secret == sealed.shared_secret
    assert len(sealed.shared_secret) == 32
    public: Any = serialization.load_der_public_key(app.get_public_key(key_id=key_id).public_key)
    theirs, ciphertext = public.encapsulate()
    assert app.decapsulate(key_id=key_id, encapsulation_algorithm=kem, shared_secret_ciphertext_blob=ciphertext).shared_secret == theirs
    with pytest.raises(errors.InvalidCiphertextException):
        app.decapsulate(key_id=key_id, encapsulation_algorithm=kem, shared_secret_ciphertext_blob=ciphertext[:-1])


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519", "ML_KEM_768"])
def test_data_key_pairs_fit_together(alice: Client, app: Client, spec: str) -> None:
    key_id = alice.create_key().key_metadata.key_id
    fields: dict[str, Any] = {"key_id": key_id, "key_pair_spec": number("DataKeyPairSpec", spec), "encryption_context": {"for": "a device"}}
    pair = app.generate_data_key_pair(**fields)
    private: Any = serialization.load_der_private_key(pair.private_key_plaintext, None)
    der, spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    assert private.public_key().public_bytes(der, spki) == pair.public_key
    opened = app.decrypt(ciphertext_blob=pair.private_key_ciphertext_blob, encryption_context={"for": "a device"})
    assert opened.plaintext == pair.private_key_plaintext
    assert app.generate_data_key_pair_without_plaintext(**fields).public_key != pair.public_key


def test_specs_that_are_not_offered_say_so(alice: Client, app: Client) -> None:
    with pytest.raises(errors.UnsupportedOperationException):
        made(alice, "SM2", "SIGN_VERIFY")
    with pytest.raises(errors.UnsupportedOperationException):
        made(alice, "ML_KEM_512", "ENCAPSULATE_DECAPSULATE")
    with pytest.raises(errors.ValidationException, match="not supported for Origin EXTERNAL"):
        made(alice, "ML_DSA_44", "SIGN_VERIFY", origin=t.ORIGIN_TYPE_EXTERNAL)
    key_id = alice.create_key().key_metadata.key_id
    with pytest.raises(errors.UnsupportedOperationException):
        app.generate_data_key_pair(key_id=key_id, key_pair_spec=number("DataKeyPairSpec", "SM2"))


def test_a_disabled_key_still_shows_its_public_key(alice: Client, app: Client) -> None:
    key_id = made(alice, "ECC_NIST_P256", "SIGN_VERIFY")
    alice.disable_key(key_id=key_id)
    assert app.get_public_key(key_id=key_id).public_key
    with pytest.raises(errors.DisabledException):
        app.sign(key_id=key_id, signing_algorithm=algorithm("ECDSA_SHA_256"), message=MESSAGE)


def test_every_signing_algorithm_of_the_contract_is_tried() -> None:
    tried = {name for names in SIGNING.values() for name in names}
    offered = set(enum_values(t.DESCRIPTOR.enum_types_by_name["SigningAlgorithmSpec"]).values())
    assert offered - tried == {"SM2DSA"}
    assert "Sign" in rpcs()
