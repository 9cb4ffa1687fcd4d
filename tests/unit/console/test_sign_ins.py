"""Sign-ins that do not end well: who is told, what they cost the provider, and whom they keep out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tests.unit.console.console_in_process import ORIGIN, Stage, sealed_for_browsers
from tests.web_console import Provider, provider

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.sign_in_provider import OF_ADDRESS_MAX, OidcClient, OidcProvider
from meridian.console.sign_in import ConsoleClient, SignIn
from meridian.ports.key_sets import KeySetSource
from meridian.ports.security_events import SecurityEvent
from meridian.ports.sign_in import CodeRefused, SignInFault

pytestmark = pytest.mark.asyncio


class Believing:
    """Reads tokens that nobody has to sign; no test here comes so far with a good one."""

    def claims_of(self, token: str, now: datetime) -> Mapping[str, Any]:
        return {}


@pytest.fixture
def idp() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture
def asked(idp: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[OidcProvider]:
    monkeypatch.setattr("meridian.adapters.fetched_document.SECONDS", 60.0)  # nothing is given up on a busy machine
    issuer = idp.issuer.issuer
    made = OidcProvider(
        OidcClient(issuer, "console", "", f"{ORIGIN}/signed-in"),
        lambda: (KeySetSource(issuer, "", "", "", None),),
        SystemClock(),
    )
    yield made
    made.close()


def stage_of(asked: OidcProvider) -> Stage:
    sign_in = SignIn(asked, Believing(), sealed_for_browsers(), OsEntropy(), ConsoleClient("console", ORIGIN, "openid"))
    return Stage(sign_in=sign_in)


async def begun(stage: Stage) -> tuple[str, str]:
    """A sign-in of a browser: where it is sent back to with a code that it made up, and its cookie."""
    answer = await stage.get("/sign-in/begin", known=False)
    state = parse_qs(urlsplit(dict(answer.headers)["location"]).query)["state"][0]
    kept = [value.partition(";")[0] for name, value in answer.headers if name.lower() == "set-cookie" and "Max-Age=0" not in value]
    return f"/signed-in?{urlencode({'code': 'z', 'state': state})}", "; ".join(kept)


def forgets(headers: tuple[tuple[str, str], ...]) -> bool:
    return any("sign-in-1=; Max-Age=0" in value for name, value in headers if name.lower() == "set-cookie")


async def test_a_code_that_the_provider_refuses_is_a_failed_authentication(asked: OidcProvider) -> None:
    stage = stage_of(asked)
    back, cookie = await begun(stage)
    answer = await stage.get(back, known=False, cookie=cookie)
    assert answer.status == 401
    assert forgets(answer.headers)
    (refused,) = stage.refused
    assert refused.reason.startswith("the identity provider refuses the code")
    assert refused.reason.endswith("answers HTTP 400")
    assert stage.events.reported == []


async def test_a_sign_in_brings_one_code_whatever_cookie_is_kept(asked: OidcProvider, idp: Provider) -> None:
    stage = stage_of(asked)
    back, cookie = await begun(stage)
    for _ in range(5):
        assert (await stage.get(back, known=False, cookie=cookie)).status == 401
    assert len(idp.redeemed) == 1
    assert [each.reason for each in stage.refused[1:]] == ["a sign-in that has brought a code before"] * 4


async def test_a_provider_that_is_away_is_told_as_an_event_and_ends_the_sign_in(asked: OidcProvider, idp: Provider) -> None:
    stage = stage_of(asked)
    back, cookie = await begun(stage)
    await asked.authorization_endpoint()
    idp.token_status = 503
    answer = await stage.get(back, known=False, cookie=cookie)
    assert (answer.status, forgets(answer.headers), stage.refused) == (503, True, [])
    ((event, subject, told),) = stage.events.reported
    assert (event, subject) == (SecurityEvent.SIGN_IN_FAULT, "console")
    assert told["fault"].endswith("/token: answers HTTP 503")


@pytest.mark.parametrize(
    ("status", "is_his"), [(400, True), (401, True), (403, True), (408, False), (429, False), (500, False), (302, False)]
)
async def test_a_busy_provider_says_nothing_of_the_code(asked: OidcProvider, idp: Provider, status: int, is_his: bool) -> None:
    idp.token_status = status
    with pytest.raises(SignInFault) as caught:
        await asked.redeem("z", "v", "192.0.2.1")
    assert isinstance(caught.value, CodeRefused) == is_his


async def test_one_address_keeps_no_others_out(asked: OidcProvider, idp: Provider) -> None:
    """A provider that is slow with twelve codes of one address, an IPv6 network; another address is let through beside them."""
    await asked.authorization_endpoint()
    held = threading.Event()
    idp.before = lambda form: form["code"] == "held" and held.wait(60)
    flood = [asyncio.create_task(asked.redeem("held", "v", f"2001:db8::{number + 1}")) for number in range(12)]
    try:
        while sum(each.done() for each in flood) < 12 - OF_ADDRESS_MAX:
            await asyncio.sleep(0.01)
        with pytest.raises(CodeRefused):
            await asked.redeem("z", "v", "192.0.2.1")
    finally:
        held.set()
        ends = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(isinstance(each, CodeRefused) for each in ends) == OF_ADDRESS_MAX
    assert sum("from one address" in str(each) for each in ends) == 12 - OF_ADDRESS_MAX
    with pytest.raises(CodeRefused):
        await asked.redeem("z", "v", "2001:db8::1")
    assert asked._redeeming == {}


async def test_so_many_are_redeemed_at_once_and_no_more(asked: OidcProvider, idp: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meridian.adapters.sign_in_provider.AT_ONCE_MAX", 3)
    await asked.authorization_endpoint()
    held = threading.Event()
    idp.before = lambda form: held.wait(60)
    flood = [asyncio.create_task(asked.redeem("z", "v", f"192.0.2.{number}")) for number in range(3)]
    try:
        while asked._redeeming.total() < 3:
            await asyncio.sleep(0.01)
        with pytest.raises(SignInFault, match="others are signing in"):
            await asyncio.wait_for(asked.redeem("z", "v", "198.51.100.1"), 10)
    finally:
        held.set()
        await asyncio.gather(*flood, return_exceptions=True)


async def test_what_is_remembered_of_sign_ins_is_bounded(asked: OidcProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meridian.console.sign_in.REDEEMED_MAX", 2)
    stage = stage_of(asked)
    for _ in range(4):
        back, cookie = await begun(stage)
        await stage.get(back, known=False, cookie=cookie)
    assert stage.sign_in is not None
    assert len(stage.sign_in._redeemed) == 2
