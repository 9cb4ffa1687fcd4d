"""Another KMS, as a Region that serves the XKS proxy API sees it: HTTPS, signed by the signer of AWS's own library."""

from __future__ import annotations

import http.client
import json
import ssl
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from click.testing import CliRunner
from tests.deployment import HOME, Deployment
from tests.ports import free_port

from meridian.cli.main import main
from meridian.cli.region_place import HOST

ACCOUNT = "111122223333"
API = "/kms/xks/v1"
FROM = "eu-north-1"
"""The Region that the other KMS calls from."""
CLAIMS = {
    "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae",
    "kmsOperation": "Encrypt",
    "awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice",
    "kmsKeyArn": "arn:aws:kms:us-east-2:123456789012:/key/1234abcd-12ab-34cd-56ef-1234567890ab",
}
ADDED = """
[xks]
listen = "{host}:{port}"
{more}

[xks.tls]
certificate = "{certificate}"
private_key = "{private_key}"
{tls}
"""


def serve_xks(
    deployment: Deployment, region: str = HOME, *, more: str = "", tls: str = "", certificate: tuple[Path, Path] | None = None
) -> int:
    """Let a Region that is prepared and not started serve the API, under its own certificate or another; the answer is its port."""
    place, port = deployment.place(region), free_port()
    shown, private = certificate or (place.folder / "server.crt", place.folder / "server.key")
    text = ADDED.format(host=HOST, port=port, more=more, tls=tls, certificate=shown, private_key=private)
    place.settings.write_text(f"{place.settings.read_text()}\n{text}")
    return port


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def meridian_xks(deployment: Deployment, *arguments: str, region: str = HOME) -> Said:
    """`meridian xks …` on this Region's settings, in this process: a process of its own for each takes seconds on a busy machine."""
    done = CliRunner().invoke(main, ["xks", *arguments, "--config", str(deployment.place(region).settings)])
    return Said(done.exit_code, done.stdout, done.stderr)


def allow(deployment: Deployment, region: str = HOME, name: str = "xks") -> None:
    """A policy that lets every export of the account be served."""
    (deployment.root / "policies" / f"{name}.cedar").write_text(
        f'@id("account.{ACCOUNT}.{name}") @layer("account") @reason("exports are served")\n'
        'permit (principal is KMS::Service, action in KMS::Action::"ServeExternalKey", '
        f'resource is KMS::Key in KMS::Account::"{ACCOUNT}");\n'
    )


@dataclass(frozen=True)
class Reply:
    """What the proxy answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.document.get("errorName", "")


@dataclass
class OtherKms:
    """A caller of one key store. Changes of it are made with `with_`."""

    port: int
    ca: Path
    access_key_id: str
    secret: str
    prefix: str
    region: str = FROM
    service: str = "kms-xks-proxy"
    chain: tuple[Path, Path] | None = None
    """Certificate and key that it shows."""
    connection: http.client.HTTPSConnection | None = field(default=None, repr=False)

    def with_(self, **changed: Any) -> OtherKms:
        return replace(self, connection=None, **changed)

    def open(self) -> http.client.HTTPSConnection:
        if self.connection is None:
            context = ssl.create_default_context(cafile=str(self.ca))
            if self.chain is not None:
                context.load_cert_chain(*self.chain)
            self.connection = http.client.HTTPSConnection(HOST, self.port, timeout=20, context=context)
        return self.connection

    def signed(self, path: str, body: bytes, method: str = "POST") -> dict[str, str]:
        """Headers of a signed request. No hash of the body comes along, as AWS KMS sends none."""
        request = AWSRequest(
            method=method, url=f"https://{HOST}:{self.port}{path}", data=body, headers={"Content-Type": "application/json"}
        )
        SigV4Auth(Credentials(self.access_key_id, self.secret), self.service, self.region).add_auth(request)
        return {**dict(request.headers.items()), "Host": f"{HOST}:{self.port}"}

    def send(self, path: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> Reply:
        connection = self.open()
        connection.request(method, path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return Reply(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})

    def call(self, what: str, document: Any) -> Reply:
        """One of the API's calls: "health", or "KEY/metadata" and so on."""
        path = f"{self.prefix}{API}/{what if what == 'health' else f'keys/{what}'}"
        body = json.dumps(document).encode()
        return self.send(path, body, self.signed(path, body))

    # ---- the calls, as another KMS makes them

    def health(self) -> Reply:
        return self.call("health", {"requestMetadata": {"kmsRequestId": "r", "kmsOperation": "KmsHealthCheck"}})

    def metadata(self, key: str, **claims: str) -> Reply:
        return self.call(f"{key}/metadata", {"requestMetadata": {**CLAIMS, "kmsOperation": "CreateKey", **claims}})

    def encrypt(self, key: str, plaintext: bytes | None, /, *, aad: bytes | None = None, cdiv: bool = False, **changed: Any) -> Reply:
        document: dict[str, Any] = {"requestMetadata": CLAIMS, "encryptionAlgorithm": "AES_GCM"}
        document |= {"plaintext": text_of(plaintext)} if plaintext is not None else {}
        document |= {"additionalAuthenticatedData": text_of(aad)} if aad is not None else {}
        document |= {"ciphertextDataIntegrityValueAlgorithm": "SHA_256"} if cdiv else {}
        return self.call(f"{key}/encrypt", {**document, **changed})

    def decrypt(self, key: str, made: Mapping[str, Any], *, aad: bytes | None = None, **changed: Any) -> Reply:
        names = ("ciphertext", "initializationVector", "authenticationTag", "ciphertextMetadata")
        document: dict[str, Any] = {"requestMetadata": {**CLAIMS, "kmsOperation": "Decrypt"}, "encryptionAlgorithm": "AES_GCM"}
        document |= {name: made[name] for name in names if name in made}
        document |= {"additionalAuthenticatedData": text_of(aad)} if aad is not None else {}
        return self.call(f"{key}/decrypt", {**document, **changed})


def text_of(data: bytes) -> str:
    return b64encode(data).decode()


def bytes_of(text: str) -> bytes:
    return b64decode(text, validate=True)


def export(
    deployment: Deployment, port: int, key_arn: str, prefix: str, name: str, *uses: str, region: str = HOME, new_credential: bool = False
) -> OtherKms | None:
    """Export a key with the operator's command; a caller where it made a credential."""
    allowed = [part for use in uses for part in ("--allow", use)]
    more = ["--new-credential"] if new_credential else []
    done = meridian_xks(deployment, "export", key_arn, "--prefix", prefix, "--id", name, *allowed, *more, region=region)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["XksKeyId"], told["XksProxyUriPath"]) == (name, f"{prefix}{API}")
    credential = told.get("XksProxyAuthenticationCredential")
    if credential is None:
        return None
    ca = deployment.root / "client-ca.crt"
    return OtherKms(port, ca, credential["AccessKeyId"], credential["RawSecretAccessKey"], prefix)
