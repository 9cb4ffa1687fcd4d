"""Key stores in hardware tokens inside a test's process: the real store and engine, beside a token of its own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.tokens import PIN, Token
from tests.xks_in_process import ACCOUNT, ASKED, REGION

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.pkcs11.key_store import TokenKeyStores
from meridian.adapters.pkcs11.library import TokenPlace
from meridian.adapters.pkcs11.links import NamedToken, TokenLinks
from meridian.adapters.pkcs11.thread import token_thread
from meridian.adapters.store_sql.store import SqlStore
from meridian.domain.identifiers import key_id_of
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.domain.key_store import ConnectionState
from meridian.domain.secret import Secret
from meridian.engine.engine import CryptoEngine
from meridian.ports.key_store import Credential
from meridian.ports.store.key_stores import KeyStoreRow

CLUSTER, ANCHOR = "cluster-abcdefghijk", "-----BEGIN CERTIFICATE-----"


@dataclass
class InToken:
    """A Region's side of a key store in a token."""

    store: SqlStore
    engine: CryptoEngine
    stores: TokenKeyStores
    links: TokenLinks
    row: KeyStoreRow
    counted: list[tuple[str, str, float]]
    """What was asked of the token, what became of it, and how long it took."""

    async def new_key(self) -> Key:
        bare = Key(
            "aws", REGION, ACCOUNT, key_id_of(secrets.token_bytes(16), multi_region=False), KeySpec.SYMMETRIC_DEFAULT,
            KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_CLOUDHSM, KeyState.ENABLED, SystemClock().now(),
            custom_key_store_id=self.row.store_id, store_version=self.row.version,
        )  # fmt: skip
        key = bare.with_material(self.engine.symmetric_keys.new_material(bare, None), current=True)
        await self.stores.make(key, ASKED)
        return key


@asynccontextmanager
async def in_token(token: Token, store: SqlStore, engine: CryptoEngine) -> AsyncIterator[InToken]:
    """A connected key store in this token."""
    named = {CLUSTER: NamedToken(TokenPlace(token.module, token.label), ACCOUNT, ANCHOR)}
    counted: list[tuple[str, str, float]] = []
    links = TokenLinks(
        store=store,
        credentials=engine.store_secrets,
        tokens=named,
        thread=token_thread,
        clock=SystemClock(),
        count=lambda *told: counted.append(told),
    )
    stores = TokenKeyStores(links, engine.symmetric_keys, OsEntropy())
    known = {"cloud_hsm_cluster_id": CLUSTER, "trust_anchor_certificate": ANCHOR}
    store_id = f"cks-{secrets.token_hex(9)[:17]}"
    bare = KeyStoreRow(ACCOUNT, store_id, store_id, ConnectionState.CONNECTED, SystemClock().now(), known, "AWS_CLOUDHSM", "", "", 1)
    sealed = engine.store_secrets.seal(store_id, Credential("", Secret(PIN.encode())))
    row = replace(bare, credential_id=sealed.secret_id)
    async with store.transaction() as uow:
        await uow.keyring.insert_secret(sealed)
        await uow.key_stores.insert(row)
    try:
        yield InToken(store, engine, stores, links, row, counted)
    finally:
        await links.close()


def folder_of_token(tmp_path: Path) -> Path:
    return tmp_path / f"hsm-{secrets.token_hex(3)}"
