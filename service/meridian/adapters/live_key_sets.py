"""Key sets of the issuers in force, fetched before a token needs them and kept while an issuer is away.

A set is fetched every ten minutes. A token with a key id that is not in it brings the next fetch forward, to a minute after the one before
at the earliest, whoever shows such tokens and however many; until a fetch that began after it came has ended, it is told to come again.
A set that cannot be renewed counts for an hour. Calls never wait here: fetching is work by time.

Source: OpenID Connect Discovery 1.0, section 4; OpenID Connect Core 1.0, section 10.1.1 (rotation of keys).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.adapters.fetched_document import FetchFault, fetch
from meridian.adapters.issuer_urls import origin_of, require_issuer_url
from meridian.adapters.token_rules_file import KEY_SET_BYTES_MAX
from meridian.adapters.xks_proxy.lookups import Lookups
from meridian.crypto.signed_tokens import KeySetFault, read_key_set
from meridian.domain.strict_json import JsonFault, parse_json
from meridian.errors import DependencyTimeoutException, UnrecognizedClientException
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.key_sets import KeySetSource, SigningKey, SigningKeys

FRESH_SECONDS: Final = 600.0
AGAIN_SECONDS: Final = 60.0
"""Between two fetches of one issuer's set, whatever asks for them."""
FIRST_AGAIN_SECONDS: Final = 10.0
"""The same while there is no set at all."""
USABLE_SECONDS: Final = 3600.0
LOOK_SECONDS: Final = 1.0
ASKED_MAX: Final = 256
"""Unknown keys of one issuer that are remembered."""
DISCOVERY_BYTES_MAX: Final = 64 * 1024
DISCOVERY: Final = "/.well-known/openid-configuration"
AWAY: Final = "The keys of the token's issuer are not at hand. Retry the request."


@dataclass(slots=True)
class _Standing:
    """How an issuer's set is."""

    source: KeySetSource
    keys: SigningKeys | None = None
    fetched_at: float = 0.0
    """Monotonic seconds, as the next."""
    tried_at: float | None = None
    is_wanted: bool = False
    """A token has named a key that is not in the set."""
    begun_at: float | None = None
    """When the fetch of the set that is here began."""
    asked: OrderedDict[bytes, float] = field(default_factory=OrderedDict)
    """Keys that are not in the set, each with the time at which a token named it first; what a fetch since then has not brought is not
    there."""
    is_fetching: bool = False
    fault: str = ""
    taken: int = 0
    failed: int = 0
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def is_due(self, now: float) -> bool:
        if self.source.keys is not None or self.is_fetching:
            return False
        if self.tried_at is None:
            return True
        if now - self.tried_at < (AGAIN_SECONDS if self.keys is not None else FIRST_AGAIN_SECONDS):
            return False
        return self.is_wanted or bool(self.fault) or self.keys is None or now - self.fetched_at >= FRESH_SECONDS


class LiveKeySets:
    """Implements `ports.key_sets.KeySets`. Used on one event loop alone."""

    def __init__(self, sources: Callable[[], tuple[KeySetSource, ...]], clock: Clock, wake: Callable[[], None]) -> None:
        """`sources`: those in force. `wake`: asks for a look now."""
        self._sources = sources
        self._clock = clock
        self._lookups = Lookups()
        self._standings: dict[str, _Standing] = {}
        self._seen: tuple[KeySetSource, ...] = ()
        self._log = structlog.get_logger("meridian.identity")
        self._wake = wake

    def close(self) -> None:
        """Look up no more names."""
        self._lookups.close()

    def find(self, issuer: str, kid: str, algorithm: str) -> SigningKey:
        self._follow_sources()
        standing, now = self._standings.get(issuer), self._clock.monotonic()
        if standing is None:
            raise UnrecognizedClientException(reason=f"{issuer} is no issuer any more")
        keys = standing.source.keys or (standing.keys if now - standing.fetched_at < USABLE_SECONDS else None)
        if keys is None:
            raise DependencyTimeoutException(AWAY, reason=f"no key set of {issuer}: {standing.fault or 'it is being fetched'}")
        found = keys.find(kid, algorithm)
        if found is not None:
            return found
        if self._may_be_newer(standing, kid, now):
            raise DependencyTimeoutException(AWAY, reason=f"a key that the set of {issuer} has not: the set is fetched again")
        raise UnrecognizedClientException(reason=f"the key set of {issuer} has no such key for {algorithm}")

    async def look(self) -> None:
        """Fetch what is due. What cannot be had is told, and tried again. Raises: what nobody foresaw, once every fetch has ended."""
        self._follow_sources()
        now = self._clock.monotonic()
        due = [self._renew(each) for each in self._standings.values() if each.is_due(now)]
        for fault in [each for each in await asyncio.gather(*due, return_exceptions=True) if each is not None][:1]:
            raise fault

    def _may_be_newer(self, standing: _Standing, kid: str, now: float) -> bool:
        """Whether an unknown key is looked for, until a fetch that began after it was asked for has ended; the set of a file says all."""
        if standing.source.keys is not None:
            return False
        name, begun_at = sha256(kid.encode()).digest(), standing.begun_at
        asked_at = standing.asked.get(name)
        if begun_at is not None and asked_at is not None and begun_at > asked_at and now - begun_at < AGAIN_SECONDS:
            return False
        if asked_at is None or (begun_at is not None and begun_at > asked_at):
            standing.asked[name] = now
            standing.asked.move_to_end(name)
            if len(standing.asked) > ASKED_MAX:
                standing.asked.popitem(last=False)
        standing.is_wanted = True
        self._wake()
        return True

    def _follow_sources(self) -> None:
        """Sets of issuers that are gone, or whose set lies elsewhere now, count no more."""
        sources = self._sources()
        if sources is self._seen:
            return
        self._seen = sources
        before, self._standings = self._standings, {}
        for source in sources:
            known = before.get(source.issuer)
            is_same = known is not None and (known.source.url, known.source.authorities) == (source.url, source.authorities)
            if known is not None and is_same:
                known.source = source
            else:
                known = _Standing(source)
            self._standings[source.issuer] = known
        self._wake()

    async def _renew(self, standing: _Standing) -> None:
        issuer = standing.source.issuer
        begun_at = standing.tried_at = self._clock.monotonic()
        standing.is_fetching, standing.is_wanted = True, False
        try:
            keys = await self._fetched(standing)
        except (FetchFault, KeySetFault, ssl.SSLError) as fault:
            self._note_failure(standing, str(fault))
        except Exception as fault:
            self._note_failure(standing, f"unforeseen: {type(fault).__name__}")
            raise
        else:
            standing.taken += 1
            standing.begun_at = begun_at
            if standing.fault or standing.keys is None:
                self._log.info("key set of an issuer is here", issuer=issuer)
            standing.keys, standing.fetched_at, standing.fault = keys, self._clock.monotonic(), ""
        finally:
            standing.is_fetching = False

    def _note_failure(self, standing: _Standing, fault: str) -> None:
        standing.failed += 1
        if not standing.fault:
            self._log.warning("key set of an issuer cannot be had", issuer=standing.source.issuer, fault=fault)
        standing.fault = fault

    async def _fetched(self, standing: _Standing) -> SigningKeys:
        """Raises: FetchFault, KeySetFault, ssl.SSLError."""
        source = standing.source
        if standing.tls is None:
            standing.tls = await asyncio.to_thread(ssl.create_default_context, cadata=source.authorities or None)
        url = source.url or _key_set_url(await self._get(standing, f"{source.issuer.rstrip('/')}{DISCOVERY}", DISCOVERY_BYTES_MAX), source)
        return await asyncio.to_thread(read_key_set, await self._get(standing, url, KEY_SET_BYTES_MAX))

    async def _get(self, standing: _Standing, url: str, bytes_max: int) -> bytes:
        source, tls = standing.source, standing.tls
        if tls is None:
            raise FetchFault("there is no TLS to fetch with")
        try:
            bearer_token = source.bearer_token if origin_of(url) == origin_of(source.url or source.issuer) else ""
            return await fetch(url, owner=source.issuer, tls=tls, bearer_token=bearer_token, bytes_max=bytes_max, lookups=self._lookups)
        except FetchFault as fault:
            raise FetchFault(f"{url}: {fault}") from fault

    def collect(self) -> Iterator[Metric]:
        """For Prometheus."""
        fetches = CounterMetricFamily("meridian_token_key_set_fetches", "Fetches of issuers' key sets.", labels=["issuer", "outcome"])
        ages = GaugeMetricFamily("meridian_token_key_set_age_seconds", "Seconds since a key set was fetched.", labels=["issuer"])
        now = self._clock.monotonic()
        for issuer, standing in list(self._standings.items()):
            fetches.add_metric([issuer, "taken"], standing.taken)
            fetches.add_metric([issuer, "failed"], standing.failed)
            if standing.keys is not None:
                ages.add_metric([issuer], now - standing.fetched_at)
        yield fetches
        yield ages


def _key_set_url(document: bytes, source: KeySetSource) -> str:
    """Where a discovery document says that the key set is. Raises: FetchFault for the document of another issuer."""
    place = f"{source.issuer}{DISCOVERY}"
    try:
        said = parse_json(document.decode())
    except (JsonFault, UnicodeDecodeError) as fault:
        raise FetchFault(f"{place}: is no JSON") from fault
    if not isinstance(said, dict) or said.get("issuer") != source.issuer:
        raise FetchFault(f"{place}: is the document of another issuer")
    url = said.get("jwks_uri")
    try:
        require_issuer_url(url if isinstance(url, str) else "")
    except ValueError as fault:
        raise FetchFault(f"{place}: jwks_uri {fault}") from fault
    if origin_of(str(url))[0] != "https" == origin_of(source.issuer)[0]:
        raise FetchFault(f"{place}: jwks_uri is without TLS")
    return str(url)
