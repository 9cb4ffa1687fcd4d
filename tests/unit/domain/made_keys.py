"""Keys for the tests of the domain: one that works, and what a test changes about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from meridian.domain.key import Key, KeyMaterial, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOME, AWAY = "us-east-1", "eu-west-1"
ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
MULTI_KEY_ID = "mrk-1234abcd12ab34cd56ef1234567890ab"
ARN = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/{KEY_ID}"
FIRST, SECOND, THIRD = (KeyMaterial(letter * 64, number, 1, letter.encode()) for number, letter in enumerate("abc"))
PRIMARY, REPLICA = MultiRegionRole(HOME, (AWAY,)), MultiRegionRole(AWAY, (HOME,))


def key_of(**changes: Any) -> Key:
    """A symmetric key that is enabled, with one material, and with these changes."""
    made = Key(
        partition="aws",
        region=HOME,
        account=ACCOUNT,
        key_id=KEY_ID,
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=Origin.AWS_KMS,
        state=KeyState.ENABLED,
        created_at=NOW,
        current_material_id=FIRST.material_id,
        materials=(FIRST,),
    )
    return replace(made, **changes)
