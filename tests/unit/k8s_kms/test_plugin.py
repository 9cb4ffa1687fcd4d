"""What the API server is told: on a socket, by its own client's stub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from tests.unit.k8s_kms.fake_regions import KEY, World

from meridian.k8s_kms.plugin import ANNOTATION, CIPHERTEXT_BYTES_MAX, SEED_BYTES_MAX, UID_CHARACTERS_MAX, Plugin
from meridian.k8s_kms.v2 import api_pb2, api_pb2_grpc

SEED = b"32 bytes that no Region may keep"
pytestmark = pytest.mark.asyncio


@dataclass
class Served:
    world: World
    stub: Any


@pytest_asyncio.fixture
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    world = World()
    path: Path = tmp_path_factory.mktemp("s") / "kms.sock"
    server = grpc.aio.server()
    api_pb2_grpc.add_KeyManagementServiceServicer_to_server(Plugin(KEY, world.key, world.metrics), server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        yield Served(world, api_pb2_grpc.KeyManagementServiceStub(channel))
    await server.stop(None)


async def refusal(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code().name, refused.value.details() or ""


async def test_the_service_has_the_name_that_the_api_server_calls() -> None:
    service = api_pb2.DESCRIPTOR.services_by_name["KeyManagementService"]
    assert service.full_name == "v2.KeyManagementService"
    assert {name: [(f.name, f.number) for f in message.fields] for name, message in api_pb2.DESCRIPTOR.message_types_by_name.items()} == {
        "StatusRequest": [],
        "StatusResponse": [("version", 1), ("healthz", 2), ("key_id", 3)],
        "DecryptRequest": [("ciphertext", 1), ("uid", 2), ("key_id", 3), ("annotations", 4)],
        "DecryptResponse": [("plaintext", 1)],
        "EncryptRequest": [("plaintext", 1), ("uid", 2)],
        "EncryptResponse": [("ciphertext", 1), ("key_id", 2), ("annotations", 3)],
    }


async def test_status_encrypt_and_decrypt(served: Served) -> None:
    status = await served.stub.Status(api_pb2.StatusRequest())
    assert (status.version, status.healthz, status.key_id) == ("v2", "ok", KEY.name_of("a"))
    made = await served.stub.Encrypt(api_pb2.EncryptRequest(plaintext=SEED, uid="1"))
    assert (made.key_id, dict(made.annotations)) == (status.key_id, {ANNOTATION: KEY.identity.encode()})
    opened = await served.stub.Decrypt(
        api_pb2.DecryptRequest(ciphertext=made.ciphertext, key_id=made.key_id, annotations=made.annotations, uid="2")
    )
    assert opened.plaintext == SEED
    assert served.world.value("call_seconds_count", method="Decrypt", code="OK") == 1


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("AccessDeniedException", "PERMISSION_DENIED"),
        ("UnrecognizedClientException", "UNAUTHENTICATED"),
        ("NotFoundException", "NOT_FOUND"),
        ("ThrottlingException", "RESOURCE_EXHAUSTED"),
        ("DisabledException", "FAILED_PRECONDITION"),
        ("KMSInternalException", "INTERNAL"),
    ],
)
async def test_status_never_names_a_key_that_cannot_be_used(served: Served, said: str, code: str) -> None:
    await served.stub.Status(api_pb2.StatusRequest())
    served.world.key._used_at = None
    served.world.near.says = said
    assert await refusal(served.stub.Status(api_pb2.StatusRequest())) == (
        code,
        f"us-east-1: {said}: what the Region says (request id request-1)",
    )


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"plaintext": b""}, f"plaintext must have 1 to {SEED_BYTES_MAX} bytes"),
        ({"plaintext": bytes(SEED_BYTES_MAX + 1)}, f"plaintext must have 1 to {SEED_BYTES_MAX} bytes"),
        ({"plaintext": SEED, "uid": "a\nb"}, f"uid must have at most {UID_CHARACTERS_MAX} characters, each a visible one of ASCII"),
        (
            {"plaintext": SEED, "uid": "x" * (UID_CHARACTERS_MAX + 1)},
            f"uid must have at most {UID_CHARACTERS_MAX} characters, each a visible one of ASCII",
        ),
    ],
)
async def test_a_field_that_cannot_be_used_is_named_and_nothing_is_sent(served: Served, fields: dict[str, Any], text: str) -> None:
    assert await refusal(served.stub.Encrypt(api_pb2.EncryptRequest(**fields))) == ("INVALID_ARGUMENT", text)
    assert served.world.near.calls == []


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"ciphertext": b"", "key_id": "a"}, f"ciphertext must have 1 to {CIPHERTEXT_BYTES_MAX} bytes"),
        ({"ciphertext": b"\x01" * (CIPHERTEXT_BYTES_MAX + 1), "key_id": "a"}, f"ciphertext must have 1 to {CIPHERTEXT_BYTES_MAX} bytes"),
        ({"ciphertext": b"\x01x", "key_id": ""}, "key_id must have 1 to 1024 bytes"),
        ({"ciphertext": b"\x01x", "key_id": "a" * 1025}, "key_id must have 1 to 1024 bytes"),
        ({"ciphertext": b"x", "key_id": "a"}, "ciphertext was not made by meridian k8s-kms"),
    ],
)
async def test_a_stored_secret_that_cannot_be_read_is_told(served: Served, fields: dict[str, Any], text: str) -> None:
    assert await refusal(served.stub.Decrypt(api_pb2.DecryptRequest(**fields))) == ("INVALID_ARGUMENT", text)
    assert served.world.near.calls == []
