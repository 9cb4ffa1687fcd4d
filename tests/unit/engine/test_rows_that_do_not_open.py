"""A wrapped row that does not open is reported once, as that: by whoever opens it, whatever job meets it, and also where it is mended."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

import pytest
from tests.cache_memory import cache_memory
from tests.reported_events import ReportedEvents
from tests.source_trees import nodes
from tests.unit.engine.test_region_envelopes import NOW, key

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.crypto import ecdsa, hpke
from meridian.domain.key import Key, KeyMaterial
from meridian.domain.secret import Secret
from meridian.engine.engine import CryptoEngine, EngineSurroundings, engine_of
from meridian.engine.keyring import Keyring
from meridian.engine.region_envelopes import HpkeKey, TransportKeys
from meridian.engine.region_secrets import RegionKeyPair, secret_row
from meridian.errors import KMSInternalException
from meridian.ports.crypto.faults import WrappedRowFault
from meridian.ports.security_events import SecurityEvent
from meridian.ports.store.region import RegionIdentity
from meridian.workers.set_aside import SetAside

IDENTITY = RegionIdentity("d", "aws", "us-east-1", 0, NOW)


@dataclass
class Region:
    """An engine, its keyring, what it has reported, and a key."""

    engine: CryptoEngine
    keyring: Keyring
    events: ReportedEvents
    key: Key

    @property
    def material(self) -> KeyMaterial:
        return self.key.materials[0]

    @property
    def spoilt(self) -> KeyMaterial:
        return replace(self.material, sealed_bytes=flipped(self.material.sealed_bytes))

    def reported(self) -> list[SecurityEvent]:
        return [event for event, _, _ in self.events.reported]

    def set_aside(self, fault: BaseException) -> None:
        SetAside("rewrap", clock=SystemClock(), events=self.events).set_aside(("a", "k"), fault)


def flipped(sealed: bytes) -> bytes:
    return sealed[:-3] + bytes([sealed[-3] ^ 1]) + sealed[-2:]


@pytest.fixture
def region() -> Region:
    private, public = ecdsa.new_signing_key()
    hpke_private, hpke_public = hpke.new_key_pair()
    keys = TransportKeys(ecdsa.load_signing_key(private), public, (HpkeKey(Secret(hpke_private), hpke_public, NOW),))
    events = ReportedEvents()
    ring = Keyring({1: Secret(OsEntropy().random_bytes(32))}, 1, OsEntropy(), events)
    engine = engine_of(IDENTITY, ring, (), keys, Secret(b"s" * 32), EngineSurroundings(SystemClock(), OsEntropy(), events, cache_memory()))
    bare = key("us-east-1")
    return Region(engine, ring, events, bare.with_material(engine.symmetric_keys.new_material(bare, None), current=True))


def test_a_row_that_nobody_has_opened_before_stays_and_is_reported_once(region: Region) -> None:
    with pytest.raises(WrappedRowFault) as fault:
        region.engine.symmetric_keys.rewrap(region.key, region.spoilt)
    region.set_aside(fault.value)
    assert region.reported() == [SecurityEvent.WRAPPED_ROW_UNREADABLE]
    assert fault.value.code == "KMSInternalException", "what callers see"


def test_a_row_whose_material_is_at_hand_is_mended_and_reported_all_the_same(region: Region) -> None:
    region.engine.symmetric_keys.encrypt(region.key, b"", b"x")
    renewed = region.engine.symmetric_keys.rewrap(region.key, region.spoilt)
    assert region.reported() == [SecurityEvent.WRAPPED_ROW_UNREADABLE]
    assert renewed.row_version == region.material.row_version + 1
    blob = region.engine.symmetric_keys.encrypt(replace(region.key, materials=(renewed,)), b"", b"x")
    assert blob.material_id == region.material.material_id


def test_a_sound_row_moves_without_a_word(region: Region) -> None:
    region.engine.symmetric_keys.encrypt(region.key, b"", b"x")
    region.engine.symmetric_keys.rewrap(region.key, region.material)
    assert region.reported() == []


def test_a_secret_of_the_region_that_does_not_open_is_reported_once(region: Region) -> None:
    row = secret_row(IDENTITY, region.keyring, "transport-key", RegionKeyPair(b"\x01" * 16, b"private", b"public"), NOW)
    with pytest.raises(WrappedRowFault) as fault:
        region.engine.region_keyring.rewrap_secret(replace(row, sealed_bytes=flipped(row.sealed_bytes)))
    region.set_aside(fault.value)
    assert region.reported() == [SecurityEvent.WRAPPED_ROW_UNREADABLE]


def test_any_other_fault_is_reported_where_the_row_is_set_aside(region: Region) -> None:
    region.set_aside(KMSInternalException(reason="another"))
    assert region.reported() == [SecurityEvent.UNFORESEEN_FAULT]


def test_whoever_opens_a_row_says_that_it_was_reported() -> None:
    """A row that does not open raises WrappedRowFault, or SealError where the process does not start without it."""
    handlers = 0
    for file, all_of_it in nodes().items():
        for node in all_of_it:
            if not isinstance(node, ast.Try) or "keyring.unwrap(" not in ast.unparse(ast.Module(node.body, [])):
                continue
            for handler in node.handlers:
                handlers += 1
                raised = [ast.unparse(each.exc) for each in ast.walk(handler) if isinstance(each, ast.Raise) and each.exc is not None]
                assert raised, f"{file}:{handler.lineno}"
                assert all(each.startswith(("WrappedRowFault(", "SealError(")) for each in raised), f"{file}:{handler.lineno}"
    assert handlers >= 3
