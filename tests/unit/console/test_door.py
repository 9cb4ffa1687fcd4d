"""Who may look, what becomes of whoever may not, and what every answer says to browsers."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from tests.unit.console.console_in_process import ANN, NOW, ORIGIN, SENT, Stage

from meridian.console.places import OPEN, PLACES
from meridian.console.sign_in import own_place
from meridian.errors import UnrecognizedClientException

pytestmark = pytest.mark.asyncio
STRICT = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"


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
        if answer.content_type.startswith("text/html"):
            assert said["cache-control"] == "no-store"


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
    cookie = "; ".join(value.partition(";")[0] for _, value in stage.sessions.begin("a.b.c", NOW, None) if "Max-Age=0" not in value)
    assert await is_known(stage, cookie)
    assert not await is_known(Stage(), cookie[:-8])
    stage.now_ = NOW + timedelta(seconds=3600)
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
        ("https://elsewhere.example/", "/"),
        ("/\t/elsewhere.example", "/"),
        ("/ä", "/"),
        (f"/{'a' * 2000}", "/"),
    ],
)
async def test_a_sign_in_leads_to_places_of_the_console_alone(asked: str, led_to: str) -> None:
    assert own_place(asked) == led_to
