"""Keys that CreateKey makes in a custom key store: what must hold of the store, and of what lies in it.

The store is looked at, then the key's own rules, then the other side is asked; and once more the store, in the transaction that makes the
key, for it may be another by then.

Source: AWS KMS Developer Guide, Create a KMS key in external key stores, Requirements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from meridian.call import Call
from meridian.domain.key import Key, Origin
from meridian.domain.key_store import require_connection_state
from meridian.errors import (
    CustomKeyStoreInvalidStateException,
    CustomKeyStoreNotFoundException,
    KMSInternalException,
    ValidationException,
    XksKeyAlreadyInUseException,
)
from meridian.operations.ciphers import asked_for
from meridian.ports.key_store import KeyStoreKeys
from meridian.ports.store.store import Store, UnitOfWork


class KeysInStores:
    """Raises what CreateKey raises of key stores."""

    def __init__(self, store: Store, kinds: Mapping[Origin, KeyStoreKeys]) -> None:
        self._store = store
        self._kinds = kinds

    async def placed(self, key: Key) -> Key:
        """The key in its store, which is there, of its kind and CONNECTED, and where nobody has its external key."""
        async with self._store.reading() as uow:
            return await self._placed(uow, key)

    async def require_fit(self, call: Call, key: Key) -> None:
        """What the key needs in the store is there and fits."""
        kind = self._kinds.get(key.origin)
        if kind is None:
            raise KMSInternalException(reason=f"no key stores for origin {key.origin}")
        await kind.require_fit(key, await asked_for(call, key, ""))

    async def require_as_placed(self, uow: UnitOfWork, key: Key) -> None:
        """The store is the one that was asked, and nobody has taken the external key meanwhile."""
        if (await self._placed(uow, key)).store_version != key.store_version:
            raise CustomKeyStoreInvalidStateException(
                f"Custom key store {key.custom_key_store_id} was changed meanwhile. Retry the request."
            )

    async def _placed(self, uow: UnitOfWork, key: Key) -> Key:
        row = await uow.key_stores.find(key.account, key.custom_key_store_id)
        if row is None:
            raise CustomKeyStoreNotFoundException(key.custom_key_store_id)
        if row.kind != key.origin:
            field = ("custom_key_store_id", f"is of type {row.kind}")
            raise ValidationException(f"Origin {key.origin} does not fit a custom key store of type {row.kind}.", fields=[field])
        require_connection_state("CreateKey", row.store_id, row.state)
        if await uow.keys.find_in_store(key.account, row.store_id, key.xks_key_id) is not None:
            raise XksKeyAlreadyInUseException(f"External key {key.xks_key_id} is used by a KMS key of custom key store {row.store_id}.")
        return replace(key, store_version=row.version)
