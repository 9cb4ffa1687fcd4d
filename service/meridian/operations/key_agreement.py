"""KeyAgreementService: DeriveSharedSecret, Encapsulate, Decapsulate.

Source: AWS KMS API Reference, DeriveSharedSecret, Encapsulate, Decapsulate.
"""

from __future__ import annotations

from meridian.call import Call
from meridian.kms.v1 import key_agreement_pb2 as wire
from meridian.operations.present import set_enum
from meridian.ports.crypto.key_pairs import KeyPairs
from meridian.ports.heavy_work import KeyWork


class KeyAgreement:
    """Secrets that two parties come to."""

    def __init__(self, key_pairs: KeyPairs, work: KeyWork) -> None:
        self._key_pairs = key_pairs
        self._work = work

    async def derive_shared_secret(self, request: wire.DeriveSharedSecretRequest, call: Call) -> wire.DeriveSharedSecretResponse:
        """The raw ECDH secret with this public key. Raises: ValidationException, DryRunOperationException."""
        key = call.keys["key_id"]
        secret = await self._work.run(key.key_spec, self._key_pairs.derive_shared_secret(key, request.public_key))
        response = wire.DeriveSharedSecretResponse(
            key_id=key.arn, shared_secret=secret, key_agreement_algorithm=request.key_agreement_algorithm
        )
        set_enum(response, "key_origin", key.origin)
        return response

    async def encapsulate(self, request: wire.EncapsulateRequest, call: Call) -> wire.EncapsulateResponse:
        """A fresh shared secret, in the clear and for the key to open. Raises: DryRunOperationException."""
        key = call.keys["key_id"]
        secret, ciphertext = self._key_pairs.encapsulate(key)
        return wire.EncapsulateResponse(
            key_id=key.arn,
            shared_secret=secret,
            shared_secret_ciphertext_blob=ciphertext,
            encapsulation_algorithm=request.encapsulation_algorithm,
        )

    async def decapsulate(self, request: wire.DecapsulateRequest, call: Call) -> wire.DecapsulateResponse:
        """The shared secret inside. Raises: InvalidCiphertextException, DryRunOperationException."""
        key = call.keys["key_id"]
        secret = await self._work.run(key.key_spec, self._key_pairs.decapsulate(key, request.shared_secret_ciphertext_blob))
        return wire.DecapsulateResponse(key_id=key.arn, shared_secret=secret, encapsulation_algorithm=request.encapsulation_algorithm)
