"""THE table: what the record of a change shows of the answer, by operation, beside the key where the answer does not name it.

Taken from the answer itself, in the transaction of the change: a record never tells what was meant and did not come to be.

Source: AWS KMS Developer Guide, log entries of each operation, responseElements.
"""

from __future__ import annotations

from typing import Any, Final

from meridian.catalog import lower_camel
from meridian.domain.call import Call

TABLE: Final[dict[str, tuple[str, ...]]] = {
    "CreateKey": ("key_metadata",),
    "CreateGrant": ("grant_id",),
    "RotateKeyOnDemand": ("key_id",),
    "ImportKeyMaterial": ("key_id", "key_material_id"),
    "DeleteImportedKeyMaterial": ("key_id", "key_material_id"),
    "ReplicateKey": ("replica_key_metadata", "replica_policy"),
    "UpdatePrimaryRegion": (),
    "CreateCustomKeyStore": ("custom_key_store_id",),
}
NAMES_ITS_KEY: Final = frozenset({"CreateGrant", "UpdatePrimaryRegion"})
"""The record shows the ARN of the key that was changed; the answer does not."""


def shown_of(call: Call, answer: Any) -> dict[str, Any] | None:
    """The responseElements of a call that is answered so; None where its operation has none."""
    name = call.rpc.name
    fields = TABLE.get(name)
    if fields is None:
        return None
    shown: dict[str, Any] = {lower_camel(field): getattr(answer, field) for field in fields if answer.HasField(field)}
    if name in NAMES_ITS_KEY:
        shown["keyId"] = call.keys["key_id"].arn
    return shown
