"""Can this key do this, now. Asked after authorization, so a stranger learns nothing about a key's state.

For every resolved key in the request's order: a ciphertext must name the key that the request names; a management operation asks for origin
and role, then the state, then the type of the key; a cryptographic one asks the state first, then usage and algorithm.

Source: docs/spec/errors.md, order of checks; recorded answers.
"""

from __future__ import annotations

from typing import Final

from meridian.call import Call
from meridian.contract.fields import enum_text_of
from meridian.domain.algorithms import SYMMETRIC
from meridian.domain.applicability import CRYPTOGRAPHIC, require_applicable, require_type, require_usage
from meridian.domain.key import Key, Origin
from meridian.domain.key_state import require_state
from meridian.errors import IncorrectKeyException, KMSInvalidStateException
from meridian.pipeline.resolve import ALIAS_FIELD

ALGORITHM_FIELD: Final = {
    **{(operation, "key_id"): field for operation, (_, field) in CRYPTOGRAPHIC.items() if field},
    ("ReEncrypt", "source_key_id"): "source_encryption_algorithm",
    ("ReEncrypt", "destination_key_id"): "destination_encryption_algorithm",
}
"""Request field with the algorithm that is meant for the key of another field; the default is SYMMETRIC_DEFAULT."""


class Admit:
    """Raises: IncorrectKeyException, UnsupportedOperationException, DisabledException, KMSInvalidStateException,
    InvalidKeyUsageException."""

    def __call__(self, call: Call) -> None:
        operation = call.rpc.name
        for field, key in call.keys.items():
            if field == ALIAS_FIELD and operation == "UpdateAlias":
                continue  # the key that the alias leaves may be in any state
            if field == call.rpc.ciphertext_key_field:
                _require_named_by_ciphertext(call, key)
            if operation in CRYPTOGRAPHIC:
                require_state(operation, key)
                _require_unexpired(call, key)
                require_usage(operation, key, _algorithm(call, field))
            else:
                require_applicable(operation, key)
                require_state(operation, key)
                require_type(operation, key)


def _require_unexpired(call: Call, key: Key) -> None:
    """Material past its time is not used, even while nobody has come to delete it yet."""
    if key.origin is Origin.EXTERNAL and key.has_expired(call.received_at):
        raise KMSInvalidStateException(f"{key.arn} is pending import.", key_arn=key.arn)


def _require_named_by_ciphertext(call: Call, key: Key) -> None:
    blob = call.blob
    if blob is not None and (blob.number != key.number or blob.multi_region != (key.multi_region is not None)):
        raise IncorrectKeyException(reason="the ciphertext names another key")


def _algorithm(call: Call, field: str) -> str:
    name = ALGORITHM_FIELD.get((call.rpc.name, field))
    return SYMMETRIC if name is None or not getattr(call.request, name) else enum_text_of(call.request, name)
