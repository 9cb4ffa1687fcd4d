"""The console inside a test's process: the real listener, pages and seals; what the pages ask is answered by the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.reported_events import ReportedEvents

from meridian.adapters.entropy_os import OsEntropy
from meridian.call import Call, Evidence
from meridian.console.application import Door, make_application
from meridian.console.asking import Asker, Calls
from meridian.console.forms import FORM, Forms
from meridian.console.listener import ConsoleListener
from meridian.console.places import MENU, is_open
from meridian.console.receipts import Receipts
from meridian.console.screens import Screens
from meridian.console.sessions import Sessions
from meridian.console.sign_in import SignIn
from meridian.console.visit import Desk
from meridian.console.visitors import Visitors
from meridian.contract.catalog import walked_rpcs
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal
from meridian.domain.request_head import RequestHead
from meridian.domain.secret import Secret
from meridian.engine.kept_by_browsers import SealedForBrowsers
from meridian.engine.keyring import Keyring
from meridian.errors import KmsError, MissingAuthenticationTokenException
from meridian.transport.http1.application import Answer, Exchange
from meridian.transport.under_way import CallsUnderWay

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ORIGIN = "https://kms.example.com"
ISSUER = "https://idp.example.com"
SENT = {"content_type": FORM, "origin": ORIGIN}
"""Headers of a form that a page of the console sends."""
SCREENS = Screens({"region": "us-east-1", "menu": MENU})
"""Compiled once for all tests."""
ANN = Principal("User", "111122223333", "ann", "arn:aws:iam::111122223333:user/ann")


def sealed_for_browsers() -> SealedForBrowsers:
    return SealedForBrowsers(Keyring({1: Secret(b"\x01" * 32)}, 1, OsEntropy(), ReportedEvents()))


@dataclass
class Stage:
    """A console for one viewer, and what it was asked."""

    writes: bool = False
    viewer: Principal | KmsError = ANN
    sign_in: SignIn | None = None
    answers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    """By operation: what makes the answer, or raises the refusal."""
    asked: list[Call] = field(default_factory=list)
    refused: list[KmsError] = field(default_factory=list)
    now_: datetime = NOW
    known: int = 0
    troubles: tuple[str, ...] = ()
    issuer: str = ISSUER
    """At whom people sign in."""

    def __post_init__(self) -> None:
        self.kept, self.events = sealed_for_browsers(), ReportedEvents()
        stub: Any = self
        calls = Calls(walked_rpcs(), self._walk, stub, OsEntropy(), limits=Limits(), under_way=CallsUnderWay())
        self.forms = Forms(self.kept, ORIGIN)
        self.sessions = Sessions(self.kept, is_secure=True, seconds=3600, issuer=self.issuer)
        visitors = Visitors(self._identify, self.sessions, is_secure=True)
        desk = Desk(
            screens=SCREENS, forms=self.forms, receipts=Receipts(self.kept), sessions=self.sessions, visitors=visitors,
            sign_in=self.sign_in,
            asker_of=lambda visitor: Asker(calls, visitor, self.events), events=self.events, writes=self.writes,
            troubles=lambda: self.troubles,
        )  # fmt: skip
        app = make_application(Door(desk, stub, self.events, OsEntropy()))
        self.listener = ConsoleListener(app, visitors, is_open, stub, origin=ORIGIN)

    # ---- the clock, and the end of those who are nobody

    def now(self) -> datetime:
        return self.now_

    def monotonic(self) -> float:
        return 0.0

    async def refuse(self, error: KmsError, **told: Any) -> None:
        self.refused.append(error)

    # ---- what is behind the pages

    def _identify(self, evidence: Evidence, now: datetime) -> Principal:
        if not evidence.headers and not evidence.certificate_pem:
            raise MissingAuthenticationTokenException
        if isinstance(self.viewer, KmsError):
            raise self.viewer
        return self.viewer

    async def _walk(self, call: Call) -> Any:
        self.asked.append(call)
        return self.answers[call.rpc.name](call.request)

    # ---- a browser

    def begin(self, method: str, place: str, body: bytes, headers: Mapping[str, str], *, known: bool) -> Exchange:
        """What becomes of a request. `known`: whether the browser has a certificate."""
        path, _, query = place.partition("?")
        named = {"host": "kms.example.com", **{name.replace("_", "-"): value for name, value in headers.items()}}
        head = RequestHead(
            method, path, tuple(parse_qsl(query)), MappingProxyType(named), "192.0.2.1", len(body), b"a certificate" if known else b""
        )  # fmt: skip
        return self.listener.begin(head)

    async def ask(self, method: str, place: str, body: bytes, headers: Mapping[str, str], *, known: bool) -> Answer:
        exchange = self.begin(method, place, body, headers, known=known)

        def is_known(_caller: str) -> None:
            self.known += 1

        return await exchange.answer(body if exchange.keeps_body else b"", is_known)

    async def get(self, place: str, *, known: bool = True, **headers: str) -> Answer:
        return await self.ask("GET", place, b"", headers, known=known)

    async def post(self, place: str, **form: str) -> Answer:
        token = self.forms.token(ANN, self.now_)
        return await self.ask("POST", place, urlencode({"form": token, **form}).encode(), SENT, known=True)
