"""EncryptionService: Encrypt, Decrypt, ReEncrypt.

Keys have been resolved, authorized and admitted when these run; no transaction is open.

Source: AWS KMS API Reference, Encrypt, Decrypt, ReEncrypt.
"""

from __future__ import annotations

from meridian.call import Call
from meridian.contract.catalog import enum_aws_value
from meridian.contract.cross_field import ignores_ciphertext
from meridian.domain.algorithms import SYMMETRIC
from meridian.domain.applicability import require_plaintext_fits
from meridian.errors import DryRunOperationException, InvalidCiphertextException, ValidationException
from meridian.kms.v1 import encryption_pb2, types_pb2
from meridian.operations.present import set_enum
from meridian.ports.crypto.ciphers import CipherUse
from meridian.ports.crypto.engine import CryptoEngine
from meridian.ports.heavy_work import KeyWork

SYMMETRIC_DEFAULT = types_pb2.ENCRYPTION_ALGORITHM_SPEC_SYMMETRIC_DEFAULT


class Encryption:
    """Ciphertexts of symmetric keys, each bound to its key, its material and its encryption context; and of RSA keys."""

    def __init__(self, engine: CryptoEngine, work: KeyWork) -> None:
        self._engine = engine
        self._work = work

    async def encrypt(self, request: encryption_pb2.EncryptRequest, call: Call) -> encryption_pb2.EncryptResponse:
        """A ciphertext under the key's current material. Raises: ValidationException, DryRunOperationException."""
        if request.encryption_algorithm not in (0, SYMMETRIC_DEFAULT):
            return self._rsa_encrypt(request, call)
        key = call.keys["key_id"]
        require_plaintext_fits(key, SYMMETRIC, request.plaintext)
        if call.dry_run:
            raise DryRunOperationException
        done = self._engine.encrypt(key, call.canonical_context["encryption_context"], request.plaintext)
        call.audit_data["keyMaterialId"] = done.material_id
        return encryption_pb2.EncryptResponse(ciphertext_blob=done.ciphertext_blob, key_id=key.arn, encryption_algorithm=SYMMETRIC_DEFAULT)

    async def decrypt(self, request: encryption_pb2.DecryptRequest, call: Call) -> encryption_pb2.DecryptResponse:
        """The plaintext. Raises: InvalidCiphertextException for every cause in the request; DryRunOperationException."""
        key = call.keys["key_id"]
        if ignores_ciphertext(request):
            _use(call, "")
            raise DryRunOperationException
        if request.encryption_algorithm not in (0, SYMMETRIC_DEFAULT):
            return await self._rsa_decrypt(request, call)
        if call.blob is None:
            raise InvalidCiphertextException(reason="absent")
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
        source, destination = _use(call, "source_"), _use(call, "destination_")
        if ignores_ciphertext(request):
            raise DryRunOperationException
        done = await self._work.run(source.key.key_spec, self._engine.re_encrypt(source, request.ciphertext_blob, destination))
        response = encryption_pb2.ReEncryptResponse(
            ciphertext_blob=done.ciphertext_blob,
            source_key_id=source.key.arn,
            key_id=destination.key.arn,
        )
        set_enum(response, "source_encryption_algorithm", source.algorithm)
        set_enum(response, "destination_encryption_algorithm", destination.algorithm)
        if done.source_material_id:
            response.source_key_material_id = call.audit_data["sourceKeyMaterialId"] = done.source_material_id
        if done.destination_material_id:
            response.destination_key_material_id = call.audit_data["destinationKeyMaterialId"] = done.destination_material_id
        if call.dry_run:
            raise DryRunOperationException
        return response

    def _rsa_encrypt(self, request: encryption_pb2.EncryptRequest, call: Call) -> encryption_pb2.EncryptResponse:
        use = _use(call, "")
        ciphertext = self._engine.rsa_encrypt(use.key, use.algorithm, request.plaintext)
        if call.dry_run:
            raise DryRunOperationException
        return encryption_pb2.EncryptResponse(
            ciphertext_blob=ciphertext, key_id=use.key.arn, encryption_algorithm=request.encryption_algorithm
        )

    async def _rsa_decrypt(self, request: encryption_pb2.DecryptRequest, call: Call) -> encryption_pb2.DecryptResponse:
        use = _use(call, "")
        plaintext = await self._work.run(use.key.key_spec, self._engine.rsa_decrypt(use.key, use.algorithm, request.ciphertext_blob))
        if call.dry_run:
            raise DryRunOperationException
        return encryption_pb2.DecryptResponse(key_id=use.key.arn, plaintext=plaintext, encryption_algorithm=request.encryption_algorithm)


def _use(call: Call, prefix: str) -> CipherUse:
    """The key, algorithm and context that the fields with this prefix name. Raises: ValidationException."""
    field = f"{prefix}encryption_algorithm"
    algorithm = enum_aws_value(call.request.DESCRIPTOR.fields_by_name[field], getattr(call.request, field)) or SYMMETRIC
    if algorithm != SYMMETRIC and getattr(call.request, f"{prefix}encryption_context"):
        raise ValidationException(
            "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.",
            fields=[(f"{prefix}encryption_context", "given for an asymmetric key")],
        )
    return CipherUse(call.keys[f"{prefix}key_id"], algorithm, call.canonical_context[f"{prefix}encryption_context"])
