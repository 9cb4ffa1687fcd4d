"""Whose work a symmetric_keys ciphertext is: the Region's own engine's, or that of the key's store. The one place where operations tell.

What a store is asked stands in the call's record, whether the store does it or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meridian.call import Call
from meridian.domain.ciphertext_blob import CiphertextBlob
from meridian.domain.key import Key, Origin
from meridian.errors import KMSInternalException
from meridian.ports.crypto.ciphers import Decrypted, Encrypted, SymmetricKeys
from meridian.ports.key_store import AskedFor, KeyCiphers

AUDITED: Final = ("customKeyStoreId", "xksKeyId", "xksProxyRequestId")


class Ciphers:
    """Ciphertexts of every symmetric_keys encryption key."""

    def __init__(self, own: SymmetricKeys, stores: Mapping[Origin, KeyCiphers]) -> None:
        self._own = own
        self._stores = stores

    async def encrypt(self, call: Call, field: str, plaintext: bytes) -> Encrypted:
        """A ciphertext under the key of a request field. Raises: as the port."""
        key, context = call.keys[f"{field}key_id"], call.canonical_context[f"{field}encryption_context"]
        if not key.custom_key_store_id:
            return self._own.encrypt(key, context, plaintext)
        asked = await asked_for(call, key, field)
        return await self._store_of(key).encrypt(key, context, plaintext, asked)

    async def decrypt(self, call: Call, field: str, blob: CiphertextBlob) -> Decrypted:
        """The plaintext of a ciphertext of the key of a request field. Raises: as the port."""
        key, context = call.keys[f"{field}key_id"], call.canonical_context[f"{field}encryption_context"]
        if not key.custom_key_store_id:
            return self._own.decrypt(key, context, blob)
        asked = await asked_for(call, key, field)
        return await self._store_of(key).decrypt(key, context, blob, asked)

    def _store_of(self, key: Key) -> KeyCiphers:
        store = self._stores.get(key.origin)
        if store is None:
            raise KMSInternalException(reason=f"a key of origin {key.origin} is in a custom key store")
        return store


async def asked_for(call: Call, key: Key, field: str) -> AskedFor:
    """What the key's store is told of the call, once it may wait there. From here on the call's record names store and external key.
    Raises: ThrottlingException where too many wait."""
    if not key.custom_key_store_id:
        return _asked(call)
    note_store(call, key, field)
    return await asked_outside(call)


async def asked_outside(call: Call) -> AskedFor:
    """What any store is told of the call, once it may wait there. Raises: ThrottlingException where too many wait."""
    await call.wait_outside(call)
    return _asked(call)


def _asked(call: Call) -> AskedFor:
    return AskedFor(call.request_id, call.rpc.operation, call.caller.arn)


def note_store(call: Call, key: Key, field: str) -> None:
    """Let the call's record name the key's store, its external key, and the id by which the proxy's log has the request."""
    prefix = field.rstrip("_")
    for name, value in zip(AUDITED, (key.custom_key_store_id, key.xks_key_id, call.request_id), strict=True):
        call.audit_data[f"{prefix}{name[0].upper()}{name[1:]}" if prefix else name] = value
