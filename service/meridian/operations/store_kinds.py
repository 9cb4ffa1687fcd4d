"""Key stores of every kind under one port: a store is worked on by what knows its kind."""

from __future__ import annotations

from collections.abc import Mapping

from meridian.ports.key_store import AskedFor, Credential, KeyStoreConnections
from meridian.ports.store.key_stores import KeyStoreRow


class ConnectionsByKind:
    """Implements `ports.key_store.KeyStoreConnections`. The kinds are CustomKeyStoreTypes of the AWS KMS API."""

    def __init__(self, kinds: Mapping[str, KeyStoreConnections]) -> None:
        self._kinds = kinds

    def require_known(self, store: KeyStoreRow) -> None:
        self._kinds[store.kind].require_known(store)

    async def try_out(self, store: KeyStoreRow, credential: Credential | None, asked: AskedFor) -> None:
        await self._kinds[store.kind].try_out(store, credential, asked)

    async def connect(self, store: KeyStoreRow, asked: AskedFor) -> str:
        return await self._kinds[store.kind].connect(store, asked)

    def disconnect(self, account: str, store_id: str) -> None:
        """Ids of stores are of one kind each; the others have nothing of this one."""
        for kind in self._kinds.values():
            kind.disconnect(account, store_id)
