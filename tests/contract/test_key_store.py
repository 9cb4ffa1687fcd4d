"""What every place of keys promises: the Region alone, an external key store behind its proxy, and a hardware token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.standing_proxy import standing_proxy
from tests.tokens import new_token
from tests.tokens_in_process import folder_of_token, in_token
from tests.xks_in_process import ASKED, CONTEXT, Outside, outside, own_key, said_of

from meridian.domain.ciphertext_blob import CiphertextBlob, parse_ciphertext_blob
from meridian.domain.key import Key
from meridian.errors import InvalidCiphertextException, KMSInternalException
from meridian.ports.crypto.ciphers import Decrypted, Encrypted, SymmetricKeys
from meridian.ports.key_store import AskedFor, KeyCiphers

OTHER_CONTEXT = b"\x00\x01\x00\x01a\x00\x01b"


class OwnCiphers:
    """Implements `ports.key_store.KeyCiphers` with the engine alone."""

    def __init__(self, symmetric_keys: SymmetricKeys) -> None:
        self._symmetric_keys = symmetric_keys

    async def encrypt(self, key: Key, encryption_context: bytes, plaintext: bytes, asked: AskedFor) -> Encrypted:
        return self._symmetric_keys.encrypt(key, encryption_context, plaintext)

    async def decrypt(self, key: Key, encryption_context: bytes, blob: CiphertextBlob, asked: AskedFor) -> Decrypted:
        return self._symmetric_keys.decrypt(key, encryption_context, blob)


@dataclass
class Place:
    """One kind of place, with two keys in it."""

    ciphers: KeyCiphers
    key: Key
    other_key: Key


@pytest_asyncio.fixture
async def beside(tmp_path: Path, migrated_file: Path) -> AsyncIterator[Outside]:
    async with outside(tmp_path, migrated_file, said_of(standing_proxy()), standing_proxy()) as made:
        yield made


@pytest_asyncio.fixture(params=["the Region alone", "an external key store", "a hardware token"])
async def place(request: pytest.FixtureRequest, beside: Outside, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "the Region alone":
        yield Place(OwnCiphers(beside.engine.symmetric_keys), own_key(beside.engine), own_key(beside.engine))
    elif request.param == "an external key store":
        yield Place(beside.stores, (await beside.new_key())[1], (await beside.new_key())[1])
    else:
        async with in_token(new_token(folder_of_token(tmp_path), "hsm"), beside.store, beside.engine) as made:
            yield Place(made.stores, await made.new_key(), await made.new_key())


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1, 32, 4096])
async def test_what_it_seals_it_opens(place: Place, size: int) -> None:
    plaintext = bytes(range(256)) * 16
    sealed = await place.ciphers.encrypt(place.key, CONTEXT, plaintext[:size], ASKED)
    assert plaintext[:size] not in sealed.ciphertext_blob or size == 1
    blob = parse_ciphertext_blob(sealed.ciphertext_blob)
    assert blob.key_id == place.key.key_id
    opened = await place.ciphers.decrypt(place.key, CONTEXT, blob, ASKED)
    assert (opened.plaintext, opened.material_id) == (plaintext[:size], sealed.material_id)
    again = await place.ciphers.encrypt(place.key, CONTEXT, plaintext[:size], ASKED)
    assert again.ciphertext_blob != sealed.ciphertext_blob


@pytest.mark.asyncio
async def test_it_opens_nothing_under_another_key_or_context(place: Place) -> None:
    sealed = parse_ciphertext_blob((await place.ciphers.encrypt(place.key, CONTEXT, b"secret", ASKED)).ciphertext_blob)
    with pytest.raises(InvalidCiphertextException):
        await place.ciphers.decrypt(place.key, OTHER_CONTEXT, sealed, ASKED)
    with pytest.raises(InvalidCiphertextException):
        await place.ciphers.decrypt(place.other_key, CONTEXT, sealed, ASKED)


@pytest.mark.asyncio
@pytest.mark.parametrize("at", [20, 60, 100])
async def test_header_nonce_and_commitment_are_each_bound(place: Place, at: int) -> None:
    data = bytearray((await place.ciphers.encrypt(place.key, CONTEXT, b"secret", ASKED)).ciphertext_blob)
    data[at if at != 20 else 60] ^= 1
    with pytest.raises(InvalidCiphertextException):
        await place.ciphers.decrypt(place.key, CONTEXT, parse_ciphertext_blob(bytes(data)), ASKED)


@pytest.mark.asyncio
async def test_a_key_of_one_place_is_not_used_in_the_other(beside: Outside) -> None:
    _, external = await beside.new_key()
    own = own_key(beside.engine)
    with pytest.raises(KMSInternalException):
        beside.engine.symmetric_keys.encrypt(external, CONTEXT, b"secret")
    sealed = parse_ciphertext_blob((await beside.stores.encrypt(external, CONTEXT, b"secret", ASKED)).ciphertext_blob)
    with pytest.raises(KMSInternalException):
        beside.engine.symmetric_keys.decrypt(external, CONTEXT, sealed)
    # The same material and key number without the store: the blob says that it has a second lock, and the key that it has none.
    with pytest.raises(InvalidCiphertextException):
        beside.engine.symmetric_keys.decrypt(replace(external, custom_key_store_id="", xks_key_id=""), CONTEXT, sealed)
    plain = parse_ciphertext_blob(beside.engine.symmetric_keys.encrypt(own, CONTEXT, b"secret").ciphertext_blob)
    with pytest.raises(InvalidCiphertextException):
        await beside.stores.decrypt(replace(own, custom_key_store_id="cks-0", xks_key_id="x"), CONTEXT, plain, ASKED)


@pytest.mark.asyncio
async def test_the_two_kinds_of_stores_open_nothing_of_each_other(beside: Outside, tmp_path: Path) -> None:
    _, external = await beside.new_key()
    async with in_token(new_token(folder_of_token(tmp_path), "hsm"), beside.store, beside.engine) as made:
        key = await made.new_key()
        of_token = parse_ciphertext_blob((await made.stores.encrypt(key, CONTEXT, b"secret", ASKED)).ciphertext_blob)
        assert of_token.suite == 3
        of_proxy = parse_ciphertext_blob((await beside.stores.encrypt(external, CONTEXT, b"secret", ASKED)).ciphertext_blob)
        for opener, wrong, blob in ((made.stores, key, of_proxy), (beside.stores, external, of_token)):
            with pytest.raises(InvalidCiphertextException):
                await opener.decrypt(wrong, CONTEXT, blob, ASKED)
        with pytest.raises(KMSInternalException):
            beside.engine.symmetric_keys.decrypt(key, CONTEXT, of_token)
