"""An external key manager with its proxy, for tests: a process of its own that speaks HTTPS, and lies where a test tells it to.

Every URI prefix is a manager of its own, with its keys and its mode; what is not said of one is well behaved. Written from the
specification and not from the service: nothing here imports it.

Source: AWS XKS Proxy API Specification.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HOST = "127.0.0.1"
ACCESS_KEY_ID, SECRET = "ABCDEFGHIJKLMNOPQRST", "s" * 43
FLOODS = {
    "interim": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
    "hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" * 1000),
    "headers": (b"HTTP/1.1 200 OK\r\nA: b\r\n", b"".join(b"X%d: %s\r\n" % (n, b"a" * 20) for n in range(2000))),
    "long_headers": (b"HTTP/1.1 200 OK\r\nA: b\r\n", (b"X: " + b"a" * 8000 + b"\r\n") * 8),
    "folded": (b"HTTP/1.1 200 OK\r\nA: b\r\n", b" a\r\n" * 10_000),
    "chunk_extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"a" * 60_000),
    "small_chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 8000),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: a\r\n" * 8000),
    "answers": (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" * 1000),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n", b"a" * 65536),
}
"""What comes first, and what comes again and again as fast as it is taken."""
STATUS_OF = {
    "ValidationException": 400, "InvalidStateException": 400, "InvalidCiphertextException": 400, "InvalidKeyUsageException": 400,
    "AuthenticationFailedException": 401, "AccessDeniedException": 403, "KeyNotFoundException": 404, "InvalidUriPathException": 404,
    "ThrottlingException": 429, "InternalException": 500, "UnsupportedOperationException": 501, "DependencyTimeoutException": 503,
}  # fmt: skip


class Refusal(Exception):
    """An error that the proxy answers by its name."""


@dataclass
class ExternalKey:
    """What the manager keeps of a key; any name has one."""

    secret: bytes
    spec: str = "AES_256"
    usage: list[str] = field(default_factory=lambda: ["ENCRYPT", "DECRYPT"])
    status: str = "ENABLED"
    missing: bool = False


class Manager:
    """One URI prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.keys: dict[str, ExternalKey] = {}
        self.mode: dict[str, Any] = {}
        self.seen: list[dict[str, Any]] = []
        self.written = 0
        """Bytes of an answer that is longer than any, as far as the other side took them."""
        self.secret = SECRET
        self.access_key_id = ACCESS_KEY_ID

    def key(self, name: str) -> ExternalKey:
        return self.keys.setdefault(name, ExternalKey(hashlib.sha256(f"{self.prefix} {name}".encode()).digest()))


class Served:
    """Every manager of the process, and what became of connections."""

    def __init__(self) -> None:
        self.managers: dict[str, Manager] = {}
        self.connections = 0
        self.lock = threading.Lock()

    def manager(self, prefix: str) -> Manager:
        with self.lock:
            return self.managers.setdefault(prefix, Manager(prefix))

    def control(self, order: dict[str, Any]) -> dict[str, Any]:
        """Orders of the test: `mode`, `key`, `credential`, `seen`, `secret_of`."""
        manager = self.manager(order["prefix"])
        if "mode" in order:
            manager.mode = order["mode"]
        if "key" in order:
            for name, value in order["values"].items():
                setattr(manager.key(order["key"]), name, value)
        if "credential" in order:
            manager.access_key_id, manager.secret = order["credential"]
        if order.get("forget"):
            manager.seen.clear()
        secret = manager.key(order["secret_of"]).secret.hex() if "secret_of" in order else ""
        return {"seen": manager.seen, "connections": self.connections, "secret": secret, "written": manager.written}


PATH = re.compile(r"(?P<prefix>.*)/kms/xks/v1/(?:health|keys/(?P<key>[A-Za-z0-9._-]+)/(?P<verb>metadata|encrypt|decrypt))")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Served
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.served.connections += 1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name that the library gives it
        """Nothing is written."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        match = PATH.fullmatch(self.path)
        if match is None:
            return self._answer(404, {"errorName": "InvalidUriPathException"})
        manager, verb = self.served.manager(match["prefix"]), match["verb"] or "health"
        manager.seen.append(
            {
                "verb": verb,
                "path": self.path,
                "body": body.decode(),
                "authorization": self.headers.get("Authorization", ""),
                "traceparent": self.headers.get("traceparent", ""),
            }
        )
        mode = manager.mode if verb in manager.mode.get("verbs", [verb]) else {}
        if mode.get("times") is not None:
            mode["times"] -= 1
            if mode["times"] < 0:
                mode = {}
        time.sleep(mode.get("sleep", 0))
        if "error" in mode:
            return self._answer(mode.get("status", STATUS_OF.get(str(mode["error"]), 400)), self._error(mode))
        if self._misbehave(manager, mode):
            return None
        try:
            self._require_signed(manager, body)
            answer = getattr(self, f"_{verb}")(manager, match["key"], json.loads(body))
        except Refusal as refusal:
            return self._answer(STATUS_OF[str(refusal)], {"errorName": str(refusal), "errorMessage": "secret-of-the-manager"})
        answer.update(mode.get("lies", {}))
        for name in mode.get("without", []):
            answer.pop(name, None)
        for name, at in mode.get("flips", {}).items():
            raw = bytearray(base64.b64decode(answer[name]))
            raw[at] ^= 1
            answer[name] = base64.b64encode(bytes(raw)).decode()
        return self._answer(mode.get("status", 200), answer)

    def do_GET(self) -> None:
        self._answer(405, {"errorName": "ValidationException"})

    def _error(self, mode: dict[str, Any]) -> dict[str, str]:
        return {"errorName": mode["error"], "errorMessage": mode.get("message", "secret-of-the-manager")}

    def _misbehave(self, manager: Manager, mode: dict[str, Any]) -> bool:
        """Below JSON: true where the answer is given, or none will be."""
        kind = mode.get("wire")
        if kind is None:
            return False
        raw: dict[str, bytes] = {
            "no_json": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "no_object": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
            "html": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\n\r\n<html></html>",
            "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "truncated": b'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{"plaintext": "AAAA',
            "half_a_head": b"HTTP/1.1 200 OK\r\nContent-Le",
            "no_http": b"hello hello hello\r\n\r\n",
            "redirect": b"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n",
            "repeated": b'HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{"plaintext":"AA","plaintext":"BB"}'[:-1],
            "long_header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
            "zipped": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            "nothing": b"",
        }
        self.close_connection = True
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        elif kind == "huge":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
            manager.written += self._write_until_closed(b"a" * 65536, 700)
        elif kind in FLOODS:
            first, piece = FLOODS[kind]
            self.wfile.write(first)
            manager.written += self._write_until_closed(piece, 2000)
        elif kind == "endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            self._write_until_closed(b"1\r\na\r\n", 200, pause=0.02)
        else:
            self.wfile.write(raw[kind])
        return True

    def _write_until_closed(self, piece: bytes, times: int, pause: float = 0.0) -> int:
        """How many bytes were taken."""
        written = 0
        try:
            for _ in range(times):
                self.wfile.write(piece)
                written += len(piece)
                time.sleep(pause)
        except OSError:
            pass
        return written

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        try:
            self.wfile.write(head + body)
        except OSError:
            self.close_connection = True

    def _require_signed(self, manager: Manager, body: bytes) -> None:
        match = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/kms-xks-proxy/aws4_request, "
            r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})",
            self.headers.get("Authorization", ""),
        )
        date = self.headers.get("X-Amz-Date", "")
        if match is None or match[1] != manager.access_key_id or not date.startswith(match[2]):
            raise Refusal("AuthenticationFailedException")
        sent = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        names = match[4].split(";")
        if abs(datetime.datetime.now(datetime.UTC) - sent) > datetime.timedelta(minutes=5) or not {"host", "x-amz-date"} <= set(names):
            raise Refusal("AuthenticationFailedException")
        headers = "".join(f"{name}:{self.headers.get(name, '').strip()}\n" for name in names)
        canonical = f"POST\n{self.path}\n\n{headers}\n{match[4]}\n{hashlib.sha256(body).hexdigest()}"
        text = "\n".join(("AWS4-HMAC-SHA256", date, f"{match[2]}/{match[3]}/kms-xks-proxy/aws4_request", _digest(canonical)))
        key = f"AWS4{manager.secret}".encode()
        for part in (match[2], match[3], "kms-xks-proxy", "aws4_request", text):
            key = hmac.digest(key, part.encode(), "sha256")
        if not hmac.compare_digest(key.hex(), match[5]):
            raise Refusal("AuthenticationFailedException")

    def _health(self, manager: Manager, _: str, message: dict[str, Any]) -> dict[str, Any]:
        _require(message, "requestMetadata")
        managers = [{"id": "one", "model": "of tests", "healthStatus": "ACTIVE"}]
        return {
            "xksProxyFleetSize": 1, "xksProxyVendor": "tests", "xksProxyModel": "tests", "ekmVendor": "tests", "ekmFleetDetails": managers
        }  # fmt: skip

    def _metadata(self, manager: Manager, name: str, message: dict[str, Any]) -> dict[str, Any]:
        _require(message, "requestMetadata")
        key = _usable(manager, name, status=False)
        return {"keySpec": key.spec, "keyUsage": key.usage, "keyStatus": key.status}

    def _encrypt(self, manager: Manager, name: str, message: dict[str, Any]) -> dict[str, Any]:
        _require(message, "requestMetadata", "plaintext", "encryptionAlgorithm")
        key = _usable(manager, name, usage="ENCRYPT")
        plaintext, aad = base64.b64decode(message["plaintext"]), base64.b64decode(message.get("additionalAuthenticatedData", ""))
        iv, metadata = os.urandom(manager.mode.get("iv_bytes", 12)), b"key_version=1"[: manager.mode.get("metadata_bytes", 13)]
        sealed = AESGCM(key.secret).encrypt(iv, plaintext, _bound(aad, metadata))
        ciphertext, tag = sealed[:-16], sealed[-16:]
        answer = {"ciphertext": _text(ciphertext), "initializationVector": _text(iv), "authenticationTag": _text(tag)}
        if metadata:
            answer["ciphertextMetadata"] = _text(metadata)
        if message.get("ciphertextDataIntegrityValueAlgorithm") == "SHA_256":
            answer["ciphertextDataIntegrityValue"] = _text(hashlib.sha256(aad + metadata + iv + ciphertext + tag).digest())
        return answer

    def _decrypt(self, manager: Manager, name: str, message: dict[str, Any]) -> dict[str, Any]:
        _require(message, "requestMetadata", "ciphertext", "encryptionAlgorithm", "initializationVector", "authenticationTag")
        key = _usable(manager, name, usage="DECRYPT")
        fields = ("ciphertext", "authenticationTag", "initializationVector", "additionalAuthenticatedData", "ciphertextMetadata")
        ciphertext, tag, iv, aad, metadata = (base64.b64decode(message.get(each, "")) for each in fields)
        try:
            return {"plaintext": _text(AESGCM(key.secret).decrypt(iv, ciphertext + tag, _bound(aad, metadata)))}
        except InvalidTag:
            raise Refusal("InvalidCiphertextException") from None


def _usable(manager: Manager, name: str, *, usage: str = "", status: bool = True) -> ExternalKey:
    key = manager.key(name)
    if key.missing:
        raise Refusal("KeyNotFoundException")
    if status and key.status != "ENABLED":
        raise Refusal("InvalidStateException")
    if usage and usage not in key.usage:
        raise Refusal("InvalidKeyUsageException")
    return key


def _require(message: dict[str, Any], *names: str) -> None:
    if any(not message.get(name) for name in names):
        raise Refusal("ValidationException")


def _bound(aad: bytes, metadata: bytes) -> bytes:
    return len(aad).to_bytes(2, "big") + aad + bytes([len(metadata)]) + metadata


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def authority(folder: Path, host: str) -> tuple[Path, Path]:
    """Files of a new authority, and of a certificate with its key for this host, both PEM."""

    def certificate(name: str, key: Any, issuer: Any, issuer_key: Any, *, is_ca: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        made = made.not_valid_after(now + datetime.timedelta(days=2)).add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        names = x509.SubjectAlternativeName([x509.DNSName(name), x509.DNSName(f"*.{name}")])
        return (made if is_ca else made.add_extension(names, critical=False)).sign(issuer_key, hashes.SHA256())

    ca_key, own_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = certificate("authority of proxies", ca_key, None, ca_key, is_ca=True)
    own = certificate(host, own_key, ca.subject, ca_key, is_ca=False)
    pem = serialization.Encoding.PEM
    private = own_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    roots, pair = folder / "proxy-roots.pem", folder / "proxy.pem"
    roots.write_bytes(ca.public_bytes(pem))
    pair.write_bytes(own.public_bytes(pem) + private)
    return roots, pair


class XksProxy:
    """The process, and the test's way to it."""

    def __init__(self, folder: Path, port: int, host: str) -> None:
        self.port, self.host = port, host
        self.roots, pair = authority(folder, host)
        command = [sys.executable, str(Path(__file__)), str(port), str(pair)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def settings(self, region: str) -> str:
        """Lines of a settings file that let a Region reach it, and know it behind two endpoint services too."""
        address = f"{HOST}:{self.port}"
        hosts = (f"private.{self.host}", f"private1.{self.host}")
        services = [f'"{service_name(region, n)}" = {{ host = "{host}", address = "{address}" }}' for n, host in enumerate(hosts)]
        return (
            f'key_store_proxies.trusted_roots = "{self.roots}"\n'
            f'key_store_proxies.networks = ["127.0.0.1/32"]\n'
            f'key_store_proxies.hosts = {{ "{self.host}" = "{HOST}:{self.port}" }}\n'
            f"key_store_proxies.endpoint_services = {{ {', '.join(services)} }}\n"
        )

    def tell(self, prefix: str, **order: Any) -> dict[str, Any]:
        """Give the manager of a prefix an order; the answer is what it has seen since it was told to forget."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"prefix": prefix, **order}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def service_name(region: str, number: int) -> str:
    return f"com.amazonaws.vpce.{region}.vpce-svc-0123456789abcdef{number}"


class QuickServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__((HOST, port), Handler)
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake is the connection's own thread's work: one that hangs keeps no other."""
        try:
            with self._context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        except OSError:
            return

    def handle_error(self, request: Any, client_address: Any) -> None: ...


def main() -> None:
    port, pair = int(sys.argv[1]), sys.argv[2]
    Handler.served = Served()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    threading.Thread(target=QuickServer(port, context).serve_forever, daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(Handler.served.control(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
