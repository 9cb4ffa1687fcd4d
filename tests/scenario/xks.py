"""What tests of external key stores have in common: a Region beside a proxy, and stores in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deployment import HOME, PATIENT, Deployment
from tests.ports import free_port
from tests.xks_proxy import ACCESS_KEY_ID, SECRET, XksProxy

from meridian.client import Client
from meridian.kms.v1 import types_pb2 as t

PROXY_HOST = "xks.example.com"
CONNECTED, DISCONNECTED, FAILED = (
    t.CONNECTION_STATE_TYPE_CONNECTED,
    t.CONNECTION_STATE_TYPE_DISCONNECTED,
    t.CONNECTION_STATE_TYPE_FAILED,
)


class CustomKeyStores:
    """What is done with stores of a Region, whatever key manager they lead to."""

    region: Deployment

    def wait_for(self, client: Client, store: str, state: int) -> t.CustomKeyStoresListEntry:
        """The store, once it is in this state."""
        found: list[t.CustomKeyStoresListEntry] = []

        def is_there() -> bool:
            found[:] = client.describe_custom_key_stores(custom_key_store_id=store).custom_key_stores
            return found[0].connection_state == state

        self.region.wait_until(is_there)
        return found[0]

    def disconnect(self, client: Client, store: str) -> None:
        client.disconnect_custom_key_store(custom_key_store_id=store)
        self.wait_for(client, store, DISCONNECTED)

    def key(self, client: Client, store: str, name: str) -> Any:
        """Metadata of a new key on an external key."""
        return client.create_key(origin=t.ORIGIN_TYPE_EXTERNAL_KEY_STORE, custom_key_store_id=store, xks_key_id=name).key_metadata


@dataclass
class Outside(CustomKeyStores):
    """A Region and a key manager."""

    region: Deployment
    proxy: XksProxy

    def fields(self, prefix: str, **changed: Any) -> dict[str, Any]:
        """Of CreateCustomKeyStore, for the manager of this prefix."""
        return {
            "custom_key_store_name": f"store{prefix}",
            "custom_key_store_type": t.CUSTOM_KEY_STORE_TYPE_EXTERNAL_KEY_STORE,
            "xks_proxy_uri_endpoint": f"https://{self.proxy.host}",
            "xks_proxy_uri_path": f"{prefix}/kms/xks/v1",
            "xks_proxy_connectivity": t.XKS_PROXY_CONNECTIVITY_TYPE_PUBLIC_ENDPOINT,
            "xks_proxy_authentication_credential": credential(),
            **changed,
        }

    def connected(self, client: Client, prefix: str) -> str:
        """A new store of this manager, connected."""
        store = client.create_custom_key_store(**self.fields(prefix)).custom_key_store_id
        client.connect_custom_key_store(custom_key_store_id=store)
        self.wait_for(client, store, CONNECTED)
        return str(store)


def credential(secret: str = SECRET, access_key_id: str = ACCESS_KEY_ID) -> t.XksProxyAuthenticationCredentialType:
    return t.XksProxyAuthenticationCredentialType(access_key_id=access_key_id, raw_secret_access_key=secret)


def new_prefix() -> str:
    """Of a manager that no other test speaks to."""
    return f"/m{secrets.token_hex(5)}"


@contextmanager
def outside(folder: Path, added: str = "") -> Iterator[Outside]:
    """A Region that serves, and a proxy beside it."""
    proxy = XksProxy(folder, free_port(), PROXY_HOST)
    region = Deployment(folder / "regions", [HOME], settings_added=f"{proxy.settings(HOME)}{added or PATIENT}").prepare()
    try:
        region.start()
        yield Outside(region, proxy)
    finally:
        region.stop_all()
        proxy.end()
