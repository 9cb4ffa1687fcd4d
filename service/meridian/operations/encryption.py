"""EncryptionService: Encrypt, Decrypt, ReEncrypt.

Keys have been resolved, authorized and admitted when these run; no transaction is open.

Source: AWS KMS API Reference, Encrypt, Decrypt, ReEncrypt.
"""

from __future__ import annotations

from meridian.call import Call
from meridian.contract.cross_field import ignores_ciphertext
from meridian.contract.fields import enum_text_of
from meridian.domain.algorithms import SYMMETRIC
from meridian.domain.applicability import require_plaintext_fits
from meridian.domain.key import Key
from meridian.errors import DryRunOperationException, InvalidCiphertextException, ValidationException
from meridian.kms.v1 import encryption_pb2, types_pb2
from meridian.operations.ciphers import Ciphers
from meridian.operations.present import set_enum, shown_material_id
from meridian.ports.crypto.ciphers import CipherUse, Decrypted, ReEncrypted
from meridian.ports.crypto.key_pairs import KeyPairs
from meridian.ports.heavy_work import KeyWork

SYMMETRIC_DEFAULT = types_pb2.ENCRYPTION_ALGORITHM_SPEC_SYMMETRIC_DEFAULT


class Encryption:
    """Ciphertexts of symmetric keys, each bound to its key, its material and its encryption context; and of RSA keys."""

    def __init__(self, key_pairs: KeyPairs, ciphers: Ciphers, work: KeyWork) -> None:
        self._key_pairs = key_pairs
        self._ciphers = ciphers
        self._work = work

    async def encrypt(self, request: encryption_pb2.EncryptRequest, call: Call) -> encryption_pb2.EncryptResponse:
        """A ciphertext under the key's current material. Raises: ValidationException, DryRunOperationException."""
        if request.encryption_algorithm not in (0, SYMMETRIC_DEFAULT):
            return self._rsa_encrypt(request, call)
        key = call.keys["key_id"]
        require_plaintext_fits(key, SYMMETRIC, request.plaintext)
        _require_no_question_to_a_store(call, key)
        done = await self._ciphers.encrypt(call, "", request.plaintext)
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
        _require_no_question_to_a_store(call, key)
        done = await self._ciphers.decrypt(call, "", call.blob)
        call.audit_data["keyMaterialId"] = done.material_id
        return encryption_pb2.DecryptResponse(
            key_id=key.arn,
            plaintext=done.plaintext,
            encryption_algorithm=SYMMETRIC_DEFAULT,
            key_material_id=shown_material_id(key, done.material_id),
        )

    async def re_encrypt(self, request: encryption_pb2.ReEncryptRequest, call: Call) -> encryption_pb2.ReEncryptResponse:
        """The same plaintext under another key or context; it never leaves the process.

        Raises: as Decrypt for the source, as Encrypt for the destination.
        """
        source, destination = _use(call, "source_"), _use(call, "destination_")
        if ignores_ciphertext(request):
            raise DryRunOperationException
        if source.key.custom_key_store_id or destination.key.custom_key_store_id:
            done = await self._through_a_store(request, call, source, destination)
        else:
            done = await self._work.run(source.key.key_spec, self._key_pairs.re_encrypt(source, request.ciphertext_blob, destination))
        response = encryption_pb2.ReEncryptResponse(
            ciphertext_blob=done.ciphertext_blob,
            source_key_id=source.key.arn,
            key_id=destination.key.arn,
        )
        set_enum(response, "source_encryption_algorithm", source.algorithm)
        set_enum(response, "destination_encryption_algorithm", destination.algorithm)
        for side, key, material_id in (
            ("source", source.key, done.source_material_id),
            ("destination", destination.key, done.destination_material_id),
        ):
            if material_id:
                call.audit_data[f"{side}KeyMaterialId"] = material_id
                _show_material_id(response, f"{side}_key_material_id", key, material_id)
        return response

    async def _through_a_store(
        self, request: encryption_pb2.ReEncryptRequest, call: Call, source: CipherUse, destination: CipherUse
    ) -> ReEncrypted:
        """Opened and sealed one after the other, as the keys' stores answer."""
        for use in (source, destination):
            _require_no_question_to_a_store(call, use.key)
        if source.algorithm != SYMMETRIC:
            work = self._key_pairs.rsa_decrypt(source.key, source.algorithm, request.ciphertext_blob)
            opened = Decrypted(await self._work.run(source.key.key_spec, work), "")
        elif call.blob is None:
            raise InvalidCiphertextException(reason="absent")
        else:
            opened = await self._ciphers.decrypt(call, "source_", call.blob)
        if destination.algorithm != SYMMETRIC:
            sealed = self._key_pairs.rsa_encrypt(destination.key, destination.algorithm, opened.plaintext)
            return ReEncrypted(sealed, opened.material_id, "")
        done = await self._ciphers.encrypt(call, "destination_", opened.plaintext)
        return ReEncrypted(done.ciphertext_blob, opened.material_id, done.material_id)

    def _rsa_encrypt(self, request: encryption_pb2.EncryptRequest, call: Call) -> encryption_pb2.EncryptResponse:
        use = _use(call, "")
        ciphertext = self._key_pairs.rsa_encrypt(use.key, use.algorithm, request.plaintext)
        return encryption_pb2.EncryptResponse(
            ciphertext_blob=ciphertext, key_id=use.key.arn, encryption_algorithm=request.encryption_algorithm
        )

    async def _rsa_decrypt(self, request: encryption_pb2.DecryptRequest, call: Call) -> encryption_pb2.DecryptResponse:
        use = _use(call, "")
        plaintext = await self._work.run(use.key.key_spec, self._key_pairs.rsa_decrypt(use.key, use.algorithm, request.ciphertext_blob))
        return encryption_pb2.DecryptResponse(key_id=use.key.arn, plaintext=plaintext, encryption_algorithm=request.encryption_algorithm)


def _require_no_question_to_a_store(call: Call, key: Key) -> None:
    """A dry run asks no key store: what it can tell, it has told. Raises: DryRunOperationException."""
    if call.dry_run and key.custom_key_store_id:
        raise DryRunOperationException


def _show_material_id(response: encryption_pb2.ReEncryptResponse, field: str, key: Key, material_id: str) -> None:
    shown = shown_material_id(key, material_id)
    if shown is not None:
        setattr(response, field, shown)


def _use(call: Call, prefix: str) -> CipherUse:
    """The key, algorithm and context that the fields with this prefix name. Raises: ValidationException."""
    field = f"{prefix}encryption_algorithm"
    algorithm = enum_text_of(call.request, field) or SYMMETRIC
    if algorithm != SYMMETRIC and getattr(call.request, f"{prefix}encryption_context"):
        raise ValidationException(
            "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.",
            fields=[(f"{prefix}encryption_context", "given for an asymmetric key")],
        )
    return CipherUse(call.keys[f"{prefix}key_id"], algorithm, call.canonical_context[f"{prefix}encryption_context"])
