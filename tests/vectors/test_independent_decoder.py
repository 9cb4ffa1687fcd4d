"""Another library opens what the engine makes."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cache_memory import cache_memory
from tests.reported_events import ReportedEvents

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.domain.ciphertext_blob import parse_ciphertext_blob
from meridian.domain.encryption_context import canonical_encryption_context
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.secret import Secret
from meridian.engine.commands import SymmetricCommands, row_identity
from meridian.engine.keyring import Keyring
from meridian.errors import InvalidCiphertextException

KEK, MATERIAL = bytes(range(32)), bytes(range(32, 64))
CONTEXTS = st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=20), max_size=5)


def load_decoder() -> Any:
    spec = importlib.util.spec_from_file_location("independent_decoder", Path(__file__).parent / "independent_decoder.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


decoder = load_decoder()


def engine_and_key(multi_region: bool) -> tuple[SymmetricCommands, Key]:
    engine = SymmetricCommands(Keyring({1: Secret(KEK)}, 1, OsEntropy(), ReportedEvents()), SystemClock(), OsEntropy(), cache_memory())
    key = Key(
        partition="aws",
        region="eu-west-1",
        account="111122223333",
        key_id="mrk-1234abcd12ab34cd56ef1234567890ab" if multi_region else "1234abcd-12ab-34cd-56ef-1234567890ab",
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=Origin.AWS_KMS,
        state=KeyState.ENABLED,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        multi_region=MultiRegionRole("eu-west-1") if multi_region else None,
    )
    return engine, key.with_material(engine.wrap_material(key, MATERIAL, 0), current=True)


@settings(max_examples=60, deadline=None)
@given(plaintext=st.binary(min_size=1, max_size=200), context=CONTEXTS, multi_region=st.booleans())
def test_it_opens_every_blob(plaintext: bytes, context: dict[str, str], multi_region: bool) -> None:
    engine, key = engine_and_key(multi_region)
    made = engine.encrypt(key, canonical_encryption_context(context), plaintext)
    assert len(made.ciphertext_blob) == len(plaintext) + 136
    assert decoder.open_blob(MATERIAL, key.identity, context, made.ciphertext_blob) == plaintext


def test_it_opens_wrapped_rows() -> None:
    _, key = engine_and_key(multi_region=True)
    row = key.materials[0]
    identity = row_identity(key, row.material_id, row.row_version)
    fields = [f if isinstance(f, bytes) else str(f).encode() for f in identity[:8]] + [identity.row_version.to_bytes(8, "big")]
    assert decoder.open_row(KEK, fields, row.sealed_bytes) == MATERIAL


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_every_flipped_bit_of_a_blob_is_refused(data: st.DataObject) -> None:
    engine, key = engine_and_key(multi_region=False)
    blob = bytearray(engine.encrypt(key, b"\x00\x00", b"thirty-two bytes of a secret key").ciphertext_blob)
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << (bit % 8)
    if 64 <= bit < 192:
        return  # the key number: another key is looked up
    with pytest.raises(InvalidCiphertextException):
        engine.decrypt(key, b"\x00\x00", parse_ciphertext_blob(bytes(blob)))


@settings(max_examples=200, deadline=None)
@given(first=CONTEXTS, second=CONTEXTS)
def test_two_contexts_share_their_bytes_only_if_they_are_equal(first: dict[str, str], second: dict[str, str]) -> None:
    assert (canonical_encryption_context(first) == canonical_encryption_context(second)) == (first == second)
