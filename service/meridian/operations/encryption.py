"""EncryptionService: Encrypt, Decrypt, ReEncrypt.

Keys have been resolved, authorized and admitted when these run; no transaction is open.

Source: AWS KMS API Reference, Encrypt, Decrypt, ReEncrypt.
"""

from __future__ import annotations

from meridian.domain.algorithms import plaintext_bytes_max
from meridian.domain.call import Call
from meridian.domain.key import Key
from meridian.errors import DryRunOperationException, InvalidCiphertextException, ValidationException
from meridian.kms.v1 import encryption_pb2, types_pb2
from meridian.ports.crypto_engine import CryptoEngine

SYMMETRIC_DEFAULT = types_pb2.ENCRYPTION_ALGORITHM_SPEC_SYMMETRIC_DEFAULT


class Encryption:
    """Ciphertexts of symmetric keys, each bound to its key, its material and its encryption context."""

    def __init__(self, engine: CryptoEngine) -> None:
        self._engine = engine

    async def encrypt(self, request: encryption_pb2.EncryptRequest, call: Call) -> encryption_pb2.EncryptResponse:
        """A ciphertext under the key's current material. Raises: ValidationException, DryRunOperationException."""
        key = call.keys["key_id"]
        limit = plaintext_bytes_max(key.key_spec, "SYMMETRIC_DEFAULT")
        if len(request.plaintext) > limit:
            raise ValidationException(
                f"Algorithm SYMMETRIC_DEFAULT and key spec {key.key_spec} cannot encrypt data larger than {limit} bytes.",
                fields=[("plaintext", f"longer than {limit} bytes")],
            )
        if call.dry_run:
            raise DryRunOperationException
        done = self._engine.encrypt(key, call.canonical_context["encryption_context"], request.plaintext)
        call.audit_data["keyMaterialId"] = done.material_id
        return encryption_pb2.EncryptResponse(ciphertext_blob=done.ciphertext_blob, key_id=key.arn, encryption_algorithm=SYMMETRIC_DEFAULT)

    async def decrypt(self, request: encryption_pb2.DecryptRequest, call: Call) -> encryption_pb2.DecryptResponse:
        """The plaintext. Raises: InvalidCiphertextException for every cause in the request; DryRunOperationException."""
        key = call.keys["key_id"]
        if call.blob is None:
            raise _without_ciphertext(call)
        done = self._engine.decrypt(key, call.canonical_context["encryption_context"], call.blob)
        call.audit_data["keyMaterialId"] = done.material_id
        if call.dry_run:
            raise DryRunOperationException
        return encryption_pb2.DecryptResponse(
            key_id=key.arn, plaintext=done.plaintext, encryption_algorithm=SYMMETRIC_DEFAULT, key_material_id=done.material_id
        )

    async def re_encrypt(self, request: encryption_pb2.ReEncryptRequest, call: Call) -> encryption_pb2.ReEncryptResponse:
        """The same plaintext under another key or context; it never leaves the engine.

        Raises: as Decrypt for the source, as Encrypt for the destination.
        """
        source: Key = call.keys["source_key_id"]
        destination: Key = call.keys["destination_key_id"]
        if call.blob is None:
            raise _without_ciphertext(call)
        done = self._engine.re_encrypt(
            source,
            call.canonical_context["source_encryption_context"],
            call.blob,
            destination,
            call.canonical_context["destination_encryption_context"],
        )
        call.audit_data["sourceKeyMaterialId"] = done.source_material_id
        call.audit_data["destinationKeyMaterialId"] = done.destination_material_id
        if call.dry_run:
            raise DryRunOperationException
        return encryption_pb2.ReEncryptResponse(
            ciphertext_blob=done.ciphertext_blob,
            source_key_id=source.arn,
            key_id=destination.arn,
            source_encryption_algorithm=SYMMETRIC_DEFAULT,
            destination_encryption_algorithm=SYMMETRIC_DEFAULT,
            source_key_material_id=done.source_material_id,
            destination_key_material_id=done.destination_material_id,
        )


def _without_ciphertext(call: Call) -> DryRunOperationException | InvalidCiphertextException:
    # Only a dry run that ignores the ciphertext comes here without one; validation has seen to it.
    return DryRunOperationException() if call.dry_run else InvalidCiphertextException(reason="absent")
