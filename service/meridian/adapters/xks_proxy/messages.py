"""Requests to a proxy and its answers. What an answer says is believed as far as it can be checked here, and no further.

Source: AWS XKS Proxy API Specification, GetHealthStatus, GetKeyMetadata, Encrypt, Decrypt.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hmac import compare_digest
from typing import Any, Final

import orjson

from meridian.adapters.xks_proxy.outcomes import NAMED_BY_PROXIES, Outcome, ProxyFault
from meridian.domain.ciphertext_blob import IV_BYTES, METADATA_BYTES_MAX, TAG_BYTES, OuterText
from meridian.domain.double_encryption import integrity_value
from meridian.domain.foreign_text import printable
from meridian.domain.strict_json import JsonFault, parse_json
from meridian.ports.key_store import AskedFor, ExternalKey

ANSWER_BYTES_MAX: Final = 16 * 1024
"""The longest useful answer, an encrypted 4,112 bytes in Base64, is under 6 KiB."""
MANAGERS_MAX: Final = 10
USAGES_MAX: Final = 10
TEXT_CHARACTERS_MAX: Final = 64
"""Of what a proxy wrote and a log or an answer shows."""
ALGORITHM: Final = "AES_GCM"
HEALTHY: Final = ("ACTIVE", "DEGRADED")
KEY_SPEC, KEY_STATUS, KEY_USAGE = "AES_256", "ENABLED", ("ENCRYPT", "DECRYPT")


def health_request(asked: AskedFor) -> bytes:
    return orjson.dumps({"requestMetadata": {"kmsRequestId": asked.request_id, "kmsOperation": asked.operation}})


def metadata_request(asked: AskedFor, key_arn: str) -> bytes:
    return orjson.dumps({"requestMetadata": _metadata(asked, key_arn)})


def encrypt_request(asked: AskedFor, key_arn: str, plaintext: bytes, binding: bytes) -> bytes:
    return orjson.dumps(
        {
            "requestMetadata": _metadata(asked, key_arn),
            "plaintext": _text(plaintext),
            "encryptionAlgorithm": ALGORITHM,
            "additionalAuthenticatedData": _text(binding),
            "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
        }
    )


def decrypt_request(asked: AskedFor, key_arn: str, outer: OuterText, binding: bytes) -> bytes:
    message: dict[str, Any] = {
        "requestMetadata": _metadata(asked, key_arn),
        "ciphertext": _text(outer.ciphertext),
        "encryptionAlgorithm": ALGORITHM,
        "initializationVector": _text(outer.iv),
        "authenticationTag": _text(outer.tag),
        "additionalAuthenticatedData": _text(binding),
    }
    if outer.metadata:
        message["ciphertextMetadata"] = _text(outer.metadata)
    return orjson.dumps(message)


def _metadata(asked: AskedFor, key_arn: str) -> dict[str, str]:
    names = {"awsPrincipalArn": asked.caller_arn, "kmsOperation": asked.operation, "kmsRequestId": asked.request_id}
    return {**names, "kmsKeyArn": key_arn} if key_arn else names


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def read_fault(body: bytes) -> ProxyFault:
    """What an answer with another status than 200 says. The status itself is not asked: proxies differ in it, not in the name."""
    try:
        document = _document(body)
    except ProxyFault as fault:
        return fault
    name, message = document.get("errorName"), document.get("errorMessage")
    detail = printable(message, 8 * TEXT_CHARACTERS_MAX) if isinstance(message, str) else ""
    if isinstance(name, str) and name in NAMED_BY_PROXIES:
        return ProxyFault(Outcome(name), detail)
    return ProxyFault(Outcome.MALFORMED, f"errorName {printable(str(name), TEXT_CHARACTERS_MAX)}")


def require_health(body: bytes) -> None:
    """Raises: ProxyFault where a required member is missing, or no key manager serves."""
    document = _document(body)
    size = document.get("xksProxyFleetSize")
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise _malformed("xksProxyFleetSize")
    for name in ("xksProxyVendor", "xksProxyModel", "ekmVendor"):
        if not isinstance(document.get(name), str):
            raise _malformed(name)
    managers = document.get("ekmFleetDetails")
    if not isinstance(managers, list) or not 0 < len(managers) <= MANAGERS_MAX:
        raise _malformed("ekmFleetDetails")
    states = [_state_of_manager(each) for each in managers]
    if not any(state in HEALTHY for state in states):
        raise ProxyFault(Outcome.ALL_UNAVAILABLE)


def _state_of_manager(manager: Any) -> str:
    members = [manager.get(name) for name in ("id", "model", "healthStatus")] if isinstance(manager, dict) else [None]
    if not all(isinstance(each, str) for each in members) or members[2] not in (*HEALTHY, "UNAVAILABLE"):
        raise _malformed("ekmFleetDetails")
    return str(members[2])


def read_key(body: bytes) -> ExternalKey:
    """Raises: ProxyFault."""
    document = _document(body)
    usage = document.get("keyUsage")
    if not isinstance(usage, list) or not len(usage) <= USAGES_MAX or not all(isinstance(each, str) for each in usage):
        raise _malformed("keyUsage")
    for name in ("keySpec", "keyStatus"):
        if not isinstance(document.get(name), str):
            raise _malformed(name)
    return ExternalKey(_shown(document["keySpec"]), tuple(map(_shown, usage)), _shown(document["keyStatus"]))


def misfit_of(key: ExternalKey) -> str:
    """Why a KMS key cannot be made with this external key; nothing where it can."""
    if key.key_spec != KEY_SPEC:
        return f"The key spec of the external key is {key.key_spec}. It must be {KEY_SPEC}."
    if not set(KEY_USAGE) <= set(key.key_usage):
        return f"The key usage of the external key is {', '.join(key.key_usage) or 'empty'}. It must include {' and '.join(KEY_USAGE)}."
    if key.key_status != KEY_STATUS:
        return f"The status of the external key is {key.key_status}. It must be {KEY_STATUS}."
    return ""


def read_encrypted(body: bytes, plaintext_bytes: int, binding: bytes) -> OuterText:
    """What the external key made of so many bytes, bound to this. Raises: ProxyFault for an answer that does not fit the question, or
    whose parts are not those that the proxy has looked at."""
    document = _document(body)
    outer = OuterText(
        iv=_bytes(document, "initializationVector", *IV_BYTES),
        tag=_bytes(document, "authenticationTag", TAG_BYTES),
        metadata=_bytes(document, "ciphertextMetadata", *range(METADATA_BYTES_MAX + 1)) if "ciphertextMetadata" in document else b"",
        ciphertext=_bytes(document, "ciphertext", plaintext_bytes),
    )
    shown = _bytes(document, "ciphertextDataIntegrityValue", 32)
    if not compare_digest(shown, integrity_value(binding, outer.metadata, outer.iv, outer.ciphertext, outer.tag)):
        raise _malformed("ciphertextDataIntegrityValue")
    return outer


def read_decrypted(body: bytes, ciphertext_bytes: int) -> bytes:
    """Raises: ProxyFault."""
    return _bytes(_document(body), "plaintext", ciphertext_bytes)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = parse_json(body.decode())
    except (UnicodeDecodeError, JsonFault) as fault:
        raise ProxyFault(Outcome.MALFORMED, "no JSON") from fault
    if not isinstance(document, dict):
        raise ProxyFault(Outcome.MALFORMED, "no JSON object")
    return document


def _bytes(document: dict[str, Any], name: str, *lengths: int) -> bytes:
    text = document.get(name)
    try:
        data = b64decode(text, validate=True) if isinstance(text, str) else None
    except ValueError:
        data = None
    if data is None or len(data) not in lengths:
        raise _malformed(name)
    return data


def _malformed(name: str) -> ProxyFault:
    return ProxyFault(Outcome.MALFORMED, name)


def _shown(text: str) -> str:
    return printable(text, TEXT_CHARACTERS_MAX) if text.isascii() else "unknown"
