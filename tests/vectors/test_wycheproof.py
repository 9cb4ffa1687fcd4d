"""The primitives beneath our formats, against Project Wycheproof."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from meridian.crypto import ecdsa


def cases(document: Any) -> list[tuple[Any, Any]]:
    return [(group, test) for group in document["testGroups"] for test in group["tests"]]


def test_aes_gcm(wycheproof: Any) -> None:
    left_out = 0
    for _, test in cases(wycheproof("aes_gcm")):
        iv = bytes.fromhex(test["iv"])
        if not 8 <= len(iv) <= 128:
            left_out += test["result"] == "valid"
            continue
        cipher = AESGCM(bytes.fromhex(test["key"]))
        sealed = bytes.fromhex(test["ct"] + test["tag"])
        if test["result"] == "valid":
            assert cipher.decrypt(iv, sealed, bytes.fromhex(test["aad"])).hex() == test["msg"]
        else:
            with pytest.raises((InvalidTag, ValueError)):
                cipher.decrypt(iv, sealed, bytes.fromhex(test["aad"]))
    assert left_out == 27


def test_hmac_sha256(wycheproof: Any) -> None:
    for group, test in cases(wycheproof("hmac_sha256")):
        tag = hmac.digest(bytes.fromhex(test["key"]), bytes.fromhex(test["msg"]), "sha256").hex()
        same = tag[: group["tagSize"] // 4] == test["tag"]
        assert same == (test["result"] == "valid"), test["tcId"]


def test_hkdf_sha256(wycheproof: Any) -> None:
    for _, test in cases(wycheproof("hkdf_sha256")):

        def derive(test: Any = test) -> str:
            kdf = HKDF(hashes.SHA256(), test["size"], bytes.fromhex(test["salt"]), bytes.fromhex(test["info"]))
            return kdf.derive(bytes.fromhex(test["ikm"])).hex()

        if test["result"] == "valid":
            assert derive() == test["okm"]
        else:
            with pytest.raises(ValueError, match="larger than 8160 octets"):
                derive()


def test_ecdsa_p384(wycheproof: Any) -> None:
    for group, test in cases(wycheproof("ecdsa_secp384r1_sha384")):
        public = bytes.fromhex(group["publicKeyDer"])
        try:
            ecdsa.verify(public, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            verified = True
        except ValueError:
            verified = False
        assert verified == (test["result"] == "valid"), test["tcId"]
