"""The web console of a real Region: who gets in, and what each sees and changes, by calls that leave their records."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.deployment import HOME, Deployment
from tests.identity_tokens import believe
from tests.ports import free_port
from tests.web_console import Browser, Provider, browser, console_settings, oidc_settings, provider

from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST
from meridian.crypto.certificates import new_authority
from meridian.kms.v1.types_pb2 import KEY_STATE_DISABLED, KEY_STATE_ENABLED, KEY_STATE_PENDING_DELETION


@dataclass
class Console:
    """A Region with a console, and the provider at which people sign in."""

    deployment: Deployment
    port: int
    provider: Provider

    def browser(self, caller: str = "") -> Browser:
        return browser(self.deployment, self.port, caller)

    def signed_in(self, subject: str) -> Browser:
        """A browser in which somebody has signed in at the provider."""
        self.provider.subject = subject
        found = self.browser()
        answer = found.get(self.provider.sign_in(found.get("/sign-in/begin?to=%2Fkeys").header("location")))
        assert (answer.status, answer.header("location")) == (303, "/keys"), answer.text
        return found

    def records(self, name: str, user: str) -> list[dict[str, object]]:
        """Records of calls of this name by this user."""
        found = self.deployment.audit(HOME)
        return [
            each for each in found if each["eventName"] == name and str(each.get("userIdentity", {}).get("arn", "")).endswith(f"/{user}")
        ]


@contextmanager
def started(
    root: Path, settings: dict[str, str] | None = None, *, more_oidc: str = "", before: Callable[[], object] = lambda: None
) -> Iterator[Console]:
    """`before`: called before the Region starts."""
    port = free_port()
    with provider() as made:
        told = console_settings(root, port, oidc=oidc_settings(made, more_oidc), **(settings or {}))
        deployment = Deployment(root, [HOME], settings_added=f"{told}limits.failed_authentications_per_minute = 0\n").prepare()
        believe(deployment, made.issuer)
        before()
        try:
            deployment.start()
            yield Console(deployment, port, made)
        finally:
            deployment.stop_all()


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
    stranger = console.browser()
    for place in ("/keys", f"/keys/{key_id}", "/keys?q=shop"):
        answer = stranger.get(place)
        assert (answer.status, answer.text) == (303, "")
        assert urlsplit(answer.header("location")).path == "/sign-in"
    assert stranger.post(f"/keys/{key_id}/disable", {"typed": key_id}).status == 303
    assert stranger.get("/sign-in").status == 200
    assert stranger.cookies == {}
    assert len(console.deployment.audit(HOME)) == before


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


def test_a_sign_in_ends_in_the_browser_that_began_it(console: Console) -> None:
    mine, yours = console.browser(), console.browser()
    back = console.provider.sign_in(mine.get("/sign-in/begin").header("location"))
    yours.get("/sign-in/begin")
    before = len(console.provider.redeemed)
    assert yours.get(back).status == 401
    assert console.browser().get(back).status == 401
    assert len(console.provider.redeemed) == before


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


def test_changes_are_off_where_the_setting_does_not_say_otherwise(tmp_path: Path) -> None:
    with started(tmp_path) as console:
        with console.deployment.client(HOME, "alice") as client:
            key_id = str(client.create_key().key_metadata.key_id)
        alice = console.browser("alice")
        page = alice.get(f"/keys/{key_id}")
        assert "/disable" not in page.text
        assert alice.get(f"/keys/{key_id}/disable").status == 403
        token = console.signed_in("ann").get("/keys").form_token
        assert alice.post(f"/keys/{key_id}/disable", {"typed": key_id, "form": token}).status == 403


def test_a_secret_and_scopes_are_shown_to_the_provider(tmp_path: Path) -> None:
    write_private(tmp_path / "secret", b"only-for-tests\n")
    more = f'client_secret_file = "{tmp_path}/secret", scopes = ["email"]'
    with started(tmp_path, more_oidc=more) as console:
        place = console.browser().get("/sign-in/begin").header("location")
        assert parse_qs(urlsplit(place).query)["scope"] == ["openid email"]
        console.signed_in("ann")
        assert [(each["basic"], "client_id" in each) for each in console.provider.redeemed] == [("meridian:only-for-tests", False)]


@pytest.mark.deep
def test_the_listener_has_the_bounds_and_proxies_of_its_settings(tmp_path: Path) -> None:
    bounds = {"connections": "8", "head_seconds": "1.0", "body_seconds": "1.0", "idle_seconds": "1.0"}
    with started(tmp_path, {"trusted_proxies": '["127.0.0.0/8"]', **bounds}) as console:
        alice = console.browser("alice")
        assert alice.get("/keys", **{"X-Forwarded-For": "192.0.2.7"}).status == 200
        assert console.records("ListKeys", "alice")[-1]["sourceIPAddress"] == "192.0.2.7"
        begun = b"POST /sign-out HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"
        for sent in (b"", b"GET / HTTP/1.1\r\n", begun, b"GET /sign-in HTTP/1.1\r\nHost: x\r\n\r\n"):
            context = ssl.create_default_context(cafile=str(alice.authority))
            with socket.create_connection((HOST, console.port), 10) as bare, context.wrap_socket(bare, server_hostname=HOST) as tls:
                began = time.monotonic()
                tls.sendall(sent)
                while tls.recv(4096):
                    pass
                assert 0.5 < time.monotonic() - began < 8
        held = [socket.create_connection((HOST, console.port), 10) for _ in range(20)]
        assert console.deployment.metrics(HOME)['meridian_http_connections{listener="console"}'] <= 8
        for each in held:
            each.close()


@pytest.mark.deep
def test_an_authority_that_is_taken_away_counts_no_more_on_connections_that_exist(tmp_path: Path) -> None:
    clients = tmp_path / "console-clients.crt"
    place = tmp_path / HOME
    tls = f'{{ certificate = "{place}/server.crt", private_key = "{place}/server.key", client_ca = "{clients}" }}'
    other = new_authority("another", datetime.now(UTC))
    with started(tmp_path, {"tls": tls}, before=lambda: shutil.copy(tmp_path / "client-ca.crt", clients)) as console:
        alice = console.browser("alice")
        connection = alice.connection()
        try:
            connection.request("GET", "/keys")
            assert connection.getresponse().read()
            assert alice.get("/keys").status == 200
            clients.write_bytes(other.certificate)

            def is_refused() -> bool:
                connection.request("GET", "/keys")
                answer = connection.getresponse()
                answer.read()
                return answer.status == 401

            console.deployment.wait_until(is_refused)
        finally:
            connection.close()
        with console.deployment.client(HOME, "alice") as client:
            assert client.who_am_i().arn.endswith("/alice")
