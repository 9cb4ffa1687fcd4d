"""Keys that CreateKey makes in a custom key store: what must hold of the store, and of what lies in it.

The store is looked at, then the key's own rules, then the other side is asked; and once more the store, in the transaction that makes the
key, for it may be another by then.

Source: AWS KMS Developer Guide, Create a KMS key in external key stores, Requirements.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

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
from meridian.ports.key_store import AskedFor, KeyMaking, KeyStoreKeys
from meridian.ports.store.store import Store, UnitOfWork

DELETION: Final = "DeleteKey"
"""What a store is told that is asked to remove a key whose waiting period is over."""


class KeysInStores:
    """Raises what CreateKey raises of key stores."""

    def __init__(self, store: Store, kinds: Mapping[Origin, KeyStoreKeys], makers: Mapping[Origin, KeyMaking]) -> None:
        self._store = store
        self._kinds = kinds
        self._makers = makers

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

    @asynccontextmanager
    async def made(self, call: Call, key: Key) -> AsyncIterator[None]:
        """The key's half in the store is there, where the store makes it; it is removed again where what is done in here fails."""
        maker = self._makers.get(key.origin)
        if maker is None:
            yield
            return
        asked = await asked_for(call, key, "")
        try:
            await maker.make(key, asked)
            yield
        except BaseException:
            await asyncio.shield(maker.erase(key, asked))
            raise

    async def erase(self, key: Key, request_id: str) -> None:
        """The half of a deleted key that its store made is removed."""
        maker = self._makers.get(key.origin)
        if maker is not None:
            await maker.erase(key, AskedFor(request_id, DELETION, ""))

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
        if key.xks_key_id and await uow.keys.find_in_store(key.account, row.store_id, key.xks_key_id) is not None:
            raise XksKeyAlreadyInUseException(f"External key {key.xks_key_id} is used by a KMS key of custom key store {row.store_id}.")
        return replace(key, store_version=row.version, cloud_hsm_cluster_id=row.proxy.get("cloud_hsm_cluster_id", ""))
