"""Ciphertexts of keys in hardware tokens, byte for byte, as their key store makes and opens them around a token whose key is known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.known_entropy import KnownEntropy
from tests.vectors import independent_decoder
from tests.vectors.test_known_answers import engine_with, key_of

from meridian.adapters.pkcs11.key_store import TokenKeyStores
from meridian.domain.ciphertext_blob import SEALED_AT, parse_ciphertext_blob
from meridian.domain.encryption_context import canonical_encryption_context
from meridian.domain.key import Origin
from meridian.errors import InvalidCiphertextException
from meridian.ports.key_store import AskedFor

ASKED = AskedFor("r", "Encrypt", "arn:aws:iam::111122223333:service/app")


class KnownToken:
    """A session with a token that has one key."""

    def __init__(self, number: bytes, key: bytes) -> None:
        self._number = number
        self._key = AESGCM(key)
        self.aad: list[bytes] = []

    def encrypt(self, key_id: bytes, iv: bytes, aad: bytes, plaintext: bytes) -> bytes:
        assert key_id == self._number
        self.aad.append(aad)
        return self._key.encrypt(iv, plaintext, aad)

    def decrypt(self, key_id: bytes, iv: bytes, aad: bytes, sealed: bytes) -> bytes:
        assert key_id == self._number
        self.aad.append(aad)
        return self._key.decrypt(iv, sealed, aad)


class Links:
    """Every store leads to this token."""

    def __init__(self, session: KnownToken) -> None:
        self._session = session

    async def use(self, at: Any, request: str, work: Any, seconds: float) -> Any:
        return work(self._session)


def stores_of(engine: Any, session: KnownToken, iv: bytes) -> TokenKeyStores:
    links: Any = Links(session)
    return TokenKeyStores(links, engine, KnownEntropy(iv))


@pytest.mark.asyncio
async def test_blobs_of_keys_in_tokens_are_made_as_written_and_open(known: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(known["blobToken"]) == 3
    for case in known["blobToken"]:
        key = replace(key_of(case), origin=Origin.AWS_CLOUDHSM, custom_key_store_id="cks-1")
        engine, stored = engine_with(bytes.fromhex(case["material"]), key)
        context, plaintext = canonical_encryption_context(case["encryptionContext"]), bytes.fromhex(case["plaintext"])
        session = KnownToken(key.number, bytes.fromhex(case["tokenKey"]))
        stores = stores_of(engine, session, bytes.fromhex(case["iv"]))
        monkeypatch.setattr("meridian.engine.commands.hedged_nonce", partial(_given, bytes.fromhex(case["nonce"])))
        assert engine.seal_inner(stored, context, plaintext).text[SEALED_AT:].hex() == case["inner"]
        made = await stores.encrypt(stored, context, plaintext, ASKED)
        assert made.ciphertext_blob.hex() == case["blob"]
        assert len(made.ciphertext_blob) == case["length"] == len(plaintext) + 166
        blob = parse_ciphertext_blob(bytes.fromhex(case["blob"]))
        assert (await stores.decrypt(stored, context, blob, ASKED)).plaintext == plaintext
        assert [aad.hex() for aad in session.aad] == [case["aadGivenToToken"]] * 2


def test_a_second_decoder_opens_blobs_of_keys_in_tokens(known: dict[str, Any]) -> None:
    for case in known["blobToken"]:
        secrets = (bytes.fromhex(case["material"]), bytes.fromhex(case["tokenKey"]))
        opened = independent_decoder.open_token_blob(*secrets, case["identity"], case["encryptionContext"], bytes.fromhex(case["blob"]))
        assert opened.hex() == case["plaintext"]
        with pytest.raises(ValueError, match="MAC"):
            independent_decoder.open_token_blob(*secrets, case["identity"], {"other": "context"}, bytes.fromhex(case["blob"]))


def test_a_blob_of_suite_03_is_read_by_its_lengths_alone(known: dict[str, Any]) -> None:
    good = bytes.fromhex(known["blobToken"][0]["blob"])
    at_metadata = SEALED_AT + 1 + 12 + 16
    broken = [
        good[:SEALED_AT], good[: SEALED_AT + 5], good[: at_metadata + 3], good[:-1], good + bytes(6144),
        good[:4] + b"\x02" + good[5:], good[:5] + b"\x01" + good[6:], good[:3] + b"\x04" + good[4:],
        good[:SEALED_AT] + b"\x10" + good[SEALED_AT + 1 :], good[:at_metadata] + b"\x01" + good[at_metadata + 1 :],
    ]  # fmt: skip
    for data in broken:
        with pytest.raises(InvalidCiphertextException):
            parse_ciphertext_blob(data)


def _given(nonce: bytes, *_: bytes) -> bytes:
    return nonce
