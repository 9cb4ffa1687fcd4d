"""Ways to the tokens of key stores that are connected, kept open by the version that each store had, and what is asked over them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from meridian.adapters.key_store_metrics import Count
from meridian.adapters.pkcs11.library import TokenPlace, TokenSession, token_is_there
from meridian.adapters.pkcs11.link import TokenLink, look_over
from meridian.adapters.pkcs11.listing import Listing
from meridian.adapters.pkcs11.outcomes import Outcome, TokenFault
from meridian.adapters.pkcs11.thread import TokenThread
from meridian.domain.key import Key
from meridian.domain.key_store import ConnectionState
from meridian.errors import KmsError
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.key_store import AskedFor, HeldKey, StoreCredentials
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.ports.store.store import Store

T = TypeVar("T")

LINKS_MAX: Final = 1000
"""Stores that are open at once; the one that was asked longest ago gives way."""
USE_SECONDS: Final = 2.0
"""For a use of a key. A token behind a network takes some milliseconds."""
CONNECT_SECONDS: Final = 20.0
HELD_MAX: Final = 10_000
"""Keys of one token that are looked at when it is asked what it holds."""
CREDENTIAL_KIND: Final = "key-store-credential"


@dataclass(frozen=True, slots=True)
class NamedToken:
    """A token as the operator lets callers name it."""

    place: TokenPlace
    account: str
    """Whose key store may be in it."""
    trust_anchor: str
    """PEM; what CreateCustomKeyStore must be given."""


@dataclass(frozen=True, slots=True)
class StoreAt:
    """A store at a version: its link must have been made of that version, or of a later one."""

    account: str
    store_id: str
    version: int

    @classmethod
    def of_key(cls, key: Key) -> StoreAt:
        return cls(key.account, key.custom_key_store_id, key.store_version)

    @classmethod
    def of_row(cls, row: KeyStoreRow) -> StoreAt:
        return cls(row.account, row.store_id, row.version)


@dataclass(frozen=True, slots=True)
class Open:
    """A link, and the row that it was made of."""

    row: KeyStoreRow
    link: TokenLink


class TokenLinks:
    """Everything of this process that leads to tokens of key stores."""

    def __init__(
        self,
        *,
        store: Store,
        credentials: StoreCredentials,
        tokens: Mapping[str, NamedToken],
        thread: Callable[[], TokenThread],
        clock: Clock,
        count: Count,
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._tokens = tokens
        self._thread = thread
        self._clock = clock
        self._count = count
        self._open: OrderedDict[tuple[str, str], Open] = OrderedDict()
        self._loading = asyncio.Lock()
        self._ended: list[TokenLink] = []
        self.unwell = 0
        """How many stores were not well when they were asked last."""
        self._log = structlog.get_logger("meridian.key_stores")

    @property
    def connected(self) -> int:
        """To the tokens of how many stores this process has a way."""
        return len(self._open)

    @property
    def broken(self) -> int:
        """Of how many of these the token could not be opened when it was tried last."""
        return sum(held.link.is_broken for held in self._open.values())

    async def use(self, at: StoreAt, request: str, work: Callable[[TokenSession], T], seconds: float) -> T:
        """What comes of work with the token of a connected store. Raises: TokenFault."""

        async def used() -> T:
            held = await self._open_of(at)
            return await self._thread().run(partial(held.link.use, work), seconds)

        return await self._counted(request, used)

    def named(self, row: KeyStoreRow) -> NamedToken:
        """The token of a store. Raises: TokenFault where the settings do not let this account use one of the name."""
        token = self._tokens.get(row.proxy["cloud_hsm_cluster_id"])
        if token is None or token.account != row.account:
            raise TokenFault(Outcome.ABSENT, "the settings name no such token for this account")
        return token

    async def require_token(self, row: KeyStoreRow) -> None:
        """The token is there; no PIN is presented. Raises: TokenFault."""
        place = self.named(row).place
        await self._counted("connect", lambda: self._thread().run(partial(token_is_there, place), CONNECT_SECONDS))

    async def connect(self, row: KeyStoreRow) -> None:
        """The store's PIN opens its token, which works. Raises: TokenFault."""
        self.disconnect(row.account, row.store_id)
        await self.close_ended()

        async def tried() -> None:
            await self._thread().run(partial(look_over, await self._new_link(row)), CONNECT_SECONDS)

        await self._counted("connect", tried)

    def disconnect(self, account: str, store_id: str) -> None:
        """Nothing is asked over this way any more."""
        held = self._open.pop((account, store_id), None)
        if held is not None:
            self._ended.append(held.link)

    async def close_ended(self) -> None:
        """End the sessions of stores that were disconnected."""
        while self._ended:
            link = self._ended.pop()
            try:
                await self._thread().run(link.close, USE_SECONDS)
            except TokenFault as fault:
                self._log.warning("session with a token not ended", reason=fault.reason)

    async def close(self) -> None:
        """Disconnect from all."""
        for account, store_id in list(self._open):
            self.disconnect(account, store_id)
        await self.close_ended()

    async def check_health(self, asked: AskedFor) -> None:
        """Implements `workers.key_store_health.HealthOfStores`."""
        unwell = 0
        for held in list(self._open.values()):
            try:
                await self.use(StoreAt.of_row(held.row), "health", lambda session: session.require_there(), USE_SECONDS)
            except TokenFault as fault:
                # One that has its share of calls answers.
                unwell += fault.outcome is not Outcome.BUSY
                self._log.warning("token", store=held.row.store_id, asked_for=asked.operation, reason=fault.reason)
        self.unwell = unwell

    async def held(self, row: KeyStoreRow) -> list[HeldKey] | None:
        """Implements `workers.left_keys.KeysHeld`."""
        at, found = StoreAt.of_row(row), list[HeldKey]()
        try:
            listing = await self.use(at, "list", Listing, USE_SECONDS)
            try:
                while len(found) < HELD_MAX and (some := await self._listed(listing)) is not None:
                    found += some
            finally:
                await self._thread().run(listing.close, USE_SECONDS)
        except TokenFault as fault:
            self._log.warning("keys of a token not listed", store=row.store_id, reason=fault.reason)
            return None
        if len(found) >= HELD_MAX:
            self._log.warning("a token has more keys than are looked at", store=row.store_id, looked_at=len(found))
        return found

    async def _listed(self, listing: Listing) -> list[HeldKey] | None:
        return await self._counted("list", lambda: self._thread().run(listing.some, USE_SECONDS))

    async def _counted(self, request: str, ask: Callable[[], Awaitable[T]]) -> T:
        began, outcome = self._clock.monotonic(), ""
        try:
            answer = await ask()
        except TokenFault as fault:
            outcome = fault.outcome
            raise
        finally:
            ended = asyncio.current_task()
            if outcome or ended is None or not ended.cancelling():
                self._count(request, outcome, self._clock.monotonic() - began)
        return answer

    async def _open_of(self, at: StoreAt) -> Open:
        """The open link of a store. Raises: TokenFault."""
        name = (at.account, at.store_id)
        held = self._open.get(name)
        if held is None or held.row.version < at.version:
            async with self._loading:
                held = self._open.get(name)
                if held is None or held.row.version < at.version:
                    held = await self._load(name)
        self._open.move_to_end(name)
        return held

    async def _load(self, name: tuple[str, str]) -> Open:
        async with self._store.reading() as uow:
            row = await uow.key_stores.find(*name)
        if row is None or row.state is not ConnectionState.CONNECTED:
            raise TokenFault(Outcome.REMOVED, "the key store is not connected")
        self.disconnect(*name)
        await self.close_ended()
        held = self._open[name] = Open(row, await self._new_link(row))
        if len(self._open) > LINKS_MAX:
            self.disconnect(*next(iter(self._open)))
        return held

    async def _new_link(self, row: KeyStoreRow) -> TokenLink:
        token = self.named(row)
        async with self._store.reading() as uow:
            secret = await uow.keyring.find_secret(CREDENTIAL_KIND, row.store_id, row.credential_id)
        if secret is None:
            raise TokenFault(Outcome.NO_PIN, "the store has no PIN; UpdateCustomKeyStore gives it one")
        try:
            return TokenLink(token.place, self._credentials.open(secret), self._clock)
        except KmsError as fault:
            raise TokenFault(Outcome.NO_PIN, fault.reason) from fault
