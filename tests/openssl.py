"""The owner's side of an import, done by `openssl` as the documents of AWS KMS print it."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path
from typing import Any

from meridian.client import Client
from meridian.kms.v1 import types_pb2 as t

SHA_256 = t.ALGORITHM_SPEC_RSAES_OAEP_SHA_256
HASHES = {SHA_256: "sha256", t.ALGORITHM_SPEC_RSAES_OAEP_SHA_1: "sha1"}


def wrap(folder: Path, public_key: bytes, material: bytes, algorithm: t.AlgorithmSpec.ValueType = SHA_256) -> bytes:
    """The material encrypted under a wrapping public key."""
    key, plain, wrapped = folder / "public.der", folder / "material.bin", folder / "wrapped.bin"
    key.write_bytes(public_key)
    plain.write_bytes(material)
    name = HASHES[algorithm]
    command: list[str | Path] = ["openssl", "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER"]
    command += ["-inkey", key, "-in", plain, "-out", wrapped]
    for option in ("rsa_padding_mode:oaep", f"rsa_oaep_md:{name}", f"rsa_mgf1_md:{name}"):
        command += ["-pkeyopt", option]
    subprocess.run(command, check=True, capture_output=True, timeout=10)
    return wrapped.read_bytes()


def random_material() -> bytes:
    """32 fresh bytes, as `openssl rand 32` makes them."""
    return secrets.token_bytes(32)


def parameters(
    client: Client,
    key_id: str,
    spec: t.WrappingKeySpec.ValueType = t.WRAPPING_KEY_SPEC_RSA_2048,
    algorithm: t.AlgorithmSpec.ValueType = SHA_256,
) -> Any:
    """A public key and an import token."""
    return client.get_parameters_for_import(key_id=key_id, wrapping_algorithm=algorithm, wrapping_key_spec=spec)


def bring(client: Client, folder: Path, key_id: str, material: bytes, **fields: Any) -> Any:
    """Import this material, without expiry unless the fields say otherwise."""
    given = parameters(client, key_id)
    if "valid_to" not in fields:
        fields.setdefault("expiration_model", t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE)
    return client.import_key_material(
        key_id=key_id,
        import_token=given.import_token,
        encrypted_key_material=wrap(folder, given.public_key, material),
        **fields,
    )
