"""The loads of `make hostile`, each a process of its own: `hostile_loads.py FOLDER LOAD`.

A load attacks while the file `hostile` is in the folder, at a bounded rate and over loopback alone, and ends when the folder is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from tests.adversary.raw_http import as_bytes, signed_headers
from tests.deployment import HOME, Deployment

from meridian.cli.dev_folder import DevFolder, free_port
from meridian.cli.region_place import HOST
from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

FLAG = "hostile"
HALF_A_HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: TrentService.Encrypt\r\n"
TAGS = json.dumps({"Tags": [{"TagKey": f"k{number:05d}", "TagValue": "v"} for number in range(7000)]}, separators=(",", ":")).encode()
Attack = Callable[[], None]
BEHIND_ENVOY = 'front.kind = "envoy"\n'


def connect(region: Deployment) -> socket.socket:
    """Of the AWS wire: behind Envoy it is on the port of gRPC, under TLS."""
    if region.settings_added != BEHIND_ENVOY:
        return socket.create_connection((HOST, region.place(HOME).aws_port), timeout=2)
    context = ssl.create_default_context(cafile=str(region.endpoint(HOME, "alice").ca))
    return context.wrap_socket(socket.create_connection((HOST, region.place(HOME).grpc_port), timeout=2), server_hostname=HOST)


def anonymous_requests(region: Deployment) -> tuple[float, Attack]:
    """Seven thousand tags, signed by nobody, 20 times a second."""
    data = as_bytes([("Host", "x"), ("X-Amz-Target", "TrentService.CreateKey"), ("Content-Length", str(len(TAGS)))], TAGS)

    def attack() -> None:
        with connect(region) as connection:
            connection.sendall(data)

    return 20.0, attack


def half_open_connections(region: Deployment) -> tuple[float, Attack]:
    """Up to 1,100 connections held with half a head, 100 new ones a second."""
    held = list[socket.socket]()

    def attack() -> None:
        connection = connect(region)
        connection.sendall(HALF_A_HEAD)
        held.append(connection)
        if len(held) > 1100:
            held.pop(0).close()

    return 100.0, attack


def giant_headers(region: Deployment) -> tuple[float, Attack]:
    """A megabyte of headers, five times a second."""

    def attack() -> None:
        with connect(region) as connection:
            connection.sendall(HALF_A_HEAD + b"A: " + b"x" * 1_000_000)

    return 5.0, attack


def slow_bodies(region: Deployment) -> tuple[float, Attack]:
    """Heads that name a known access key, their bodies a byte at a time; 20 new ones a second, 200 held."""
    held = list[socket.socket]()
    body = b" " * 200_000

    def attack() -> None:
        connection = connect(region)
        connection.sendall(as_bytes(signed_headers(region, "ListKeys", body), b" "))
        held.append(connection)
        for each in held[-20:]:
            with contextlib.suppress(OSError):
                each.sendall(b" ")
        if len(held) > 200:
            held.pop(0).close()

    return 20.0, attack


def unauthenticated_grpc(region: Deployment) -> tuple[float, Attack]:
    """Calls over a certificate that names nobody, 20 a second."""
    client = Client(region.endpoint(HOME, "transport"))

    def attack() -> None:
        client.create_key(description="x" * 8000, timeout=0.5)

    return 20.0, attack


def heavy_policies(region: Deployment) -> tuple[float, Attack]:
    """A tenant's key policy of 190 conditions, twice a second."""
    client = Client(region.endpoint(HOME, "developer"))
    key_id = client.create_key().key_metadata.key_id
    wide = 'permit(principal, action, resource) when {{ context.request.sourceIp.isInRange(ip("10.0.0.{}/32")) }};'
    policy = "\n".join(['permit(principal in KMS::Group::"developers", action, resource);', *map(wide.format, range(190))])

    def attack() -> None:
        client.put_key_policy(key_id=key_id, policy=policy, timeout=10)

    return 2.0, attack


def rsa_imports(region: Deployment) -> tuple[float, Attack]:
    """An RSA key of 4,096 bits brought in, once a second."""
    client = Client(region.endpoint(HOME, "developer"))
    key = client.create_key(key_spec=t.KEY_SPEC_RSA_4096, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY, origin=t.ORIGIN_TYPE_EXTERNAL)
    key_id = key.key_metadata.key_id
    made = rsa.generate_private_key(65537, 4096)
    material = made.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    def attack() -> None:
        given = client.get_parameters_for_import(
            key_id=key_id,
            wrapping_algorithm=t.ALGORITHM_SPEC_RSA_AES_KEY_WRAP_SHA_256,
            wrapping_key_spec=t.WRAPPING_KEY_SPEC_RSA_2048,
            timeout=10,
        )
        public = serialization.load_der_public_key(given.public_key)
        assert isinstance(public, rsa.RSAPublicKey)
        aes = os.urandom(32)
        wrapped = public.encrypt(aes, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        client.import_key_material(
            key_id=key_id,
            import_token=given.import_token,
            encrypted_key_material=wrapped + aes_key_wrap_with_padding(aes, material),
            expiration_model=t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE,
            timeout=10,
        )

    return 1.0, attack


LOADS = {
    each.__name__: each
    for each in (
        anonymous_requests,
        half_open_connections,
        giant_headers,
        slow_bodies,
        unauthenticated_grpc,
        heavy_policies,
        rsa_imports,
    )
}
"""THE table of loads."""


def main(folder: Path, name: str) -> None:
    os.nice(19)
    ports = json.loads((folder / "ports.json").read_text())
    region = Deployment(folder, [HOME], ports["settings_added"])
    region.folder = DevFolder(
        folder, [HOME], grpc_port=ports["grpc_port"], admin_port=ports["admin_port"], aws_port=None, find_port=free_port
    )
    rate, attack = LOADS[name](region)
    print("prepared", flush=True)
    count = 0
    while folder.exists():
        if (folder / FLAG).exists():
            begun = time.monotonic()
            with contextlib.suppress(OSError, KmsServiceError):
                attack()
            count += 1
            partial = folder / f"{name}.partial"
            partial.write_text(str(count))
            partial.replace(folder / f"{name}.count")
            time.sleep(max(0.0, 1 / rate - (time.monotonic() - begun)))
        else:
            time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
