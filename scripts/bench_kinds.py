"""What keys of other kinds cost, and the AWS wire: server CPU per call ÷ CPU per no-op on the same server, rounds interleaved."""

from __future__ import annotations

import json
import sqlite3
import ssl
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from bench_http import Kept, Post, signed
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from tests.aws import access_key
from tests.deployment import HOME, Deployment

from meridian.client import Client, words
from meridian.contract.batches import batch_of
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

IN_FLIGHT = 16
IN_BATCH = 100
AUDITOR = "arn:aws:iam::111122223333:user/auditor"
MESSAGE = b"0123456789abcdef0123456789abcdef"
Call = Callable[[], Awaitable[None]]
Measure = Callable[[Call, int], Awaitable[float]]


def requests(deployment: Deployment) -> dict[str, tuple[str, bytes]]:
    """RPC and serialised request of each thing that is measured; each has been answered once."""
    with Client(deployment.endpoint(HOME, "developer")) as client:

        def made(spec: words.KeySpec, usage: words.KeyUsageType) -> str:
            return str(client.create_key(key_spec=spec, key_usage=usage).key_metadata.key_id)

        sign, mac = t.KEY_USAGE_TYPE_SIGN_VERIFY, t.KEY_USAGE_TYPE_GENERATE_VERIFY_MAC
        fields: dict[str, tuple[str, dict[str, Any]]] = {
            "Sign RSA_2048 (PSS, SHA-256)": (
                "Sign",
                {"key_id": made(t.KEY_SPEC_RSA_2048, sign), "signing_algorithm": t.SIGNING_ALGORITHM_SPEC_RSASSA_PSS_SHA_256},
            ),
            "Sign ECC_NIST_P256": (
                "Sign",
                {"key_id": made(t.KEY_SPEC_ECC_NIST_P256, sign), "signing_algorithm": t.SIGNING_ALGORITHM_SPEC_ECDSA_SHA_256},
            ),
            "GenerateMac HMAC_256": (
                "GenerateMac",
                {"key_id": made(t.KEY_SPEC_HMAC_256, mac), "mac_algorithm": t.MAC_ALGORITHM_SPEC_HMAC_SHA_256},
            ),
        }
        found = {}
        for name, (rpc, given) in fields.items():
            request = rpcs()[rpc].request_class(message=MESSAGE, **given)
            client.call(rpcs()[rpc], request)
            found[name] = (rpc, request.SerializeToString())
    return found


def raw_rsa_microseconds(count: int = 1500) -> float:
    """CPU of the bare signature in this process, per call."""
    private = rsa.generate_private_key(65537, 2048)
    padded = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    private.sign(MESSAGE, padded, hashes.SHA256())
    began = time.process_time()
    for _ in range(count):
        private.sign(MESSAGE, padded, hashes.SHA256())
    return (time.process_time() - began) / count * 1e6


def aws_encrypt(deployment: Deployment, plaintext: bytes, context: dict[str, str], tls: ssl.SSLContext | None = None) -> Post:
    """One signed Encrypt of the AWS wire, on its own port in plaintext, or with TLS on the port that gRPC has too."""
    with Client(deployment.endpoint(HOME, "developer")) as client:
        key_id = client.create_key().key_metadata.key_id
    fields = {"KeyId": key_id, "Plaintext": b64encode(plaintext).decode(), "EncryptionContext": context}
    place = deployment.place(HOME)
    post = Post(place.grpc_port if tls else place.aws_port, "/", {}, json.dumps(fields).encode(), b"CiphertextBlob", tls)
    return signed(post, HOME, access_key(deployment, "developer"), "Encrypt")


async def rounds(deployment: Deployment, measure: Measure, count: int, calls: int) -> dict[str, list[float]]:
    """Ratios per round, by name."""
    endpoint = deployment.endpoint(HOME, "developer")
    kinds = requests(deployment)
    kept = Kept(aws_encrypt(deployment, b"\0\0\0", {"a": "b"}))
    found: dict[str, list[float]] = {}
    async with grpc.aio.secure_channel(endpoint.target, endpoint.credentials) as channel:

        def calling(path: str, request: bytes) -> Call:
            method: Any = channel.unary_unary(path)

            async def call() -> None:
                assert await method(request)

            return call

        async def aws_call() -> None:
            await kept.call()

        no_op = calling("/grpc.health.v1.Health/Check", b"")
        with Client(endpoint) as client:
            key_id = client.create_key().key_metadata.key_id
        encrypt_request = rpcs()["Encrypt"].request_class(key_id=key_id, plaintext=b"\0\0\0", encryption_context={"a": "b"})
        encrypt = calling(rpcs()["Encrypt"].path, encrypt_request.SerializeToString())
        batch = batch_of()["Encrypt"]
        encrypt_many = calling(batch.path, batch.request_class(items=[encrypt_request] * IN_BATCH).SerializeToString())
        for call in (no_op, encrypt, aws_call):
            await measure(call, calls // 8)
        for _ in range(count):
            base = await measure(no_op, calls)
            for name, (rpc, request) in kinds.items():
                cost = await measure(calling(rpcs()[rpc].path, request), calls // 2)
                found.setdefault(f"{name} ÷ no-op", []).append(cost / base)
                if "RSA" in name:
                    found.setdefault("Sign RSA_2048 ÷ the raw signature", []).append(cost / raw_rsa_microseconds())
            over_grpc = await measure(encrypt, calls)
            many = await measure(encrypt_many, max(1, calls // IN_BATCH)) / IN_BATCH
            found.setdefault("an Encrypt in a batch of 100 ÷ one alone", []).append(many / over_grpc)
            found.setdefault("Encrypt over the AWS wire ÷ over gRPC", []).append(await measure(aws_call, calls // 2) / over_grpc)
    return found


def with_grants(deployment: Deployment, count: int) -> str:
    """A key that the auditor uses by a grant, beside this many grants to others; they are put in the database as they would stand."""
    with Client(deployment.endpoint(HOME, "developer")) as client:
        key_id = str(client.create_key().key_metadata.key_id)
        client.create_grant(key_id=key_id, grantee_principal=AUDITOR, operations=[t.GRANT_OPERATION_ENCRYPT])
    columns = "grant_id, account, key_id, grantee_principal, retiring_principal, issuing_account, name, operations"
    columns += ", constraint_type, constraint_pairs, source_arn, created_at"
    rest = ("", "111122223333", "", '["Encrypt"]', "", "{}", "", 0)
    rows = ((f"{number:064x}", "111122223333", key_id, f"arn:aws:iam::111122223333:role/r{number}", *rest) for number in range(count))
    with sqlite3.connect(deployment.place(HOME).folder / "region.sqlite3", timeout=20) as database:
        database.executemany(f"INSERT INTO grants ({columns}) VALUES ({', '.join('?' * 12)})", rows)  # noqa: S608 - names of ours
    return key_id


async def grants(deployment: Deployment, measure: Measure, count: int, calls: int) -> list[float]:
    """Encrypt by a grant among 50,000 ÷ by the only one, per round."""
    endpoint = deployment.endpoint(HOME, "auditor")
    requests = [
        rpcs()["Encrypt"].request_class(key_id=with_grants(deployment, number), plaintext=MESSAGE).SerializeToString()
        for number in (0, 49_999)
    ]
    ratios = []
    async with grpc.aio.secure_channel(endpoint.target, endpoint.credentials) as channel:
        method: Any = channel.unary_unary(rpcs()["Encrypt"].path)

        def calling(request: bytes) -> Call:
            async def call() -> None:
                assert await method(request)

            return call

        for request in requests:
            await measure(calling(request), calls // 4)
        for _ in range(count):
            few, many = [await measure(calling(request), calls) for request in requests]
            ratios.append(many / few)
    return ratios
