"""What the service does with keys that are no symmetric encryption keys, against Project Wycheproof.

Every invalid case must be refused and every valid one accepted, but where a test says that ours is stricter, and why.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from meridian.crypto import key_pairs, macs, shared_secrets, signatures

SIGNATURES = {
    "ecdsa_secp256k1_sha256": "ECDSA_SHA_256",
    "ecdsa_secp256r1_sha256": "ECDSA_SHA_256",
    "ecdsa_secp384r1_sha384": "ECDSA_SHA_384",
    "ecdsa_secp521r1_sha512": "ECDSA_SHA_512",
    "ed25519": "ED25519_SHA_512",
    "mldsa_44_verify": "ML_DSA_SHAKE_256",
    "mldsa_65_verify": "ML_DSA_SHAKE_256",
    "mldsa_87_verify": "ML_DSA_SHAKE_256",
    "rsa_signature_2048_sha256": "RSASSA_PKCS1_V1_5_SHA_256",
    "rsa_signature_3072_sha384": "RSASSA_PKCS1_V1_5_SHA_384",
    "rsa_signature_4096_sha512": "RSASSA_PKCS1_V1_5_SHA_512",
    "rsa_pss_2048_sha256_mgf1_32": "RSASSA_PSS_SHA_256",
    "rsa_pss_2048_sha384_mgf1_48": "RSASSA_PSS_SHA_384",
    "rsa_pss_3072_sha256_mgf1_32": "RSASSA_PSS_SHA_256",
    "rsa_pss_4096_sha512_mgf1_64": "RSASSA_PSS_SHA_512",
}
CURVES = {"ecdh_secp256r1": ec.SECP256R1(), "ecdh_secp384r1": ec.SECP384R1(), "ecdh_secp521r1": ec.SECP521R1()}
MACS = {"hmac_sha224": 224, "hmac_sha256": 256, "hmac_sha384": 384, "hmac_sha512": 512}
OAEP = ("2048_sha1_mgf1sha1", "2048_sha256_mgf1sha256", "3072_sha256_mgf1sha256", "4096_sha256_mgf1sha256", "misc")


def cases(document: Any) -> list[tuple[Any, Any]]:
    return [(group, test) for group in document["testGroups"] for test in group["tests"]]


def verified(group: Any, test: Any, algorithm: str) -> bool:
    """Of the message, and the same of its digest where the algorithm takes one."""
    try:
        public = signatures.public_key_of(bytes.fromhex(group["publicKeyDer"] or ""))
    except ValueError:
        return False
    signature, message = bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])
    answers = {signatures.verify(public, signatures.TABLE[algorithm, signatures.RAW], signature, message)}
    if algorithm.startswith(("RSASSA", "ECDSA")):
        digest = hashlib.new(f"sha{algorithm[-3:]}", message).digest()
        answers.add(signatures.verify(public, signatures.TABLE[algorithm, signatures.DIGEST], signature, digest))
    (answer,) = answers
    return answer


@pytest.mark.parametrize(("name", "algorithm"), SIGNATURES.items())
def test_signatures_verify_exactly_when_they_are_valid(wycheproof: Any, name: str, algorithm: str) -> None:
    """MissingNull, the one flag of acceptable cases, is refused: an encoding of the digest that no signer of today makes."""
    for group, test in cases(wycheproof(name)):
        assert verified(group, test, algorithm) == (test["result"] == "valid"), test["tcId"]


def test_pss_signatures_with_a_salt_of_another_length_are_refused(wycheproof: Any) -> None:
    """Stricter, as AWS is: a salt is as long as its digest. The one case with such a salt is a right one here."""
    for group, test in cases(wycheproof("rsa_pss_2048_sha256_mgf1_0")):
        assert verified(group, test, "RSASSA_PSS_SHA_256") == (test["comment"] == "s_len changed to 32"), test["tcId"]


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_pkcs1_signatures_are_the_known_ones(wycheproof: Any, bits: int) -> None:
    """WeakHash is left out, as no algorithm of the service has such a hash; SmallPublicKey never becomes a key here."""
    signed = 0
    for group, test in cases(wycheproof(f"rsa_pkcs1_{bits}_sig_gen")):
        scheme = signatures.TABLE.get((f"RSASSA_PKCS1_V1_5_{group['sha'].replace('-', '_')}", signatures.RAW))
        if "SmallPublicKey" in test["flags"]:
            with pytest.raises(ValueError, match="exponent is too small"):
                key_pairs.stored_from_outside(f"RSA_{bits}", bytes.fromhex(group["privateKeyPkcs8"]))
        elif scheme is not None:
            private = key_pairs.load(f"RSA_{bits}", bytes.fromhex(group["privateKeyPkcs8"]))
            assert scheme.sign(private, bytes.fromhex(test["msg"])).hex() == test["sig"], test["tcId"]
            signed += 1
        else:
            assert group["sha"] not in ("SHA-256", "SHA-384", "SHA-512")
    assert signed >= 20


@pytest.mark.parametrize(("name", "curve"), CURVES.items())
def test_shared_secrets_come_of_valid_public_keys_alone(wycheproof: Any, name: str, curve: ec.EllipticCurve) -> None:
    """Acceptable cases are odd encodings of keys: a refusal is right, and an answer is right if it is the secret."""
    seen = Counter[str]()
    for _, test in cases(wycheproof(name)):
        private = ec.derive_private_key(int(test["private"], 16), curve)
        try:
            secret = shared_secrets.derive(private, bytes.fromhex(test["public"])).hex()
        except ValueError:
            secret = ""
        seen[test["result"]] += 1
        if test["result"] == "invalid":
            assert not secret, test["tcId"]
        elif test["result"] == "valid" or secret:
            assert secret == test["shared"], test["tcId"]
    assert seen["valid"] == 60
    assert seen["invalid"] > 40


@pytest.mark.parametrize(("name", "bits"), MACS.items())
def test_macs_verify_when_they_are_whole(wycheproof: Any, name: str, bits: int) -> None:
    """Truncated codes are refused, valid or not: the service makes and takes whole ones alone."""
    seen = Counter[bool]()
    for group, test in cases(wycheproof(name)):
        key, message, tag = (bytes.fromhex(test[field]) for field in ("key", "msg", "tag"))
        is_whole = group["tagSize"] == bits
        accepted = macs.is_mac(key, f"HMAC_SHA_{bits}", message, tag)
        assert accepted == (is_whole and test["result"] == "valid"), test["tcId"]
        seen[accepted] += 1
    assert seen[True] == 33


@pytest.mark.parametrize("name", OAEP)
def test_oaep_opens_what_was_sealed_without_a_label(wycheproof: Any, name: str) -> None:
    """Stricter: a label is refused, as ciphertexts of the service have none."""
    labelled = 0
    for group, test in cases(wycheproof(f"rsa_oaep_{name}")):
        private = key_pairs.load(f"RSA_{group['keySize']}", bytes.fromhex(group["privateKeyPkcs8"]))
        algorithm = f"RSAES_OAEP_{group['sha'].replace('-', '_')}"
        assert group["sha"] == group["mgfSha"]
        try:
            opened: str | None = shared_secrets.rsa_decrypt(private, algorithm, bytes.fromhex(test["ct"])).hex()
        except ValueError:
            opened = None
        opens = test["result"] == "valid" and not test["label"]
        assert opened == (test["msg"] if opens else None), test["tcId"]
        labelled += test["result"] == "valid" and not opens
    assert labelled == {"misc": 0, "2048_sha1_mgf1sha1": 7}.get(name, 8)
