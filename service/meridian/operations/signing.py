"""SigningService: Sign, Verify, GetPublicKey.

Source: AWS KMS API Reference, Sign, Verify, GetPublicKey.
"""

from __future__ import annotations

from meridian.call import Call
from meridian.contract.enums import enum_aws_value
from meridian.domain.algorithms import algorithms
from meridian.errors import KMSInvalidSignatureException
from meridian.kms.v1 import signing_pb2
from meridian.operations.present import ALGORITHM_LIST, add_enums, set_enum
from meridian.ports.crypto.key_pairs import KeyPairs
from meridian.ports.heavy_work import KeyWork


class Signing:
    """Signatures of keys whose private half never leaves the engine."""

    def __init__(self, key_pairs: KeyPairs, work: KeyWork) -> None:
        self._key_pairs = key_pairs
        self._work = work

    async def sign(self, request: signing_pb2.SignRequest, call: Call) -> signing_pb2.SignResponse:
        """A signature over the message or its digest. Raises: ValidationException, DryRunOperationException."""
        key = call.keys["key_id"]
        algorithm, message_type = _algorithm(request), _message_type(request)
        signature = await self._work.run(key.key_spec, self._key_pairs.sign(key, algorithm, message_type, request.message))
        return signing_pb2.SignResponse(key_id=key.arn, signature=signature, signing_algorithm=request.signing_algorithm)

    async def verify(self, request: signing_pb2.VerifyRequest, call: Call) -> signing_pb2.VerifyResponse:
        """True, or an error: never false. Raises: KMSInvalidSignatureException, ValidationException, DryRunOperationException."""
        key = call.keys["key_id"]
        verify = self._key_pairs.verify(key, _algorithm(request), _message_type(request), request.message, request.signature)
        if not await self._work.run(key.key_spec, verify):
            raise KMSInvalidSignatureException
        return signing_pb2.VerifyResponse(key_id=key.arn, signature_valid=True, signing_algorithm=request.signing_algorithm)

    async def get_public_key(self, request: signing_pb2.GetPublicKeyRequest, call: Call) -> signing_pb2.GetPublicKeyResponse:
        """The public half, DER SubjectPublicKeyInfo, with what the key is for."""
        key = call.keys["key_id"]
        response = signing_pb2.GetPublicKeyResponse(key_id=key.arn, public_key=self._key_pairs.public_key(key))
        for field in ("key_spec", "key_usage"):
            set_enum(response, field, getattr(key, field))
        set_enum(response, "customer_master_key_spec", key.key_spec)
        add_enums(response, ALGORITHM_LIST[key.key_usage], algorithms(key.key_spec, key.key_usage))
        return response


def _algorithm(request: signing_pb2.SignRequest | signing_pb2.VerifyRequest) -> str:
    return enum_aws_value(request.DESCRIPTOR.fields_by_name["signing_algorithm"], request.signing_algorithm)


def _message_type(request: signing_pb2.SignRequest | signing_pb2.VerifyRequest) -> str:
    return enum_aws_value(request.DESCRIPTOR.fields_by_name["message_type"], request.message_type) or "RAW"
