"""What is made of a key that was ready is that key's, and nobody else's."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.engine.test_region_envelopes import HOME, key

from meridian.crypto import key_pairs
from meridian.domain.key import KeySpec, KeyUsage
from meridian.domain.secret import Secret

SPEC = KeySpec.RSA_2048
READY = key_pairs.new_private_key(SPEC)
PUBLIC = key_pairs.public_bytes(key_pairs.load(SPEC, READY))


def test_a_data_key_pair_is_the_ready_key() -> None:
    assert HOME.key_pairs.new_data_key_pair(SPEC, Secret(READY)) == (READY, PUBLIC)
    assert HOME.key_pairs.new_data_key_pair(KeySpec.ECC_NIST_P256, None)[0] != READY


def test_the_material_of_a_new_key_is_the_ready_key() -> None:
    bare = replace(key("us-east-1"), key_spec=SPEC, key_usage=KeyUsage.SIGN_VERIFY)
    made = bare.with_material(HOME.symmetric_keys.new_material(bare, Secret(READY)), current=True)
    assert HOME.key_pairs.public_key(made) == PUBLIC
    signature = HOME.key_pairs.sign(made, "RSASSA_PSS_SHA_256", "RAW", b"x")()
    assert HOME.key_pairs.verify(made, "RSASSA_PSS_SHA_256", "RAW", b"x", signature)()
