"""JSON of the XKS proxy API ↔ messages: `read_x` beside `write_x`. Members that the specification does not know are passed over.

Source: AWS KMS External Key Store (XKS) Proxy API Specification, request and response payloads.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from google.protobuf.message import Message

from meridian.domain.xks import Export, XksCall
from meridian.domain.xks_layout import AAD_BYTES_MAX, PLAINTEXT_BYTES_MAX
from meridian.errors import UnsupportedOperationException, ValidationException
from meridian.transport.aws_json.strict_json import parse
from meridian.xks.v1 import xks_pb2 as wire

Members = Mapping[str, Any]

CLAIM_CHARACTERS_MAX: Final = 2048
CLAIMS: Final[dict[str, str]] = {
    "kmsRequestId": "kms_request_id",
    "kmsOperation": "kms_operation",
    "awsPrincipalArn": "aws_principal_arn",
    "kmsKeyArn": "kms_key_arn",
    "awsSourceVpc": "aws_source_vpc",
    "awsSourceVpce": "aws_source_vpce",
    "kmsViaService": "kms_via_service",
}
"""THE table of what `requestMetadata` is read for."""
REQUIRED_OF_HEALTH: Final = ("kmsRequestId", "kmsOperation")
REQUIRED_OF_METADATA: Final = (*REQUIRED_OF_HEALTH, "awsPrincipalArn")
REQUIRED_OF_CRYPTOGRAPHY: Final = (*REQUIRED_OF_METADATA, "kmsKeyArn")
ALGORITHM: Final = "AES_GCM"
INTEGRITY_ALGORITHM: Final = "SHA_256"
PIECE_BYTES_MAX: Final = 64
"""Of vector, tag and metadata, so that one of another length than ours is a ciphertext that does not open, and a long one is refused."""
KEY_SPEC: Final = "AES_256"
MODEL: Final = "Meridian"
BODY_BYTES_MAX: Final = 32 * 1024
"""The longest request has 10,924 characters of authenticated data, 5,736 of plaintext and the claims."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the path of a request named: a key store, and an export in it unless the call is about the store."""

    prefix: str
    export_id: str
    export: Export | None


# ------------------------------------------------------------------ requests


def read_request(call: XksCall, body: bytes, target: Target) -> Message:
    """The request in a body. Raises: SerializationException, ValidationException, UnsupportedOperationException; each names the field."""
    document = parse(body) if body else {}
    if not isinstance(document, dict):
        raise _invalid("The request", "is no JSON object")
    return _READERS[call](document, target)


def empty_request(call: XksCall, target: Target) -> Message:
    """A request that says what its path said, for one whose body cannot be read."""
    if call is XksCall.HEALTH:
        return wire.XksGetHealthStatusRequest(uri_path_prefix=target.prefix)
    return _of_key(_CLASSES[call](), target)


def _health(document: Members, target: Target) -> Message:
    request = wire.XksGetHealthStatusRequest(uri_path_prefix=target.prefix)
    _read_claims(request.unverified_claims, document, REQUIRED_OF_HEALTH)
    return request


def _metadata(document: Members, target: Target) -> Message:
    request = wire.XksGetKeyMetadataRequest()
    _read_claims(request.unverified_claims, document, REQUIRED_OF_METADATA)
    return _of_key(request, target)


def _encrypt(document: Members, target: Target) -> Message:
    request = wire.XksEncryptRequest()
    _read_claims(request.unverified_claims, document, REQUIRED_OF_CRYPTOGRAPHY)
    _require_algorithm(document)
    request.plaintext = _required_bytes(document, "plaintext", PLAINTEXT_BYTES_MAX)
    request.additional_authenticated_data = _bytes(document, "additionalAuthenticatedData", AAD_BYTES_MAX) or b""
    wanted = _text(document, "", "ciphertextDataIntegrityValueAlgorithm")
    if wanted not in (None, INTEGRITY_ALGORITHM):
        raise UnsupportedOperationException(f"ciphertextDataIntegrityValueAlgorithm must be {INTEGRITY_ALGORITHM}.")
    request.data_integrity_value = wanted is not None
    return _of_key(request, target)


def _decrypt(document: Members, target: Target) -> Message:
    request = wire.XksDecryptRequest()
    _read_claims(request.unverified_claims, document, REQUIRED_OF_CRYPTOGRAPHY)
    _require_algorithm(document)
    request.ciphertext = _required_bytes(document, "ciphertext", PLAINTEXT_BYTES_MAX)
    request.initialization_vector = _required_bytes(document, "initializationVector", PIECE_BYTES_MAX)
    request.authentication_tag = _required_bytes(document, "authenticationTag", PIECE_BYTES_MAX)
    request.ciphertext_metadata = _bytes(document, "ciphertextMetadata", PIECE_BYTES_MAX) or b""
    request.additional_authenticated_data = _bytes(document, "additionalAuthenticatedData", AAD_BYTES_MAX) or b""
    return _of_key(request, target)


_READERS: Final[dict[XksCall, Callable[[Members, Target], Message]]] = {
    XksCall.HEALTH: _health,
    XksCall.METADATA: _metadata,
    XksCall.ENCRYPT: _encrypt,
    XksCall.DECRYPT: _decrypt,
}
_CLASSES: Final[dict[XksCall, Any]] = {
    XksCall.METADATA: wire.XksGetKeyMetadataRequest,
    XksCall.ENCRYPT: wire.XksEncryptRequest,
    XksCall.DECRYPT: wire.XksDecryptRequest,
}


def _of_key(request: Any, target: Target) -> Message:
    request.external_key_id = target.export_id
    if target.export is not None:
        request.key_id = target.export.key_id
    message: Message = request
    return message


def _read_claims(claims: Any, document: Members, required: tuple[str, ...]) -> None:
    given = document.get("requestMetadata")
    if not isinstance(given, dict):
        raise _invalid("requestMetadata", "is missing" if given is None else "is no JSON object")
    for name, field in CLAIMS.items():
        value = _text(given, "requestMetadata.", name)
        if value:
            setattr(claims, field, value)
        elif name in required:
            raise _invalid(f"requestMetadata.{name}", "is missing")


def _require_algorithm(document: Members) -> None:
    algorithm = _text(document, "", "encryptionAlgorithm")
    if algorithm is None:
        raise _invalid("encryptionAlgorithm", "is missing")
    if algorithm != ALGORITHM:
        raise UnsupportedOperationException(f"encryptionAlgorithm must be {ALGORITHM}.")


def _text(members: Members, place: str, name: str) -> str | None:
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _invalid(f"{place}{name}", "is no text")
    if len(value) > CLAIM_CHARACTERS_MAX:
        raise _invalid(f"{place}{name}", f"is longer than {CLAIM_CHARACTERS_MAX} characters")
    return value


def _required_bytes(members: Members, name: str, most: int) -> bytes:
    value = _bytes(members, name, most)
    if not value:
        raise _invalid(name, "is missing" if value is None else "is empty")
    return value


def _bytes(members: Members, name: str, most: int) -> bytes | None:
    value = members.get(name)
    if value is None:
        return None
    try:
        data = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        data = None
    if data is None:
        raise _invalid(name, "is no base64")
    if len(data) > most:
        raise UnsupportedOperationException(f"{name} must not be longer than {most} bytes.")
    return data


def _invalid(field: str, why: str) -> ValidationException:
    return ValidationException(f"{field} {why}.", fields=[(field, why)])


# ------------------------------------------------------------------ answers


def write_answer(call: XksCall, answer: Any) -> bytes:
    """The body of an answer, on one line."""
    return orjson.dumps(_WRITERS[call](answer))


def write_error(name: str, message: str) -> bytes:
    """The body of a refusal, on one line."""
    return orjson.dumps({"errorName": name, "errorMessage": message})


def _health_answer(answer: Any) -> dict[str, Any]:
    fleet = [{"id": answer.id, "model": MODEL, "healthStatus": "ACTIVE"}]
    return {
        "xksProxyFleetSize": 1,  # the process that answers: it knows of no other
        "xksProxyVendor": MODEL,
        "xksProxyModel": MODEL,
        "ekmVendor": MODEL,
        "ekmFleetDetails": fleet,
    }


def _metadata_answer(answer: Any) -> dict[str, Any]:
    return {"keySpec": KEY_SPEC, "keyUsage": list(answer.key_usage), "keyStatus": "ENABLED" if answer.enabled else "DISABLED"}


def _encrypt_answer(answer: Any) -> dict[str, Any]:
    document = {
        "authenticationTag": _base64(answer.authentication_tag),
        "ciphertext": _base64(answer.ciphertext),
        "ciphertextMetadata": _base64(answer.ciphertext_metadata),
        "initializationVector": _base64(answer.initialization_vector),
    }
    if answer.data_integrity_value:
        document["ciphertextDataIntegrityValue"] = _base64(answer.data_integrity_value)
    return document


_WRITERS: Final[dict[XksCall, Callable[[Any], dict[str, Any]]]] = {
    XksCall.HEALTH: _health_answer,
    XksCall.METADATA: _metadata_answer,
    XksCall.ENCRYPT: _encrypt_answer,
    XksCall.DECRYPT: lambda answer: {"plaintext": _base64(answer.plaintext)},
}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
