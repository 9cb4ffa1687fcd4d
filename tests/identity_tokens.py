"""Identity providers for tests: keys, tokens as good and as bad as wanted, and a server that publishes keys, or lies about them."""

from __future__ import annotations

import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from tests.deployment import Deployment

from meridian.cli.private_files import write_private

AUDIENCE = "meridian"
ACCOUNT = "111122223333"
ISSUER = "https://idp.example.com/realms/team"
Key = RSAKey | ECKey | OKPKey


def part(value: object) -> str:
    """A part of a compact token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def new_key(algorithm: str) -> Key:
    if algorithm.startswith("ES"):
        return ECKey.generate_key("P-256" if algorithm == "ES256" else "P-384")
    return OKPKey.generate_key("Ed25519") if algorithm.startswith("Ed") else RSAKey.generate_key(2048)


@dataclass
class Signer:
    """One key of an issuer."""

    kid: str = "one"
    algorithm: str = "ES256"

    @cached_property
    def key(self) -> Key:
        """Made when it is wanted: many a module has signers, and few of their tests run in one process."""
        return new_key(self.algorithm)

    def public(self, **changed: Any) -> dict[str, Any]:
        return {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", **changed}

    def sign(self, header: Mapping[str, Any], payload: bytes) -> str:
        registry = jws.JWSRegistry(algorithms=[self.algorithm], strict_check_header=False)
        return jws.serialize_compact(dict(header), payload, self.key, algorithms=[self.algorithm], registry=registry)


@dataclass
class Issuer:
    """Signs tokens. `now` is the time that their life is counted from."""

    issuer: str = ISSUER
    algorithm: str = "ES256"
    now: Callable[[], float] = time.time
    signer: Signer = field(init=False)

    def __post_init__(self) -> None:
        self.signer = Signer(algorithm=self.algorithm)

    def key_set(self, *signers: Signer) -> bytes:
        return json.dumps({"keys": [each.public() for each in signers or (self.signer,)]}).encode()

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Good ones; what is changed to None is not there."""
        at = int(self.now())
        good = {"iss": self.issuer, "sub": "ann", "aud": AUDIENCE, "iat": at, "exp": at + 600}
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def token(self, header: Mapping[str, Any] | None = None, *, signer: Signer | None = None, **changed: Any) -> str:
        return self.signed(json.dumps(self.claims(**changed)).encode(), header, signer=signer)

    def signed(self, payload: bytes, header: Mapping[str, Any] | None = None, *, signer: Signer | None = None) -> str:
        by = signer or self.signer
        whole = {"alg": by.algorithm, "typ": "JWT", "kid": by.kid, **(header or {})}
        return by.sign({name: value for name, value in whole.items() if value is not None}, payload)

    def unsigned(self) -> str:
        """`alg` is none."""
        return f"{part({'alg': 'none', 'kid': self.signer.kid})}.{part(self.claims())}."

    def signed_with_public_key(self) -> str:
        """HS256, the public key as the secret: who believes the header checks it with what everybody knows."""
        head = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': self.signer.kid})}.{part(self.claims())}"
        secret = HMAC(self.signer.key.as_pem(private=False), SHA256())
        secret.update(head.encode())
        return f"{head}.{part(secret.finalize())}"


def believe(deployment: Deployment, *issuers: Issuer, added: str = "") -> None:
    """Let every Region of the deployment believe these issuers, by key sets in files, and name `{user}` of `sub` a user of key users."""
    path = deployment.root / "principals.toml"
    text = path.read_text()
    for number, issuer in enumerate(issuers):
        keys = deployment.root / f"issuer-{number}.json"
        write_private(keys, issuer.key_set())
        text += (
            f'\n[[issuers]]\nissuer = "{issuer.issuer}"\naudiences = ["{AUDIENCE}"]\nalgorithms = ["{issuer.algorithm}"]\n'
            f'key_set_file = "{keys}"\n[[token_rules]]\nissuer = "{issuer.issuer}"\nclaims.sub = "{{user}}"\nkind = "User"\n'
            f'account = "{ACCOUNT}"\nname = "{{user}}"\ngroups = ["key-users"]\n'
        )
    write_private(path, f"{text}{added}".encode())


@dataclass
class Published:
    """What a server answers, and what it was asked."""

    documents: dict[str, bytes] = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    """Called before an answer is sent."""
    url: str = ""

    def count(self, path: str) -> int:
        return sum(1 for each, _ in list(self.asked) if each == path)


@contextmanager
def publishing() -> Iterator[Published]:
    """A server on this machine; documents by path. `{url}` in a document is its own address."""
    published = Published()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            published.asked.append((self.path, dict(self.headers)))
            published.before()
            document = published.documents.get(self.path)
            self.send_response(published.status if document is not None else 404)
            for name, value in published.headers.items():
                self.send_header(name, value)
            body = document or b""
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return  # whoever asked has heard enough

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature that http.server calls
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    published.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield published
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
