"""The identity provider of the console: where it is, by its discovery document, and its tokens, for codes.

Nothing is fetched before somebody wants to sign in; then the document is kept for ten minutes.

Source: OpenID Connect Discovery 1.0, section 4; RFC 6749, sections 2.3.1 and 4.1.3; RFC 7636 (PKCE).
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import quote_plus

from meridian.adapters.fetched_document import FetchFault, Source, fetch, post_form
from meridian.adapters.issuer_urls import origin_of, require_issuer_url
from meridian.adapters.live_key_sets import DISCOVERY, DISCOVERY_BYTES_MAX
from meridian.adapters.xks_proxy.lookups import Lookups
from meridian.domain.addresses import network_of
from meridian.domain.strict_json import JsonFault, parse_json
from meridian.ports.clock import Clock
from meridian.ports.key_sets import KeySetSource
from meridian.ports.sign_in import CodeRefused, SignInFault

FRESH_SECONDS: Final = 600.0
AGAIN_SECONDS: Final = 5.0
"""Between two fetches of the document that failed."""
AT_ONCE_MAX: Final = 32
"""Codes that are redeemed at the same time; who comes beyond them is told to come again."""
OF_ADDRESS_MAX: Final = 2
"""Of those, from one address: who brings bad codes takes no place from others."""
REFUSES: Final = frozenset(range(400, 500)) - {408, 429}
"""Statuses of a provider that does not take the code. Source: RFC 6749, section 5.2; the two others say that it has too much to do."""
ANSWER_BYTES_MAX: Final = 64 * 1024


class _Endpoints(NamedTuple):
    authorization: str
    token: str


@dataclass(frozen=True, slots=True)
class OidcClient:
    """What the console is there."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    """Empty for a client without one."""
    redirect_uri: str


class OidcProvider:
    """Implements `ports.sign_in.IdentityProvider`. Used on one event loop alone."""

    def __init__(self, client: OidcClient, sources: Callable[[], tuple[KeySetSource, ...]], clock: Clock) -> None:
        """`sources`: of the issuers in force; they say which authorities the provider's TLS is believed by."""
        self._client = client
        self._sources = sources
        self._clock = clock
        self._lookups = Lookups()
        self._lock = asyncio.Lock()
        self._endpoints: _Endpoints | None = None
        self._fetched_at = 0.0
        self._failed_at: float | None = None
        self._tls: tuple[str, ssl.SSLContext] | None = None
        self._redeeming: Counter[str] = Counter()

    def close(self) -> None:
        """Look up no more names."""
        self._lookups.close()

    async def authorization_endpoint(self) -> str:
        return (await self._found()).authorization

    async def redeem(self, code: str, verifier: str, address: str) -> str:
        with self._place_of(network_of(address)):
            return await self._redeem(code, verifier)

    @contextmanager
    def _place_of(self, network: str) -> Iterator[None]:
        """Raises: SignInFault where there is none left, or none for this network."""
        if self._redeeming.total() >= AT_ONCE_MAX:
            raise SignInFault(f"{AT_ONCE_MAX} others are signing in")
        if self._redeeming[network] >= OF_ADDRESS_MAX:
            raise SignInFault(f"{OF_ADDRESS_MAX} others are signing in from one address")
        self._redeeming[network] += 1
        try:
            yield
        finally:
            self._redeeming[network] -= 1
            if not self._redeeming[network]:
                del self._redeeming[network]

    async def _redeem(self, code: str, verifier: str) -> str:
        endpoints, client = await self._found(), self._client
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri, "code_verifier": verifier}
        if not client.client_secret:
            form["client_id"] = client.client_id
        url = endpoints.token
        try:
            answer = await post_form(url, form, await self._source(ANSWER_BYTES_MAX), authorization=_basic(client))
        except FetchFault as fault:
            kind = CodeRefused if fault.status in REFUSES else SignInFault
            raise kind(f"{url}: {fault}") from fault
        token = _members(answer, url).get("id_token")
        if not isinstance(token, str) or not token:
            raise SignInFault(f"{url}: answers no ID token")
        return token

    async def _found(self) -> _Endpoints:
        async with self._lock:
            now = self._clock.monotonic()
            if self._endpoints is not None and now - self._fetched_at < FRESH_SECONDS:
                return self._endpoints
            if self._failed_at is not None and now - self._failed_at < AGAIN_SECONDS:
                raise SignInFault("its discovery document could not be had a moment ago")
            try:
                self._endpoints = await self._discover()
            except SignInFault:
                self._failed_at = now
                raise
            self._fetched_at = now
            return self._endpoints

    async def _discover(self) -> _Endpoints:
        issuer = self._client.issuer
        url = f"{issuer.rstrip('/')}{DISCOVERY}"
        try:
            document = await fetch(url, await self._source(DISCOVERY_BYTES_MAX), bearer_token="")
        except FetchFault as fault:
            raise SignInFault(f"{url}: {fault}") from fault
        said = _members(document, url)
        if said.get("issuer") != issuer:
            raise SignInFault(f"{url}: is the document of another issuer")
        return _Endpoints(*(_endpoint(said, name, issuer) for name in ("authorization_endpoint", "token_endpoint")))

    async def _source(self, bytes_max: int) -> Source:
        return Source(self._client.issuer, await self._context(), bytes_max, self._lookups)

    async def _context(self) -> ssl.SSLContext:
        source = next((each for each in self._sources() if each.issuer == self._client.issuer), None)
        if source is None:
            raise SignInFault(f"{self._client.issuer} is no issuer any more")
        if self._tls is None or self._tls[0] != source.authorities:
            self._tls = source.authorities, await asyncio.to_thread(ssl.create_default_context, cadata=source.authorities or None)
        return self._tls[1]


def _basic(client: OidcClient) -> str:
    if not client.client_secret:
        return ""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _members(document: bytes, url: str) -> Mapping[str, Any]:
    """Raises: SignInFault."""
    try:
        said = parse_json(document.decode())
    except (JsonFault, UnicodeDecodeError) as fault:
        raise SignInFault(f"{url}: is no JSON") from fault
    if not isinstance(said, dict):
        raise SignInFault(f"{url}: is no JSON object")
    return said


def _endpoint(said: Mapping[str, Any], name: str, issuer: str) -> str:
    """Raises: SignInFault for an address that no browser should be sent to, and no code."""
    url = said.get(name)
    try:
        require_issuer_url(url if isinstance(url, str) else "")
    except ValueError as fault:
        raise SignInFault(f"{issuer}: {name} {fault}") from fault
    if origin_of(str(url))[0] != "https" == origin_of(issuer)[0]:
        raise SignInFault(f"{issuer}: {name} is without TLS")
    return str(url)
