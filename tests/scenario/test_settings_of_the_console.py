"""What the settings of the console do, each on a real Region."""

from __future__ import annotations

import shutil
import socket
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.deployment import HOME
from tests.web_console import oidc_settings, started

from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST
from meridian.crypto.certificates import new_authority


def test_changes_are_off_where_the_setting_does_not_say_otherwise(tmp_path: Path) -> None:
    """`writes` is not in the file; where it is true, the walks of the console change keys."""
    with started(tmp_path) as console:
        with console.deployment.client(HOME, "alice") as client:
            key_id = str(client.create_key().key_metadata.key_id)
        alice = console.browser("alice")
        page = alice.get(f"/keys/{key_id}")
        assert "/disable" not in page.text
        assert alice.get(f"/keys/{key_id}/disable").status == 403
        token = console.signed_in("ann").get("/keys").form_token
        assert alice.post(f"/keys/{key_id}/disable", {"typed": key_id, "form": token}).status == 403


def test_without_oidc_in_the_settings_no_earlier_sign_in_counts(tmp_path: Path) -> None:
    """The issuer is believed on every other wire as before. Who is known, and may not see this page, is told so; others may sign in."""
    with started(tmp_path) as console:
        ann = console.signed_in("ann")
        assert ann.get("/keys").status == 403
        settings = console.deployment.place(HOME).settings
        told = f", oidc = {oidc_settings(console.provider)}"
        assert settings.read_text().count(told) == 1
        for text, status in ((settings.read_text().replace(told, ""), 303), (settings.read_text(), 403)):
            settings.write_text(text)
            console.deployment.stop(HOME)
            console.deployment.start(HOME)
            assert ann.get("/keys").status == status


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
