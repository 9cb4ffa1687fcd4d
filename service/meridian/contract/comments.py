"""What the contract says of operations and of the fields of their requests, in words: the texts of help."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from google.protobuf.descriptor import FieldDescriptor

from meridian.contract.catalog import Rpc


@cache
def _comments() -> dict[str, str]:
    texts: dict[str, str] = json.loads((files("meridian") / "kms" / "v1" / "comments.json").read_text())
    return texts


def comment_on(what: FieldDescriptor | Rpc) -> str:
    """What the contract says of an operation of AWS KMS or of the AccessService, or of a field of its request."""
    if isinstance(what, Rpc):
        return _comments()[what.name]
    return "" if what.containing_type is None else _comments()[f"{what.containing_type.name}.{what.name}"]
