"""An external key id is a name in a path: one that is a step in it is refused where it is first heard of."""

from __future__ import annotations

import pytest

from meridian.administration.exports import WantedExport, _require_form
from meridian.contract.cross_field import require_cross_field_rules
from meridian.contract.operation import Operation
from meridian.domain.xks import ExternalUse
from meridian.errors import ValidationException
from meridian.kms.v1 import types_pb2
from meridian.kms.v1.keys_pb2 import CreateKeyRequest

STEPS, NAMES = (".", ".."), ("...", "a..b", "..a", ".a", "-x", "pay.2026")


def new_key(key_id: str) -> CreateKeyRequest:
    return CreateKeyRequest(origin=types_pb2.ORIGIN_TYPE_EXTERNAL_KEY_STORE, custom_key_store_id="cks-00000000000000000", xks_key_id=key_id)


def wanted(key_id: str) -> WantedExport:
    return WantedExport("arn:aws:kms:us-east-1:111122223333:key/1", "/payments", key_id, (ExternalUse.ENCRYPT,), False)


@pytest.mark.parametrize("key_id", STEPS)
def test_a_step_is_no_id(key_id: str) -> None:
    with pytest.raises(ValidationException, match="XksKeyId"):
        require_cross_field_rules(Operation("CreateKey"), new_key(key_id))
    with pytest.raises(ValueError, match="the id"):
        _require_form(wanted(key_id))


@pytest.mark.parametrize("key_id", NAMES)
def test_a_name_with_points_is_one(key_id: str) -> None:
    require_cross_field_rules(Operation("CreateKey"), new_key(key_id))
    _require_form(wanted(key_id))
