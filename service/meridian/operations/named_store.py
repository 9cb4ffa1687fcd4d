"""The custom key store that a request names beside its own service: CreateKey and GenerateRandom."""

from __future__ import annotations

from meridian.call import Call
from meridian.errors import CustomKeyStoreNotFoundException
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.ports.store.store import Store


async def named_store(store: Store, call: Call, store_id: str) -> KeyStoreRow:
    """A custom key store of the caller's account. Raises: CustomKeyStoreNotFoundException."""
    async with store.reading() as uow:
        row = await uow.key_stores.find(call.caller.account, store_id)
    if row is None:
        raise CustomKeyStoreNotFoundException(store_id)
    return row
