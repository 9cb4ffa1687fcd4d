"""Keys whose second lock lies in a key manager behind a proxy: the implementation of every role of `ports/key_store.py`.

No transaction of the database is open while a proxy is asked, and a warm call makes no statement: a connection is kept by the version
that its store had, which every key of the store names.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meridian.adapters.late_modules import loaded
from meridian.adapters.xks_proxy import messages
from meridian.adapters.xks_proxy.addresses import is_literal
from meridian.adapters.xks_proxy.endpoint import Endpoint, Surroundings, key_path
from meridian.adapters.xks_proxy.outcomes import TABLE, NotAsked, Outcome, ProxyFault
from meridian.domain.ciphertext_blob import SEALED_AT, CiphertextBlob, with_outer
from meridian.domain.key import Key
from meridian.domain.key_store import ConnectionState, dialled_host
from meridian.errors import (
    InvalidCiphertextException,
    KmsError,
    ThrottlingException,
    ValidationException,
    XksKeyInvalidConfigurationException,
)
from meridian.log import structlog
from meridian.ports.crypto.ciphers import Decrypted, Encrypted
from meridian.ports.key_store import AskedFor, Credential, ExternalKey, InnerSeals, RequestSigner, StoreCredentials
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.ports.store.store import Store

if TYPE_CHECKING:
    from meridian.adapters.xks_proxy.connection import ProxyConnection

CONNECTIONS: Final = "meridian.adapters.xks_proxy.connection"
"""What speaks to proxies. Its library takes a sixth of the time that a Region loads its code, and most Regions have no such store."""
CONNECTIONS_MAX: Final = 1000
"""Stores that are connected to at once; the one that was asked longest ago gives way."""
CHECKED_AT_ONCE: Final = 32
"""Stores that are asked for their health at once."""
CREDENTIAL_KIND: Final = "key-store-credential"
VPC: Final = "VPC_ENDPOINT_SERVICE"


@dataclass(frozen=True, slots=True)
class Link:
    """A connection, and the row that it was made of."""

    row: KeyStoreRow
    connection: ProxyConnection


class ExternalKeyStores:
    """Implements `KeyCiphers`, `KeyStoreKeys`, `ExternalKeys` and `KeyStoreConnections` of `ports.key_store`."""

    def __init__(self, *, store: Store, seals: InnerSeals, credentials: StoreCredentials, around: Surroundings) -> None:
        self._store = store
        self._seals = seals
        self._credentials = credentials
        self._around = around
        self._links: OrderedDict[tuple[str, str], Link] = OrderedDict()
        self._loading = asyncio.Lock()
        self._ended: list[ProxyConnection] = []
        self.unwell = 0
        """How many stores were not well when they were asked last."""
        self._log = structlog.get_logger("meridian.key_stores")

    # ---- ciphertexts

    async def encrypt(self, key: Key, encryption_context: bytes, plaintext: bytes, asked: AskedFor) -> Encrypted:
        inner = self._seals.seal_inner(key, encryption_context, plaintext)
        sealed = inner.text[SEALED_AT:]
        try:
            link = await self._link_of(key)
            request = messages.encrypt_request(asked, key.arn, sealed, inner.binding)
            answer = await link.connection.ask(key_path(key.xks_key_id, "encrypt"), request)
            outer = messages.read_encrypted(answer, len(sealed), inner.binding)
        except ProxyFault as fault:
            raise self._told(fault, key, asked).of_use(key) from fault
        return Encrypted(with_outer(inner.text, outer), inner.material_id)

    async def decrypt(self, key: Key, encryption_context: bytes, blob: CiphertextBlob, asked: AskedFor) -> Decrypted:
        opening = self._seals.opening_inner(key, encryption_context, blob)
        if blob.outer is None:
            raise InvalidCiphertextException(reason="suite")
        try:
            link = await self._link_of(key)
            request = messages.decrypt_request(asked, key.arn, blob.outer, opening.binding)
            answer = await link.connection.ask(key_path(key.xks_key_id, "decrypt"), request)
            sealed = messages.read_decrypted(answer, len(blob.outer.ciphertext))
            try:
                return opening.open(sealed)
            except InvalidCiphertextException as fault:
                raise ProxyFault(Outcome.INNER, fault.reason) from fault
        except ProxyFault as fault:
            raise self._told(fault, key, asked).of_use(key) from fault

    # ---- external keys

    async def require_fit(self, key: Key, asked: AskedFor) -> None:
        try:
            outside = await self._look_at(key, asked)
        except ProxyFault as fault:
            raise self._told(fault, key, asked).of_new_key() from fault
        misfit = messages.misfit_of(outside)
        if misfit:
            raise XksKeyInvalidConfigurationException(misfit)

    async def look_at(self, key: Key, asked: AskedFor) -> ExternalKey:
        try:
            return await self._look_at(key, asked)
        except ProxyFault as fault:
            raise self._told(fault, key, asked).of_use(key) from fault

    async def _look_at(self, key: Key, asked: AskedFor) -> ExternalKey:
        link = await self._link_of(key)
        answer = await link.connection.ask(key_path(key.xks_key_id, "metadata"), messages.metadata_request(asked, ""))
        return messages.read_key(answer)

    # ---- connections

    def require_known(self, store: KeyStoreRow) -> None:
        _require_name(store.proxy)
        fault = self._service_fault(store)
        if fault is not None:
            raise fault.of_store()

    async def try_out(self, store: KeyStoreRow, credential: Credential | None, asked: AskedFor) -> None:
        try:
            signer = await self._signer(store) if credential is None else self._credentials.signer_of(credential)
            await self._look_over(store, signer, asked)
        except ProxyFault as fault:
            self._log.warning("key store proxy", store=store.store_id, asked_for=asked.operation, reason=fault.reason)
            raise fault.of_store() from fault

    async def connect(self, store: KeyStoreRow, asked: AskedFor) -> str:
        try:
            fault = self._service_fault(store)
            if fault is not None:
                raise fault
            await self._look_over(store, await self._signer(store), asked)
        except ProxyFault as fault:
            code = TABLE[fault.outcome].connection
            self._log.warning("key store not connected", store=store.store_id, code=code, reason=fault.reason)
            return code
        return ""

    def disconnect(self, account: str, store_id: str) -> None:
        link = self._links.pop((account, store_id), None)
        if link is not None:
            link.connection.end()
            self._ended.append(link.connection)

    async def close_ended(self) -> None:
        """Release what connections that have ended still hold."""
        while self._ended:
            await self._ended.pop().close()

    async def close(self) -> None:
        """Disconnect from all."""
        for account, store_id in list(self._links):
            self.disconnect(account, store_id)
        await self.close_ended()

    async def check_health(self, asked: AskedFor) -> None:
        """Implements `workers.key_store_health.HealthOfStores`."""
        links, asking = list(self._links.values()), asyncio.Semaphore(CHECKED_AT_ONCE)

        async def is_unwell(link: Link) -> bool:
            try:
                async with asking:
                    messages.require_health(await link.connection.ask("/health", messages.health_request(asked)))
            except ProxyFault as fault:
                self._log.warning("key store proxy", store=link.row.store_id, asked_for=asked.operation, reason=fault.reason)
                return True
            except ThrottlingException:
                pass  # it has its share of requests: so it answers
            return False

        self.unwell = sum(await asyncio.gather(*map(is_unwell, links)))

    @property
    def broken(self) -> int:
        """How many stores do not answer."""
        return sum(link.connection.is_broken for link in self._links.values())

    @property
    def connected(self) -> int:
        """To how many stores this process has a connection."""
        return len(self._links)

    async def _look_over(self, store: KeyStoreRow, signer: RequestSigner, asked: AskedFor) -> None:
        connection = await self._connection(store, signer)
        try:
            messages.require_health(await connection.ask("/health", messages.health_request(asked)))
        finally:
            await connection.close()

    async def _link_of(self, key: Key) -> Link:
        """The connection to the store of this key. Raises: ProxyFault; KMSInternalException where the store cannot be read."""
        name = (key.account, key.custom_key_store_id)
        link = self._links.get(name)
        if link is None or link.row.version < key.store_version:
            async with self._loading:
                link = self._links.get(name)
                if link is None or link.row.version < key.store_version:
                    link = await self._load(name)
        self._links.move_to_end(name)
        return link

    async def _load(self, name: tuple[str, str]) -> Link:
        async with self._store.reading() as uow:
            row = await uow.key_stores.find(*name)
        if row is None or row.state is not ConnectionState.CONNECTED:
            raise ProxyFault(Outcome.UNREACHABLE, "the key store is not connected")
        fault = self._service_fault(row)
        if fault is not None:
            raise fault
        link = Link(row, await self._connection(row, await self._signer(row)))
        self.disconnect(*name)
        self._links[name] = link
        if len(self._links) > CONNECTIONS_MAX:
            self.disconnect(*next(iter(self._links)))
        return link

    async def _signer(self, store: KeyStoreRow) -> RequestSigner:
        async with self._store.reading() as uow:
            secret = await uow.keyring.find_secret(CREDENTIAL_KIND, store.store_id, store.credential_id)
        if secret is None:
            raise ProxyFault(Outcome.NO_CREDENTIAL, "the store was made before secrets were kept; UpdateCustomKeyStore gives it one")
        try:
            return self._credentials.signer(secret, store.proxy["access_key_id"])
        except KmsError as fault:
            raise ProxyFault(Outcome.NO_CREDENTIAL, fault.reason) from fault

    async def _connection(self, store: KeyStoreRow, signer: RequestSigner) -> ProxyConnection:
        made: type[ProxyConnection] = (await loaded(CONNECTIONS)).ProxyConnection
        proxy = store.proxy
        host, service = dialled_host(proxy["xks_proxy_uri_endpoint"]), proxy.get("xks_proxy_vpc_endpoint_service_name")
        endpoint = Endpoint(store.account, store.store_id, host, proxy["xks_proxy_uri_path"], service)
        return made(endpoint, signer, self._around)

    def _service_fault(self, store: KeyStoreRow) -> ProxyFault | None:
        """Why the endpoint service that leads to a proxy cannot be used, where one does."""
        if store.proxy.get("connectivity") != VPC:
            return None
        name = store.proxy.get("xks_proxy_vpc_endpoint_service_name", "")
        service = self._around.dialling.endpoint_services.get(name)
        if service is None:
            return ProxyFault(Outcome.NO_SERVICE)
        return None if service.host == dialled_host(store.proxy["xks_proxy_uri_endpoint"]) else ProxyFault(Outcome.OTHER_SERVICE)

    def _told(self, fault: ProxyFault, key: Key, asked: AskedFor) -> ProxyFault:
        """What was not even asked is counted and not told: a line says when that began, and one when it ends."""
        if not isinstance(fault, NotAsked):
            self._log.warning(
                "key store proxy",
                store=key.custom_key_store_id,
                asked_for=asked.operation,
                request_id=asked.request_id,
                reason=fault.reason,
            )
        return fault


def _require_name(proxy: Mapping[str, str]) -> None:
    """A proxy is reached by a name, which its certificate has too. Raises: ValidationException."""
    host = dialled_host(proxy["xks_proxy_uri_endpoint"])
    labels = host.split(".")
    if is_literal(host) or not all(label and len(label) <= 63 and not label.startswith("-") for label in labels) or labels[-1].isdigit():
        raise ValidationException(
            "XksProxyUriEndpoint must be https:// and the DNS name of the external key store proxy.",
            fields=[("xks_proxy_uri_endpoint", "not a DNS name")],
        )
