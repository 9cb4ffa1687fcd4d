"""The web console of a real Region: who gets in, and what each sees and changes, by calls that leave their records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.deployment import HOME
from tests.web_console import Console, started

from meridian.kms.v1.types_pb2 import KEY_STATE_DISABLED, KEY_STATE_ENABLED, KEY_STATE_PENDING_DELETION


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with started(tmp_path_factory.mktemp("console"), {"writes": "true", "session_minutes": "5"}) as made:
        yield made


@pytest.fixture(scope="module")
def key_id(console: Console) -> str:
    with console.deployment.client(HOME, "alice") as alice:
        made = str(alice.create_key(multi_region=True, description="<i>of the shop</i>").key_metadata.key_id)
        alice.create_alias(alias_name="alias/shop", target_key_id=made)
        alice.rotate_key_on_demand(key_id=made)
        console.deployment.wait_until(lambda: alice.list_key_rotations(key_id=made).rotations)
    return made


def test_nobody_sees_anything_and_costs_no_record(console: Console, key_id: str) -> None:
    before = len(console.deployment.audit(HOME))
    stranger, asked = console.browser(), {"ListKeys", "DescribeKey", "DisableKey", "WhoAmI", "AuthenticationFailed"}
    for place in ("/keys", f"/keys/{key_id}", "/keys?q=shop"):
        answer = stranger.get(place)
        assert (answer.status, answer.text) == (303, "")
        assert urlsplit(answer.header("location")).path == "/sign-in"
    assert stranger.post(f"/keys/{key_id}/disable", {"typed": key_id}).status == 303
    assert stranger.get("/sign-in").status == 200
    assert stranger.cookies == {}
    assert [each for each in console.deployment.audit(HOME)[before:] if each["eventName"] in asked] == []


def test_a_certificate_shows_what_its_caller_may_see_and_each_look_is_recorded(console: Console, key_id: str) -> None:
    alice = console.browser("alice")
    listed = alice.get("/keys")
    assert listed.status == 200
    assert f'href="/keys/{key_id}"' in listed.text
    assert "&lt;i&gt;of the shop&lt;/i&gt;" in listed.text
    shown = alice.get(f"/keys/{key_id}").text
    materials = re.findall(r'<span class="id">([0-9a-f]{64})</span>', shown)
    assert len(set(materials)) == 2
    assert "alias/shop" in shown
    for operation in ("ListKeys", "DescribeKey", "ListGrants", "GetKeyPolicy", "ListKeyRotations", "GetKeyLastUsage"):
        assert console.records(operation, "alice"), operation


def test_a_search_finds_a_part_of_an_alias_and_a_whole_name(console: Console, key_id: str) -> None:
    alice = console.browser("alice")
    for word in ("sho", "alias/shop", key_id, key_id[:20]):
        assert f'href="/keys/{key_id}"' in alice.get(f"/keys?q={word}").text, word
    assert "No key matches." in alice.get("/keys?q=elsewhere").text


def test_what_the_policies_refuse_is_not_shown(console: Console, key_id: str) -> None:
    abroad = console.browser("developer-abroad")
    answer = abroad.get(f"/keys/{key_id}")
    assert answer.status in (403, 404)
    assert "of the shop" not in answer.text
    app = console.browser("app")
    answer = app.get("/keys")
    assert answer.status == 403
    assert key_id not in answer.text


def test_a_token_of_the_provider_lets_in_until_the_sign_out(console: Console, key_id: str) -> None:
    visitor = console.signed_in("ann")
    assert all({"HttpOnly", "Secure", "SameSite=Lax"} <= {each.strip() for each in cookie.split(";")} for cookie in visitor.set_cookies)
    page = visitor.get(f"/keys/{key_id}")
    assert page.status == 200
    assert console.records("DescribeKey", "ann")
    assert "ann" in page.text
    assert visitor.post("/sign-out", {"form": page.form_token}).status == 303
    assert visitor.get(f"/keys/{key_id}").status == 303
    assert all("code_verifier" in each for each in console.provider.redeemed)


def test_a_session_is_as_short_as_the_setting_says(console: Console) -> None:
    visitor = console.signed_in("ben")
    lives = {int(found[1]) for each in visitor.set_cookies if (found := re.search(r"session-1=.+Max-Age=(\d+)", each))}
    assert lives == {300}


@pytest.mark.parametrize(
    "changed",
    [{"nonce": "another"}, {"aud": "another"}, {"azp": "another"}, {"iss": "https://elsewhere.example"}, {"exp": 1, "iat": 0}, {"sub": ""}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_token_that_is_not_believed_lets_nobody_in(console: Console, changed: dict[str, object]) -> None:
    console.provider.changed = changed
    try:
        visitor = console.browser()
        answer = visitor.get(console.provider.sign_in(visitor.get("/sign-in/begin").header("location")))
    finally:
        console.provider.changed = {}
    assert answer.status == 401
    assert not any("session" in name for name in visitor.cookies)
    assert visitor.get("/keys").status == 303


def test_a_link_to_the_end_of_a_sign_in_signs_nobody_out(console: Console) -> None:
    visitor = console.signed_in("ann")
    known = visitor.get("/keys").status
    assert visitor.get("/signed-in?code=made-up&state=of-somebody-else").status == 401
    assert visitor.get("/keys").status == known != 303


def test_a_sign_in_ends_in_the_browser_that_began_it(console: Console) -> None:
    mine, yours = console.browser(), console.browser()
    back = console.provider.sign_in(mine.get("/sign-in/begin").header("location"))
    yours.get("/sign-in/begin")
    before = len(console.provider.redeemed)
    assert yours.get(back).status == 401
    assert console.browser().get(back).status == 401
    assert len(console.provider.redeemed) == before


def test_a_code_that_was_made_up_is_told_and_tried_once(console: Console) -> None:
    mine = console.browser()
    state = parse_qs(urlsplit(mine.get("/sign-in/begin").header("location")).query)["state"][0]
    failed = 'meridian_security_events_total{event="AuthenticationFailed"}'
    kept, before, told = dict(mine.cookies), len(console.provider.redeemed), console.deployment.metrics(HOME)[failed]
    for _ in range(3):
        mine.cookies = dict(kept)
        assert mine.get(f"/signed-in?code=made-up&state={state}").status == 401
        assert mine.cookies == {}
    assert len(console.provider.redeemed) == before + 1
    console.deployment.wait_until(lambda: console.deployment.metrics(HOME)[failed] == told + 3)


def test_a_sign_in_leads_to_no_other_site(console: Console) -> None:
    visitor = console.browser()
    back = console.provider.sign_in(visitor.get("/sign-in/begin?to=https%3A%2F%2Felsewhere.example%2F").header("location"))
    assert visitor.get(back).header("location") == "/"


def test_a_sign_in_beside_a_certificate_is_two_credentials(console: Console) -> None:
    visitor = console.signed_in("ann")
    visitor.certificate = console.deployment.root / "clients" / "alice.crt"
    assert visitor.get("/keys").status == 401
    assert visitor.cookies == {}
    assert visitor.get("/keys").status == 200


def test_a_key_is_changed_once_its_id_is_typed(console: Console) -> None:
    alice = console.browser("alice")
    with console.deployment.client(HOME, "alice") as client:
        key_id = str(client.create_key().key_metadata.key_id)

        def state() -> int:
            return int(client.describe_key(key_id=key_id).key_metadata.key_state)

        def change(name: str, **form: str) -> int:
            asked = alice.get(f"/keys/{key_id}/{name}")
            return alice.post(f"/keys/{key_id}/{name}", {"form": asked.form_token, "typed": key_id, **form}).status

        assert change("disable", typed="disable") == 400
        assert state() == KEY_STATE_ENABLED
        assert change("disable") == 303
        assert state() == KEY_STATE_DISABLED
        assert change("enable") == 303
        assert change("rotate") == 303
        console.deployment.wait_until(lambda: len(client.list_key_rotations(key_id=key_id).rotations) == 1)
        assert change("schedule-deletion", days="30") == 303
        assert state() == KEY_STATE_PENDING_DELETION
        assert change("enable") == 409
        assert change("cancel-deletion") == 303
        assert state() == KEY_STATE_DISABLED
    for operation in ("DisableKey", "EnableKey", "RotateKeyOnDemand", "ScheduleKeyDeletion", "CancelKeyDeletion"):
        assert console.records(operation, "alice"), operation


def test_a_form_of_another_site_or_viewer_changes_nothing(console: Console, key_id: str) -> None:
    alice, developer = console.browser("alice"), console.browser("developer")
    token = alice.get(f"/keys/{key_id}/disable").form_token
    theirs = developer.get(f"/keys/{key_id}/disable").form_token
    place, form = f"/keys/{key_id}/disable", {"typed": key_id, "form": token}
    assert alice.post(place, form, Origin="https://elsewhere.example").status == 403
    assert alice.post(place, {**form, "form": theirs}).status == 403
    assert alice.post(place, {"typed": key_id}).status == 403
    with console.deployment.client(HOME, "alice") as client:
        assert client.describe_key(key_id=key_id).key_metadata.key_state == KEY_STATE_ENABLED


def test_who_may_not_change_a_key_does_not(console: Console, key_id: str) -> None:
    visitor = console.signed_in("ann")
    asked = visitor.get(f"/keys/{key_id}/disable")
    assert visitor.post(f"/keys/{key_id}/disable", {"typed": key_id, "form": asked.form_token}).status == 403
    with console.deployment.client(HOME, "alice") as client:
        assert client.describe_key(key_id=key_id).key_metadata.key_state == KEY_STATE_ENABLED


def test_the_provider_is_told_where_to_send_browsers_back(console: Console) -> None:
    place = console.browser().get("/sign-in/begin").header("location")
    asked = parse_qs(urlsplit(place).query)
    assert asked["redirect_uri"] == [f"https://localhost:{console.port}/signed-in"]
    assert asked["scope"] == ["openid"]
