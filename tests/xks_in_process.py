"""External key stores inside a test's process: the real store, engine and client, beside a proxy that is a process of its own."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.cache_memory import cache_memory
from tests.reported_events import ReportedEvents
from tests.xks_proxy import ACCESS_KEY_ID, HOST, SECRET, XksProxy

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.store_sql.store import SqlStore
from meridian.adapters.traces import Untraced
from meridian.adapters.xks_proxy.key_store import ExternalKeyStores
from meridian.adapters.xks_proxy.lookups import Lookups
from meridian.bootstrap.key_stores import surroundings
from meridian.domain.identifiers import key_id_of
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.domain.key_store import ConnectionState
from meridian.domain.limits import Limits
from meridian.domain.secret import Secret
from meridian.engine.engine import CryptoEngine, EngineSurroundings, open_engine
from meridian.engine.seals import FileSeal
from meridian.identity import ProxyTls
from meridian.ports.key_store import AskedFor, Credential
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.ports.store.region import RegionIdentity
from meridian.settings_proxies import KeyStoreProxySettings

ACCOUNT, REGION = "111122223333", "us-east-1"
ASKED = AskedFor("request-1", "Encrypt", f"arn:aws:iam::{ACCOUNT}:user/alice")
CONTEXT = b"\x00\x00"
PATIENT_SECONDS = 5.0


@dataclass
class Outside:
    """A Region's side of external key stores."""

    proxy: XksProxy
    store: SqlStore
    engine: CryptoEngine
    stores: ExternalKeyStores
    counted: list[tuple[str, str, float]]

    def row(self, prefix: str, **proxy: str) -> KeyStoreRow:
        """A store that is connected to the manager of this prefix, not written yet."""
        known = {
            "xks_proxy_uri_endpoint": f"https://{self.proxy.host}",
            "xks_proxy_uri_path": f"{prefix}/kms/xks/v1",
            "connectivity": "PUBLIC_ENDPOINT",
            "access_key_id": ACCESS_KEY_ID,
            **proxy,
        }
        store_id = f"cks-{secrets.token_hex(9)[:17]}"
        now = SystemClock().now()
        return KeyStoreRow(ACCOUNT, store_id, store_id, ConnectionState.CONNECTED, now, known, "EXTERNAL_KEY_STORE", "", "", 1)

    async def written(self, row: KeyStoreRow, secret: str = SECRET) -> KeyStoreRow:
        sealed = self.engine.store_secrets.seal(row.store_id, Credential(ACCESS_KEY_ID, Secret(secret.encode())))
        kept = replace(row, credential_id=sealed.secret_id)
        async with self.store.transaction() as uow:
            await uow.keyring.insert_secret(sealed)
            await uow.key_stores.insert(kept)
        return kept

    def key(self, row: KeyStoreRow, name: str = "key-0001") -> Key:
        """A key in a store, on this external key."""
        bare = Key(
            "aws", REGION, ACCOUNT, key_id_of(secrets.token_bytes(16), multi_region=False), KeySpec.SYMMETRIC_DEFAULT,
            KeyUsage.ENCRYPT_DECRYPT, Origin.EXTERNAL_KEY_STORE, KeyState.ENABLED, SystemClock().now(),
            custom_key_store_id=row.store_id, xks_key_id=name, store_version=row.version,
        )  # fmt: skip
        return bare.with_material(self.engine.symmetric_keys.new_material(bare, None), current=True)

    async def new_key(self) -> tuple[str, Key]:
        """A key in a store of its own, with the prefix of its manager."""
        prefix = f"/m{secrets.token_hex(5)}"
        return prefix, self.key(await self.written(self.row(prefix)))


def own_key(engine: CryptoEngine) -> Key:
    """A key of the Region alone."""
    bare = Key(
        "aws", REGION, ACCOUNT, key_id_of(secrets.token_bytes(16), multi_region=False), KeySpec.SYMMETRIC_DEFAULT,
        KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_KMS, KeyState.ENABLED, SystemClock().now(),
    )  # fmt: skip
    return bare.with_material(engine.symmetric_keys.new_material(bare, None), current=True)


SERVICE = "com.amazonaws.vpce.us-east-1.vpce-svc-0"


def said_of(proxy: XksProxy, **changed: Any) -> KeyStoreProxySettings:
    """What an operator says who lets callers reach this proxy, but for what is changed."""
    address = f"{HOST}:{proxy.port}"
    said: dict[str, Any] = {
        "trusted_roots": proxy.roots,
        "networks": ("127.0.0.1/32",),
        "hosts": {proxy.host: address},
        "endpoint_services": {SERVICE: {"host": f"private.{proxy.host}", "address": address}},
    }
    return KeyStoreProxySettings(**{**said, **changed})


@asynccontextmanager
async def outside(folder: Path, empty: Path, settings: KeyStoreProxySettings, proxy: XksProxy, **limits: float) -> AsyncIterator[Outside]:
    """The client, on a fresh database."""
    place = folder / secrets.token_hex(4)
    place.mkdir()
    shutil.copy(empty, place / "region.sqlite3")
    (place / "seal").write_bytes(secrets.token_bytes(32))
    (place / "seal").chmod(0o600)
    store, clock, entropy = SqlStore.connect(f"sqlite:///{place}/region.sqlite3"), SystemClock(), OsEntropy()
    identity = RegionIdentity("deployment", "aws", REGION, 0, clock.now())
    async with store.transaction() as uow:
        await uow.region.initialise(identity)
    engine = await open_engine(
        store, identity, [FileSeal(place / "seal")], EngineSurroundings(clock, entropy, ReportedEvents(), cache_memory())
    )
    counted: list[tuple[str, str, float]] = []
    lookups = Lookups()
    tls = ProxyTls(settings, clock)
    around = surroundings(
        settings,
        replace(Limits(key_store_attempt_seconds=PATIENT_SECONDS), **limits),  # type: ignore[arg-type]  # limits are numbers
        region=REGION,
        clock=clock,
        lookups=lookups,
        trust=lambda: tls.context,
        count=lambda *told: counted.append(told),
        traces=Untraced(),
    )
    stores = ExternalKeyStores(store=store, seals=engine.symmetric_keys, credentials=engine.store_secrets, around=around)
    try:
        yield Outside(proxy, store, engine, stores, counted)
    finally:
        await stores.close()
        await store.close()
        lookups.close()
