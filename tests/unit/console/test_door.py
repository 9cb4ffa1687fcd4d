"""Who may look, what becomes of whoever may not, and what every answer says to browsers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.console.console_in_process import ANN, NOW, ORIGIN, SENT, Stage

from meridian.adapters.clock_system import SystemClock
from meridian.console.listener import ConsoleListener
from meridian.console.places import OPEN, PLACES, is_open
from meridian.console.sign_in import own_place
from meridian.errors import UnrecognizedClientException
from meridian.transport.http1.faults import HttpFault, RefusedRequest

pytestmark = pytest.mark.asyncio
STRICT = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"


def cookies(headers: Iterable[tuple[str, str]]) -> str:
    """What a browser keeps of them, and sends."""
    return "; ".join(value.partition(";")[0] for _, value in headers if "Max-Age=0" not in value)


async def is_known(stage: Stage, cookie: str) -> bool:
    """Whether these cookies name somebody: changes are switched off, and he is told so."""
    answer = await stage.get("/keys/x/disable", known=False, cookie=cookie)
    assert answer.status in (303, 403)
    return answer.status == 403


@pytest.mark.parametrize("place", [each for each in PLACES if not each.is_open], ids=lambda place: place.path)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_is_shown_nothing_and_nothing_of_his_is_kept(place: object, method: str) -> None:
    stage = Stage(writes=True)
    path = re.sub(r"\{.+?\}", "x", getattr(place, "path", ""))
    answer = await stage.ask(method, path, b"form=x", {}, known=False)
    assert answer.status == 303 or (answer.status, method in getattr(place, "methods", ())) == (405, False)
    assert answer.status == 405 or dict(answer.headers)["location"].startswith("/sign-in")
    assert answer.body == b"" or answer.status == 405
    assert (stage.asked, stage.refused, stage.known) == ([], [], 0)


async def test_a_body_is_wanted_of_the_known_alone() -> None:
    stage = Stage()
    for place in ("/sign-out", "/keys/x/disable", *OPEN):
        assert not stage.begin("POST", place, b"form=x", SENT, known=False).keeps_body
    assert stage.begin("POST", "/sign-out", b"form=x", SENT, known=True).keeps_body
    assert not any(stage.begin("POST", place, b"form=x", SENT, known=True).keeps_body for place in OPEN)


async def test_cookies_are_for_this_site_alone_and_for_no_script() -> None:
    for _, value in (*Stage().sessions.begin("a.b.c", NOW, None), *Stage().sessions.end()):
        assert value.startswith("__Host-meridian-session-")
        assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(value.split("; "))


async def test_every_answer_has_the_headers() -> None:
    stage = Stage()
    for place in ("/", "/sign-in", "/static/console.css", "/static/none", "/nothing", "/keys/x/disable"):
        answer = await stage.get(place)
        said = dict(answer.headers)
        assert said["Content-Security-Policy"] == STRICT, place
        assert (said["X-Content-Type-Options"], said["Strict-Transport-Security"]) == ("nosniff", "max-age=31536000")
        assert {name.lower(): value for name, value in answer.headers}["cache-control"] == (
            "no-store" if place != "/static/console.css" else "public, max-age=86400, immutable"
        )
    refused = stage.listener.refuse(RefusedRequest(HttpFault.MALFORMED))
    assert ("Cache-Control", "no-store") in refused.headers


async def test_browsers_are_told_of_tls_where_they_speak_it() -> None:
    """Whoever ends it, the listener or a proxy."""
    for origin, is_told in ((ORIGIN, True), ("http://localhost:8447", False)):
        listener = ConsoleListener(Stage().listener._app, Stage().listener._visitors, is_open, SystemClock(), origin=origin)
        names = [name for name, _ in listener.refuse(RefusedRequest(HttpFault.MALFORMED)).headers]
        assert ("Strict-Transport-Security" in names) == is_told


@pytest.mark.parametrize(
    "host", ["elsewhere.example", "kms.example.com.elsewhere.example", "kms.example.com:8443", "", "kms.example.com:44"]
)
async def test_under_another_name_there_is_no_console(host: str) -> None:
    stage = Stage(viewer=UnrecognizedClientException(reason="never judged"))
    for place in ("/", "/keys", "/sign-in", "/signed-in?code=x", "/static/console.css"):
        assert (await stage.get(place, host=host)).status == 421, place
    assert not stage.begin("POST", "/sign-out", b"form=x", {**SENT, "host": host}, known=True).keeps_body
    assert (stage.refused, stage.known) == ([], 0)


@pytest.mark.parametrize("host", ["kms.example.com", "KMS.example.com", "kms.example.com:443"])
async def test_a_name_is_the_same_however_it_is_written(host: str) -> None:
    assert (await Stage().get("/sign-in", host=host)).status == 200


@pytest.mark.parametrize("place", ["/keys/", "/deletions/", "/signed-in/?code=x&state=y", "/keys/x/disable/", "/sign-in/"])
async def test_nobody_is_led_to_where_a_slash_less_would_lead(place: str) -> None:
    stage = Stage(writes=True)
    for method in ("GET", "POST"):
        answer = await stage.ask(method, place, b"", {}, known=True)
        assert answer.status == 404
        assert "location" not in {name.lower() for name, _ in answer.headers}


@pytest.mark.parametrize("place", ["/nope", "/sign-in-too", "/signed-in/x", "/sign-in/begin/x", "/sign%2Din", "/keys/"])
async def test_what_is_no_credential_is_told_where_there_is_no_page_too(place: str) -> None:
    stage = Stage(viewer=UnrecognizedClientException(reason="two credentials"))
    assert (await stage.get(place)).status == 401
    assert [each.reason for each in stage.refused] == ["two credentials"]
    assert (await stage.ask("DELETE", "/keys", b"", {}, known=True)).status == 401
    assert (await Stage().get(place if place != "/sign%2Din" else "/nope")).status == 404


CROSS = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


@pytest.mark.parametrize(
    "said",
    [
        {**CROSS, "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"},
        {**CROSS, "sec_fetch_dest": "iframe"},
        {**CROSS, "sec_fetch_mode": "cors", "sec_fetch_dest": "document"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "script"},
    ],
)
async def test_another_site_has_no_part_of_a_page_made(said: dict[str, str]) -> None:
    stage = Stage(answers={"ListKeys": lambda request: 1 / 0})
    answer = await stage.ask("GET", "/keys", b"", said, known=True)
    assert (answer.status, stage.asked, stage.known) == (403, [], 0)
    assert stage.events.reported == []


async def test_another_site_may_have_a_link_here_and_no_form() -> None:
    stage = Stage()
    assert (await stage.ask("GET", "/keys/x/disable", b"", CROSS, known=True)).status == 403, "as from anywhere: changes are off"
    assert stage.known == 1
    own = {"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors", "sec_fetch_dest": "empty"}
    assert (await stage.ask("GET", "/sign-in", b"", own, known=True)).status == 200
    assert not stage.begin("POST", "/sign-out", b"form=x", {**SENT, **CROSS}, known=True).keeps_body


async def test_no_page_has_script_or_style_of_its_own() -> None:
    html = (await Stage().get("/sign-in", known=False)).body.decode()
    assert re.findall(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=|javascript:", html) == []


async def test_what_is_no_credential_is_told_and_forgotten() -> None:
    stage = Stage(viewer=UnrecognizedClientException(reason="denied"))
    answer = await stage.get("/keys")
    assert answer.status == 401
    assert [each.reason for each in stage.refused] == ["denied"]
    assert any(name == "set-cookie" and "Max-Age=0" in value for name, value in answer.headers)
    assert b"denied" not in answer.body


async def test_a_session_ends_by_itself_and_opens_nowhere_else() -> None:
    stage = Stage()
    cookie = cookies(stage.sessions.begin("a.b.c", NOW, None))
    assert await is_known(stage, cookie)
    assert not await is_known(Stage(), cookie[:-8])
    stage.now_ = NOW + timedelta(seconds=3600)
    assert not await is_known(stage, cookie)
    assert stage.refused == []


@pytest.mark.parametrize("issuer", ["", "https://other.example.com"])
async def test_a_session_ends_with_the_issuer_of_the_settings(issuer: str) -> None:
    stage = Stage(issuer=issuer)
    cookie = cookies(Stage().sessions.begin("a.b.c", NOW, None))
    assert await is_known(Stage(), cookie)
    assert not await is_known(stage, cookie)
    assert stage.refused == []


async def test_a_token_ends_its_session() -> None:
    stage = Stage()
    told = [value for _, value in stage.sessions.begin("a.b.c", NOW, NOW + timedelta(seconds=60))]
    assert "Max-Age=60" in told[0]


async def test_a_long_token_is_kept_in_parts_and_a_longer_one_refused() -> None:
    stage = Stage()
    parts = [value.partition(";")[0] for _, value in stage.sessions.begin("x" * 8192, NOW, None)]
    assert all(len(each) < 4000 for each in parts)
    assert await is_known(stage, "; ".join(parts))
    with pytest.raises(ValueError, match="too long"):
        list(stage.sessions.begin("x" * 12_000, NOW, None))


async def test_a_fault_of_a_page_is_reported_and_tells_its_viewer_nothing() -> None:
    stage = Stage(answers={"ListKeys": lambda request: 1 / 0})
    answer = await stage.get("/keys")
    assert answer.status == 500
    assert b"KMSInternalException" in answer.body
    assert b"ZeroDivision" not in answer.body
    assert [(subject, told["fault"]) for _, subject, told in stage.events.reported] == [("ListKeys", "ZeroDivisionError")]


async def test_a_part_of_a_page_sends_the_browser_to_the_door() -> None:
    answer = await Stage().get("/keys?q=a", known=False, hx_request="true")
    assert (answer.status, dict(answer.headers)["hx-redirect"]) == (401, "/sign-in")


async def test_forms_are_of_their_viewer_their_time_and_their_origin() -> None:
    stage = Stage()
    assert (await stage.post("/sign-out")).status == 303
    assert (await stage.post("/sign-out", form=stage.kept.seal("form", f"9999999999 {ANN.arn}x"))).status == 403
    assert (await stage.post("/sign-out", form=stage.kept.seal("session", f"9999999999 {ANN.arn}"))).status == 403
    stale = stage.forms.token(ANN, NOW - timedelta(hours=13))
    assert (await stage.post("/sign-out", form=stale)).status == 403
    token = stage.forms.token(ANN, NOW)
    for headers, status in (({}, 400), ({"content_type": SENT["content_type"]}, 403), ({"origin": ORIGIN}, 400)):
        assert (await stage.ask("POST", "/sign-out", f"form={token}".encode(), headers, known=True)).status == status
    assert (await stage.ask("POST", "/sign-out", f"form={token}&form={token}".encode(), SENT, known=True)).status == 400


@pytest.mark.parametrize(
    ("asked", "led_to"),
    [
        ("/keys?q=a", "/keys?q=a"),
        ("", "/"),
        ("keys", "/"),
        ("//elsewhere.example", "/"),
        ("/\\elsewhere.example", "/"),
        ("//[", "/"),
        ("https://elsewhere.example/", "/"),
        ("/\t/elsewhere.example", "/"),
        ("/ä", "/"),
        (f"/{'a' * 2000}", "/"),
    ],
)
async def test_a_sign_in_leads_to_places_of_the_console_alone(asked: str, led_to: str) -> None:
    assert own_place(asked) == led_to


async def test_a_place_that_is_none_is_no_fault() -> None:
    stage = Stage()
    for place in ("/sign-in?to=//[", "/sign-in?to=%2F%2F%5B", "/sign-in?to=a://["):
        answer = await stage.get(place, known=False)
        assert (answer.status, stage.events.reported) == (200, []), place


@pytest.mark.parametrize("value", ['\\"', "\\", "\\1"], ids=["quotes", "backslashes", "digits"])
async def test_what_a_stranger_sends_for_cookies_keeps_nobody_waiting(value: str) -> None:
    cookie = f'a="{value * (16_000 // len(value))}"'
    stage = Stage()
    began = time.thread_time()
    assert (await stage.get("/keys", known=False, cookie=cookie)).status == 303
    assert time.thread_time() - began < 0.05, "in Python's own parser half a second and more"


@pytest.mark.parametrize(("origin", "scheme"), [(ORIGIN, "https"), ("http://localhost:8447", "http")])
async def test_pages_know_the_scheme_of_the_origin(origin: str, scheme: str) -> None:
    told: list[str] = []

    async def app(scope: Any, receive: object, send: Any) -> None:
        told.append(scope["scheme"])
        await send({"type": "http.response.start", "status": 204, "headers": []})

    stage = Stage()
    stage.listener = ConsoleListener(app, stage.listener._visitors, is_open, SystemClock(), origin=origin)
    assert (await stage.get("/sign-in", host=origin.partition("://")[2])).status == 204
    assert told == [scheme]
