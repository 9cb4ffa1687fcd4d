"""A console for tests: a Region that has one, a browser without a screen, and an identity provider on this machine."""

from __future__ import annotations

import json
import re
import ssl
import threading
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from tests.deployment import HOME, Deployment
from tests.identity_tokens import AUDIENCE, Issuer, believe
from tests.ports import free_port

from meridian.cli.region_place import HOST

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Page:
    """What a browser got."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> str:
        return next((value for each, value in self.headers if each.lower() == name), "")

    @property
    def form_token(self) -> str:
        found = re.search(r'name="form" value="([^"]+)"', self.text)
        assert found is not None, self.text
        return found[1]


@dataclass
class Browser:
    """Keeps cookies, shows a certificate where it has one, and follows nothing by itself."""

    origin: str
    authority: Path | None = None
    certificate: Path | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)
    """As they came, all of them."""

    def get(self, place: str, **headers: str) -> Page:
        return self._ask("GET", place, b"", headers)

    def post(self, place: str, form: Mapping[str, str], **headers: str) -> Page:
        return self._ask("POST", place, urlencode(form).encode(), {"Content-Type": FORM, "Origin": self.origin, **headers})

    def _ask(self, method: str, place: str, body: bytes, headers: Mapping[str, str]) -> Page:
        connection = self.connection()
        kept = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        try:
            connection.request(method, place, body or None, {**kept, **headers})
            answer = connection.getresponse()
            page = Page(answer.status, answer.getheaders(), answer.read().decode())
        finally:
            connection.close()
        for name, value in page.headers:
            if name.lower() == "set-cookie":
                self._keep(value)
        return page

    def _keep(self, cookie: str) -> None:
        self.set_cookies.append(cookie)
        name, _, value = cookie.partition(";")[0].partition("=")
        self.cookies.pop(name, None)
        if value and "Max-Age=0" not in cookie:
            self.cookies[name] = value

    def connection(self) -> HTTPConnection:
        parts = urlsplit(self.origin)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "http":
            return HTTPConnection(host, port, timeout=20)
        context = ssl.create_default_context(cafile=self.authority)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.certificate.with_suffix(".key"))
        return HTTPSConnection(host, port, timeout=20, context=context)


def console_settings(root: Path, port: int, **more: str) -> str:
    """The table of a console over TLS that asks for client certificates, as one line."""
    place = root / HOME
    tls = f'{{ certificate = "{place}/server.crt", private_key = "{place}/server.key", client_ca = "{root}/client-ca.crt" }}'
    known = {"listen": f'"{HOST}:{port}"', "origin": f'"https://localhost:{port}"', "tls": tls, **more}
    return f"console = {{ {', '.join(f'{name} = {value}' for name, value in known.items())} }}\n"


def browser(deployment: Deployment, port: int, caller: str = "") -> Browser:
    """Of a caller with a certificate; of anybody where no name is given."""
    certificate = deployment.root / "clients" / f"{caller}.crt" if caller else None
    return Browser(f"https://localhost:{port}", deployment.root / "client-ca.crt", certificate)


@dataclass
class Provider:
    """An identity provider at which whoever comes is `subject`. It checks what the standard has it check."""

    issuer: Issuer
    subject: str = "ann"
    changed: dict[str, Any] = field(default_factory=dict)
    """Claims of its tokens that are other than they should be."""
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    """What browsers were sent with, by the code that they were given."""
    redeemed: list[dict[str, str]] = field(default_factory=list)
    token_status: int = 0
    """What the token endpoint answers whatever it is asked; 0 where it answers as it should."""
    before: Callable[[Mapping[str, str]], object] = lambda form: None
    """Called with each form before it is answered, in a thread of its own."""

    def sign_in(self, place: str) -> str:
        """Where the browser that was sent to `place` is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(place).query, strict_parsing=True).items()}
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code = f"code-{len(self.asked)}"
        self.asked[code] = asked
        back = urlsplit(asked["redirect_uri"])
        return f"{back.path}?{urlencode({'code': code, 'state': asked['state']})}"

    def token_for(self, form: Mapping[str, str], basic: str) -> dict[str, Any] | None:
        """What the token endpoint answers; None for what it refuses. `basic`: user and password of the request."""
        self.redeemed.append({**form, "basic": basic})
        self.before(form)
        asked = self.asked.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return None
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if challenge != asked["code_challenge"]:
            return None
        claims = {"sub": self.subject, "aud": asked["client_id"], "nonce": asked["nonce"], **self.changed}
        return {"token_type": "Bearer", "access_token": "opaque", "id_token": self.issuer.token(**claims)}


@contextmanager
def provider() -> Iterator[Provider]:
    """One that answers on this machine."""
    made = Provider(Issuer())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/.well-known/openid-configuration"
            url = made.issuer.issuer
            self._answer({"issuer": url, "authorization_endpoint": f"{url}/auth", "token_endpoint": f"{url}/token"} if known else None)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            basic = b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            said = made.token_for(dict(parse_qsl(body.decode())), basic) if self.path == "/token" else None
            self._answer(said, made.token_status)

        def _answer(self, said: Mapping[str, Any] | None, status: int = 0) -> None:
            body = json.dumps(said or {"error": "invalid_grant"}).encode()
            self.send_response(status or (200 if said is not None else 400))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature that http.server calls
            return

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    made.issuer.issuer = f"http://{HOST}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def oidc_settings(made: Provider, more: str = "") -> str:
    """Of a console that signs in there."""
    return f'{{ issuer = "{made.issuer.issuer}", client_id = "{AUDIENCE}"{f", {more}" if more else ""} }}'


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
