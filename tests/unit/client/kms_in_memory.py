"""A client without a Region: its data keys are under a key of its own, and each refusal is what a test says."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meridian.client import errors
from meridian.client.statuses import error_class
from meridian.kms.v1 import data_keys_pb2, encryption_pb2

SHARED = os.urandom(32)
"""The material that related keys share."""
BLOB_SINGLE, BLOB_MULTI = b"MK\x01\x01\x01\x00\x00\x00", b"MK\x01\x01\x02\x00\x00\x00"


@dataclass
class MemoryKms:
    """Answers GenerateDataKey and Decrypt."""

    region: str = "us-east-1"
    multi_region: bool = False
    says: str = ""
    """The exception that each call ends with."""
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def generate_data_key(self, *, key_id: str, key_spec: str, encryption_context: dict[str, str]) -> data_keys_pb2.GenerateDataKeyResponse:
        self._note("GenerateDataKey", key_id)
        assert key_spec == "AES_256"
        plaintext, nonce = os.urandom(32), os.urandom(12)
        begin = BLOB_MULTI if self.multi_region else BLOB_SINGLE
        blob = begin + nonce + AESGCM(SHARED).encrypt(nonce, plaintext, bound(encryption_context))
        return data_keys_pb2.GenerateDataKeyResponse(plaintext=plaintext, ciphertext_blob=blob, key_id=key_id)

    def decrypt(self, *, ciphertext_blob: bytes, encryption_context: dict[str, str]) -> encryption_pb2.DecryptResponse:
        self._note("Decrypt", ciphertext_blob)
        try:
            plaintext = AESGCM(SHARED).decrypt(ciphertext_blob[8:20], ciphertext_blob[20:], bound(encryption_context))
        except InvalidTag:
            raise errors.InvalidCiphertextException("InvalidCiphertextException", "", "r", {}, (), None) from None
        return encryption_pb2.DecryptResponse(plaintext=plaintext)

    def _note(self, operation: str, what: object) -> None:
        self.calls.append((operation, what))
        if self.says:
            raise error_class(self.says)(self.says, "what the Region says", "r", {}, (), None)


class AsyncMemoryKms(MemoryKms):
    """The same for asyncio."""

    async def generate_data_key(self, **given: Any) -> data_keys_pb2.GenerateDataKeyResponse:  # type: ignore[override]  # awaited
        return super().generate_data_key(**given)

    async def decrypt(self, **given: Any) -> encryption_pb2.DecryptResponse:  # type: ignore[override]  # awaited
        return super().decrypt(**given)


def bound(context: dict[str, str]) -> bytes:
    return repr(sorted(context.items())).encode()
