"""Signing in at the identity provider: the code flow of OpenID Connect with PKCE. What it ends with is a token, which is then judged as on
every other wire.

What must be remembered while the browser is away stands in a sealed cookie, so whoever begins and never comes back costs nothing.
Source: OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE, S256); RFC 9700 (best current practice), sections 2.1 and 4.7.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

from meridian.console.cookies import Header, SealedCookie
from meridian.domain.newest import Newest
from meridian.domain.request_head import RequestHead
from meridian.errors import UnrecognizedClientException
from meridian.ports.entropy import Entropy
from meridian.ports.kept_by_browsers import KeptByBrowsers
from meridian.ports.sign_in import CodeRefused, IdentityProvider

SECONDS: Final = 600
"""How long somebody may take at the provider."""
BYTES: Final = 32
"""Of state, nonce and verifier each."""
HOME: Final = "/"
CODE_CHARACTERS_MAX: Final = 4096
REDEEMED_MAX: Final = 4096
"""Sign-ins that have brought their code, and are remembered for it: one that is kept brings no second. A process has its own."""
PLACE_CHARACTERS_MAX: Final = 1024
FLOW: Final = "sign-in"
BACK: Final = "/signed-in"
"""Where the provider sends browsers back to."""


class Tokens(Protocol):
    """Reads tokens of issuers."""

    def claims_of(self, token: str, now: datetime) -> Mapping[str, Any]:
        """What a token says that is believed. Raises: KmsError."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class SignedIn:
    """How a sign-in has ended well."""

    token: str
    place: str
    """The page that was wanted at first."""


@dataclass(frozen=True, slots=True)
class ConsoleClient:
    """What the console is to its provider."""

    client_id: str
    origin: str
    scopes: str
    """With a space between two."""


class SignIn:
    """Begins a sign-in, and ends it."""

    def __init__(self, provider: IdentityProvider, tokens: Tokens, kept: KeptByBrowsers, entropy: Entropy, client: ConsoleClient) -> None:
        self._provider = provider
        self._tokens = tokens
        self._entropy = entropy
        self._client_id = client.client_id
        self._redirect_uri = f"{client.origin}{BACK}"
        self._scopes = client.scopes
        self._redeemed: Newest[str, bool] = Newest(REDEEMED_MAX)
        self._cookie = SealedCookie(kept, FLOW, is_secure=client.origin.startswith("https://"))

    async def begin(self, place: str, now: datetime) -> tuple[str, Iterator[Header]]:
        """Where the browser goes, and what it keeps. `place`: of the console, wanted afterwards. Raises: SignInFault."""
        state, nonce, verifier = (_text(self._entropy.random_bytes(BYTES)) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self._scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": _text(sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        kept = f"{int(now.timestamp()) + SECONDS} {state} {nonce} {verifier} {own_place(place)}"
        return f"{await self._provider.authorization_endpoint()}?{urlencode(asked)}", self._cookie.write(kept, SECONDS)

    async def end(self, head: RequestHead, now: datetime) -> SignedIn:
        """What the browser brings back. Raises: UnrecognizedClientException for whatever was not begun here in this browser, has brought a
        code before, or brings one that the provider refuses; KmsError for a token that is not believed; SignInFault."""
        kept = self._cookie.read(head).split(" ", 4)
        said = dict(head.query)
        if len(kept) != 5 or int(kept[0]) <= now.timestamp():
            raise UnrecognizedClientException(reason="a sign-in that was not begun in this browser, or too long ago")
        _, state, nonce, verifier, place = kept
        if not compare_digest(state.encode(), said.get("state", "").encode()):
            raise UnrecognizedClientException(reason="a sign-in that another browser has begun")
        code = said.get("code", "")
        if not 0 < len(code) <= CODE_CHARACTERS_MAX:
            raise UnrecognizedClientException(reason="the identity provider has refused to sign in")
        token = await self._redeem(state, code, verifier, head.address)
        self._require_ours(self._tokens.claims_of(token, now), nonce)
        return SignedIn(token, place)

    def forget(self) -> Iterator[Header]:
        """What makes the browser forget that it began."""
        return self._cookie.clear()

    async def _redeem(self, state: str, code: str, verifier: str, address: str) -> str:
        """Once for each sign-in, whatever comes of it."""
        if self._redeemed.get(state):
            raise UnrecognizedClientException(reason="a sign-in that has brought a code before")
        self._redeemed.put(state, True)
        try:
            return await self._provider.redeem(code, verifier, address)
        except CodeRefused as refused:
            raise UnrecognizedClientException(reason=f"the identity provider refuses the code: {refused}") from refused

    def _require_ours(self, claims: Mapping[str, Any], nonce: str) -> None:
        said = claims.get("nonce")
        if not isinstance(said, str) or not compare_digest(said.encode(), nonce.encode()):
            raise UnrecognizedClientException(reason="an ID token for another sign-in")
        audiences = claims.get("aud")
        if self._client_id not in (audiences if isinstance(audiences, list) else [audiences]):
            raise UnrecognizedClientException(reason="an ID token for another client than the console")
        if claims.get("azp", self._client_id) != self._client_id:
            raise UnrecognizedClientException(reason="an ID token that another client has asked for")


def own_place(place: str) -> str:
    """A place of the console itself; its first page for whatever leads elsewhere."""
    parts = urlsplit(place) if place.isascii() and place.isprintable() and len(place) <= PLACE_CHARACTERS_MAX else None
    is_own = parts is not None and place.startswith("/") and not place.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return place if is_own else HOME


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
