"""Envelopes between Regions: opened only by the Region they are for, as what they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.cache_memory import cache_memory
from tests.reported_events import ReportedEvents

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.crypto import ecdsa, hpke
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.secret import Secret
from meridian.engine.engine import CryptoEngine, EngineSurroundings, engine_of
from meridian.engine.keyring import Keyring
from meridian.engine.region_envelopes import HpkeKey, TransportKeys
from meridian.ports.crypto.region_envelopes import EnvelopeMeta
from meridian.ports.store.region import RegionIdentity

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def engine(region: str) -> CryptoEngine:
    private, public = ecdsa.new_signing_key()
    hpke_private, hpke_public = hpke.new_key_pair()
    keys = TransportKeys(ecdsa.load_signing_key(private), public, (HpkeKey(Secret(hpke_private), hpke_public, NOW),))
    identity = RegionIdentity("d", "aws", region, 0, NOW)
    ring = Keyring({1: Secret(OsEntropy().random_bytes(32))}, 1, OsEntropy(), ReportedEvents())
    return engine_of(
        identity, ring, (), keys, Secret(b"s" * 32), EngineSurroundings(SystemClock(), OsEntropy(), ReportedEvents(), cache_memory())
    )


HOME, AWAY, OTHER = engine("us-east-1"), engine("eu-west-1"), engine("ap-south-1")


def key(region: str) -> Key:
    return Key(
        partition="aws",
        region=region,
        account="111122223333",
        key_id="mrk-1234abcd12ab34cd56ef1234567890ab",
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=Origin.AWS_KMS,
        state=KeyState.ENABLED,
        created_at=NOW,
        multi_region=MultiRegionRole("us-east-1"),
    )


PRIMARY = key("us-east-1")
MATERIAL = HOME.symmetric_keys.new_material(PRIMARY, None)
PRIMARY = PRIMARY.with_material(MATERIAL, current=True)
OFFER = AWAY.envelopes.transport_offer()
META = EnvelopeMeta(
    deployment="d",
    partition="aws",
    account="111122223333",
    key_id=PRIMARY.key_id,
    material_id=MATERIAL.material_id,
    key_spec="SYMMETRIC_DEFAULT",
    source_region="us-east-1",
    target_region="eu-west-1",
    source_incarnation=0,
    sequence=7,
    rotation_number=0,
    hpke_key_id=OFFER.hpke_key_id,
    created_ms=1,
)
ENVELOPE = HOME.envelopes.seal_for_region(PRIMARY, MATERIAL, OFFER, META)


def test_the_target_gets_the_same_material_under_its_own_keys() -> None:
    stored = AWAY.envelopes.open_from_region(ENVELOPE, HOME.envelopes.transport_public_key(), META, key("eu-west-1"))
    assert stored.material_id == MATERIAL.material_id
    assert stored.sealed_bytes != MATERIAL.sealed_bytes
    replica = key("eu-west-1").with_material(stored, current=True)
    from meridian.domain.ciphertext_blob import parse_ciphertext_blob

    blob = parse_ciphertext_blob(HOME.symmetric_keys.encrypt(PRIMARY, b"\x00\x00", b"x").ciphertext_blob)
    assert AWAY.symmetric_keys.decrypt(replica, b"\x00\x00", blob).plaintext == b"x"


@pytest.mark.parametrize("field", [f for f in EnvelopeMeta.__dataclass_fields__ if f not in ("hpke_key_id", "created_ms")])
def test_an_envelope_for_anything_else_is_refused(field: str) -> None:
    value = getattr(META, field)
    change: dict[str, Any] = {field: value + 1 if isinstance(value, int) else value[:-1] + ("0" if value[-1] != "0" else "1")}
    other = replace(META, **change)
    with pytest.raises(ValueError, match="bound to something else"):
        AWAY.envelopes.open_from_region(ENVELOPE, HOME.envelopes.transport_public_key(), other, key("eu-west-1"))


def test_every_changed_byte_is_refused() -> None:
    for at in range(len(ENVELOPE)):
        changed = bytearray(ENVELOPE)
        changed[at] ^= 0x01
        with pytest.raises(ValueError, match=r"signature does not verify|version or suite is unknown|envelope cannot be read"):
            AWAY.envelopes.open_from_region(bytes(changed), HOME.envelopes.transport_public_key(), META, key("eu-west-1"))


def test_another_region_cannot_open_it_and_another_signer_is_not_believed() -> None:
    with pytest.raises(ValueError, match="not here"):
        OTHER.envelopes.open_from_region(ENVELOPE, HOME.envelopes.transport_public_key(), META, key("eu-west-1"))
    with pytest.raises(ValueError, match="does not verify"):
        AWAY.envelopes.open_from_region(ENVELOPE, OTHER.envelopes.transport_public_key(), META, key("eu-west-1"))


def test_an_offer_is_believed_only_from_its_signer() -> None:
    assert (
        HOME.envelopes.verify_transport_offer(OFFER.signed_bytes, AWAY.envelopes.transport_public_key()).hpke_public_bytes
        == OFFER.hpke_public_bytes
    )
    with pytest.raises(ValueError, match="does not verify"):
        HOME.envelopes.verify_transport_offer(OFFER.signed_bytes, OTHER.envelopes.transport_public_key())


def test_a_set_state_is_believed_only_from_its_signer_and_unchanged() -> None:
    signed = HOME.envelopes.sign_set_state(b"the state")
    assert AWAY.envelopes.verify_set_state(signed, HOME.envelopes.transport_public_key()) == b"the state"
    with pytest.raises(ValueError, match="does not verify"):
        AWAY.envelopes.verify_set_state(signed.replace(b"state", b"other"), HOME.envelopes.transport_public_key())
    with pytest.raises(ValueError, match="does not verify"):
        AWAY.envelopes.verify_set_state(signed, OTHER.envelopes.transport_public_key())


@pytest.mark.parametrize("named", ["2b81040022", "2a8648ce3d0201"], ids=["curve", "kind of key"])
def test_a_public_key_of_an_algorithm_that_nobody_knows_is_a_value_error(named: str) -> None:
    _, public = ecdsa.new_signing_key()
    strange = public.replace(bytes.fromhex(named), bytes.fromhex(named)[:-1] + b"\x7f")
    with pytest.raises(ValueError, match="no P-384 public key"):
        HOME.envelopes.verify_set_state(HOME.envelopes.sign_set_state(b"x"), strange)
