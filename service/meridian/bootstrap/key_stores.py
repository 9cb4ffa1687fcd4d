"""Key stores outside the Region: what reaches them, and who brings them to the state that they were asked to be in."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import Gauge

from meridian.adapters.key_store_metrics import Count, StoreMetrics, StoreRequestMetrics
from meridian.adapters.pkcs11.key_store import TokenKeyStores
from meridian.adapters.pkcs11.library import TokenPlace
from meridian.adapters.pkcs11.links import NamedToken, TokenLinks
from meridian.adapters.pkcs11.thread import token_thread
from meridian.adapters.xks_proxy.addresses import Dialling, EndpointService
from meridian.adapters.xks_proxy.endpoint import Surroundings
from meridian.adapters.xks_proxy.key_store import ExternalKeyStores
from meridian.adapters.xks_proxy.lookups import Lookups
from meridian.bootstrap.core import Core
from meridian.bootstrap.startup import naming
from meridian.domain.key import Origin
from meridian.domain.key_store import KeyStoreType
from meridian.domain.limits import Limits
from meridian.domain.token_bucket import Rate
from meridian.engine.secret_files import read_trusted
from meridian.operations.ciphers import Ciphers
from meridian.operations.store_keys import KeysInStores
from meridian.operations.store_kinds import ConnectionsByKind
from meridian.ports.clock import Clock
from meridian.ports.key_store import KeyStoreConnections
from meridian.ports.traces import Traces
from meridian.settings_proxies import KeyStoreProxySettings
from meridian.settings_tokens import KeyStoreTokenSettings
from meridian.workers.key_stores import KeyStoreWorker
from meridian.workers.left_keys import LEFT_KEYS, LeftKeys
from meridian.workers.periodic import Wake
from meridian.workers.set_aside import SetAside


@dataclass(frozen=True, slots=True)
class KeyStorePlaces:
    """Everything about key stores that operations are made of."""

    connections: KeyStoreConnections
    external: ExternalKeyStores
    tokens: TokenKeyStores
    token_links: TokenLinks
    left_keys: LeftKeys
    ciphers: Ciphers
    keys: KeysInStores
    worker: KeyStoreWorker
    wake: Wake


def build_key_stores(core: Core) -> KeyStorePlaces:
    """Raises: StartupError where a trust anchor of a token cannot be read."""
    wake = Wake()
    lookups = Lookups()
    core.stack.callback(lookups.close)
    requests = StoreRequestMetrics(core.registry)
    external = ExternalKeyStores(
        store=core.store,
        seals=core.engine.symmetric_keys,
        credentials=core.engine.store_secrets,
        around=surroundings(
            core.settings.key_store_proxies,
            core.settings.limits,
            region=core.settings.region,
            clock=core.clock,
            lookups=lookups,
            trust=lambda: core.files.proxies.context,
            count=requests.of(KeyStoreType.EXTERNAL_KEY_STORE),
            traces=core.tracing.traces,
        ),
    )
    core.stack.push_async_callback(external.close)
    links = _token_links(core, requests.of(KeyStoreType.AWS_CLOUDHSM))
    core.stack.push_async_callback(links.close)
    tokens = TokenKeyStores(links, core.engine.symmetric_keys, core.entropy)
    core.registry.register(StoreMetrics({KeyStoreType.EXTERNAL_KEY_STORE: external, KeyStoreType.AWS_CLOUDHSM: links}))
    left = LeftKeys(core.store, links, core.settings.limits.day_seconds, SetAside(LEFT_KEYS, clock=core.clock, events=core.events))
    text = "Keys in tokens that no KMS key has, as of the last look."
    Gauge("meridian_token_keys_left", text, registry=core.registry).set_function(lambda: left.count)
    kinds: dict[str, KeyStoreConnections] = {Origin.EXTERNAL_KEY_STORE: external, Origin.AWS_CLOUDHSM: tokens}

    async def release() -> None:
        await external.close_ended()
        await links.close_ended()

    worker = KeyStoreWorker(
        store=core.store,
        kinds=kinds,
        directory=core.directory,
        entropy=core.entropy,
        clock=core.clock,
        events=core.events,
        release=release,
        wake=wake,
    )
    core.stack.push_async_callback(worker.close)
    return KeyStorePlaces(
        connections=ConnectionsByKind(kinds),
        external=external,
        tokens=tokens,
        token_links=links,
        left_keys=left,
        ciphers=Ciphers(core.engine.symmetric_keys, {Origin.EXTERNAL_KEY_STORE: external, Origin.AWS_CLOUDHSM: tokens}),
        keys=KeysInStores(core.store, {Origin.EXTERNAL_KEY_STORE: external, Origin.AWS_CLOUDHSM: tokens}, {Origin.AWS_CLOUDHSM: tokens}),
        worker=worker,
        wake=wake,
    )


def _token_links(core: Core, count: Count) -> TokenLinks:
    """Raises: StartupError where a trust anchor cannot be read."""
    return TokenLinks(
        store=core.store,
        credentials=core.engine.store_secrets,
        tokens=named_tokens(core.settings.key_store_tokens),
        thread=token_thread,
        clock=core.clock,
        count=count,
    )


def named_tokens(settings: Mapping[str, KeyStoreTokenSettings]) -> dict[str, NamedToken]:
    """The tokens of the settings. Raises: StartupError where a trust anchor cannot be read."""
    named = {}
    for cluster, each in settings.items():
        with naming(f"key_store_tokens.{cluster}.trust_anchor"):
            anchor = read_trusted(each.trust_anchor).decode("ascii")
        named[cluster] = NamedToken(TokenPlace(each.module, each.token), each.account, anchor)
    return named


def surroundings(  # noqa: PLR0913 - one value, filled here alone
    settings: KeyStoreProxySettings,
    limits: Limits,
    *,
    region: str,
    clock: Clock,
    lookups: Lookups,
    trust: Callable[[], ssl.SSLContext],
    count: Count,
    traces: Traces,
) -> Surroundings:
    """What these settings say of proxies."""
    return Surroundings(
        region=region,
        dialling=_dialling(settings),
        trust=trust,
        clock=clock,
        attempt_seconds=limits.key_store_attempt_seconds,
        rate=_rate(limits.key_store_requests_per_second),
        lookups=lookups,
        count=count,
        traces=traces,
    )


def _rate(per_second: float) -> Rate:
    """A burst of a second, and of one request at least; a bucket that never fills lets nothing through after that."""
    return Rate(max(per_second, sys.float_info.min), max(per_second, 1.0))


def _dialling(settings: KeyStoreProxySettings) -> Dialling:
    services = {name: EndpointService(each.host, each.address) for name, each in settings.endpoint_services.items()}
    return Dialling(settings.networks, dict(settings.hosts), services)
