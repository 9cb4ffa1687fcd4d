"""Envelopes of any size: Tink's own code opens their streams, nothing that was changed or cut opens, and memory stays as it is."""

from __future__ import annotations

import io
import itertools
import os
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import tink
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.unit.client.kms_in_memory import AsyncMemoryKms, MemoryKms
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from meridian.client import errors
from meridian.client.async_envelope import AsyncEnvelope
from meridian.client.envelope import Envelope
from meridian.client.envelope_error import EnvelopeError
from meridian.client.envelope_header import BLOB_AT, MAGIC
from meridian.client.tink_streaming import HEADER_BYTES, SEGMENT_BYTES, TAG_BYTES

streaming_aead.register()
CONTEXT = {"tenant": "a"}
FIRST = SEGMENT_BYTES - HEADER_BYTES - TAG_BYTES
"""Bytes of data in the first segment."""
LATER = SEGMENT_BYTES - TAG_BYTES
SIZES = [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + LATER, FIRST + LATER + 1, 3 * SEGMENT_BYTES]


@pytest.fixture
def kms() -> Any:
    return MemoryKms()


def split(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    """Header, encrypted data key and stream of an envelope."""
    end = BLOB_AT + int.from_bytes(sealed[BLOB_AT - 2 : BLOB_AT], "big")
    return sealed[:end], sealed[BLOB_AT:end], sealed[end:]


def of_tink(data_key: bytes) -> streaming_aead.StreamingAead:
    """Tink's own primitive of its template AES256_GCM_HKDF_1MB, with this key."""
    template = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
    layout = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKeyFormat.FromString(template.value)
    assert (layout.params.ciphertext_segment_size, layout.params.hkdf_hash_type) == (SEGMENT_BYTES, common_pb2.SHA256)
    value = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(params=layout.params, key_value=data_key).SerializeToString()
    data = tink_pb2.KeyData(type_url=template.type_url, value=value, key_material_type=tink_pb2.KeyData.SYMMETRIC)
    row = tink_pb2.Keyset.Key(key_data=data, status=tink_pb2.ENABLED, key_id=1, output_prefix_type=tink_pb2.RAW)
    keyset = tink_pb2.Keyset(primary_key_id=1, key=[row]).SerializeToString()
    handle = tink.proto_keyset_format.parse(keyset, secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


@pytest.mark.parametrize("size", SIZES)
def test_tink_opens_what_is_sealed_here_and_the_other_way_round(kms: Any, size: int) -> None:
    data = os.urandom(size)
    sealed = Envelope(kms, "k").encrypt(data, encryption_context=CONTEXT)
    header, blob, stream = split(sealed)
    theirs = of_tink(kms.decrypt(ciphertext_blob=blob, encryption_context=CONTEXT).plaintext)
    assert theirs.new_decrypting_stream(io.BytesIO(stream), header).read() == data
    written = io.BytesIO()
    with theirs.new_encrypting_stream(written, header) as stream_of_theirs:
        stream_of_theirs.write(data)
        stream_of_theirs.flush()
        into = written.getvalue  # closed with the stream
        written.close = lambda: None  # type: ignore[method-assign]  # what is written is read after the end
    assert Envelope(kms, "k").decrypt(header + into(), encryption_context=CONTEXT) == data


def cut(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.mark.parametrize("size", [1, FIRST, FIRST + LATER + 1])
@pytest.mark.parametrize("piece", [1000, 65_537, SEGMENT_BYTES, 3 * SEGMENT_BYTES])
def test_it_does_not_matter_in_which_pieces_data_come(kms: Any, size: int, piece: int) -> None:
    data, envelope = os.urandom(size), Envelope(kms, "k")
    sealed = b"".join(envelope.encrypt_pieces(cut(data, piece), encryption_context=CONTEXT))
    assert envelope.decrypt(sealed, encryption_context=CONTEXT) == data
    assert b"".join(envelope.decrypt_pieces(cut(sealed, piece), encryption_context=CONTEXT)) == data
    assert b"".join(envelope.decrypt_pieces(itertools.chain(cut(sealed[:200], 1), [sealed[200:]]), encryption_context=CONTEXT)) == data


@pytest.mark.parametrize("size", [10, FIRST + 10])
def test_what_was_changed_anywhere_does_not_open(kms: Any, size: int) -> None:
    envelope = Envelope(kms, "k")
    sealed = envelope.encrypt(os.urandom(size), encryption_context=CONTEXT)
    header, _, stream = split(sealed)
    places = [0, len(header) - 1, len(header), len(header) + 1, len(header) + HEADER_BYTES - 1, len(header) + HEADER_BYTES, len(sealed) - 1]
    for at in places:
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises((EnvelopeError, errors.InvalidCiphertextException)):
            envelope.decrypt(bytes(changed), encryption_context=CONTEXT)
    with pytest.raises(errors.InvalidCiphertextException):
        envelope.decrypt(sealed, encryption_context={"tenant": "b"})
    other, _, _ = split(envelope.encrypt(b"", encryption_context=CONTEXT))
    with pytest.raises(EnvelopeError):
        envelope.decrypt(other + stream, encryption_context=CONTEXT)


def test_what_was_cut_or_moved_does_not_open(kms: Any) -> None:
    envelope = Envelope(kms, "k")
    sealed = envelope.encrypt(os.urandom(FIRST + 2 * LATER), encryption_context=CONTEXT)
    header, _, stream = split(sealed)
    ends = [0, 3, BLOB_AT, len(header), len(header) + 10, len(header) + HEADER_BYTES, len(header) + SEGMENT_BYTES, len(sealed) - 1]
    for end in ends:
        with pytest.raises(EnvelopeError):
            envelope.decrypt(sealed[:end], encryption_context=CONTEXT)
    first, second, third = (stream[at : at + SEGMENT_BYTES] for at in range(0, 3 * SEGMENT_BYTES, SEGMENT_BYTES))
    assert envelope.decrypt(header + first + second + third, encryption_context=CONTEXT)
    for moved in (first + third + second, first + third, first + second + third + third, sealed[: len(header)] + second):
        with pytest.raises(EnvelopeError):
            envelope.decrypt(header + moved, encryption_context=CONTEXT)


def test_what_is_no_envelope_asks_no_region(kms: Any) -> None:
    for other in (b"", b"x", b"MENV", b"MENV3\n\x00\x01x", MAGIC + b"\x00\x00", MAGIC + b"\xff\xff" + bytes(70_000)):
        with pytest.raises(EnvelopeError):
            Envelope(kms, "k").decrypt(other, encryption_context={})
    assert kms.calls == []


def test_an_envelope_of_an_earlier_release_opens(kms: Any) -> None:
    made = kms.generate_data_key(key_id="k", key_spec="AES_256", encryption_context=CONTEXT)
    nonce = os.urandom(12)
    header = b"MENV1\n" + len(made.ciphertext_blob).to_bytes(2, "big") + made.ciphertext_blob + nonce
    sealed = header + AESGCM(made.plaintext).encrypt(nonce, b"old", header)
    envelope = Envelope(kms, "k")
    assert envelope.decrypt(sealed, encryption_context=CONTEXT) == b"old"
    assert b"".join(envelope.decrypt_pieces(cut(sealed, 7), encryption_context=CONTEXT)) == b"old"
    for wrong in (sealed[:-1], sealed[: len(header) + 3], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(EnvelopeError):
            envelope.decrypt(wrong, encryption_context=CONTEXT)


class Endless(io.RawIOBase):
    """So many zero bytes, made as they are read."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


class Counting(io.RawIOBase):
    """Forgets what is written."""

    written = 0

    def write(self, data: Any) -> int:
        self.written += len(data)
        return len(data)


def test_memory_does_not_grow_with_the_stream(kms: Any) -> None:
    size = 256 * SEGMENT_BYTES
    envelope, target = Envelope(kms, "k"), Counting()
    source: Any = Endless(size)
    sink: Any = target
    tracemalloc.start()
    try:
        envelope.encrypt_stream(source, sink, encryption_context=CONTEXT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert target.written > size
    assert peak < 16 * SEGMENT_BYTES


def test_a_file_is_whole_or_as_it_was(kms: Any, tmp_path: Path) -> None:
    envelope = Envelope(kms, "k")
    source, sealed, opened = tmp_path / "source", tmp_path / "sealed", tmp_path / "opened"
    source.write_bytes(os.urandom(2 * SEGMENT_BYTES + 3))
    envelope.encrypt_file(source, sealed, encryption_context=CONTEXT)
    envelope.decrypt_file(sealed, opened, encryption_context=CONTEXT)
    assert opened.read_bytes() == source.read_bytes()
    assert opened.stat().st_mode & 0o777 == 0o600
    opened.write_bytes(b"before")
    sealed.write_bytes(sealed.read_bytes()[:-1])
    with pytest.raises(EnvelopeError):
        envelope.decrypt_file(sealed, opened, encryption_context=CONTEXT)
    assert opened.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["opened", "sealed", "source"]


@pytest.mark.asyncio
async def test_the_envelope_for_asyncio_is_the_same(tmp_path: Path) -> None:
    kms: Any = AsyncMemoryKms()
    blocking: Any = MemoryKms()
    ours = AsyncEnvelope(kms, "k")
    data = os.urandom(2 * SEGMENT_BYTES)
    sealed = await ours.encrypt(data, encryption_context=CONTEXT)
    assert Envelope(blocking, "k").decrypt(sealed, encryption_context=CONTEXT) == data
    assert await ours.decrypt(sealed, encryption_context=CONTEXT) == data
    source, target, opened = tmp_path / "source", tmp_path / "sealed", tmp_path / "opened"
    source.write_bytes(data)
    await ours.encrypt_file(source, target, encryption_context=CONTEXT)
    await ours.decrypt_file(target, opened, encryption_context=CONTEXT)
    assert opened.read_bytes() == data
    opened.write_bytes(b"before")
    target.write_bytes(target.read_bytes()[:-1])
    with pytest.raises(EnvelopeError):
        await ours.decrypt_file(target, opened, encryption_context=CONTEXT)
    assert opened.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["opened", "sealed", "source"]

    async def pieces() -> AsyncIterator[bytes]:
        for piece in cut(sealed[:-1], 70_000):
            yield piece

    with pytest.raises(EnvelopeError):
        [piece async for piece in ours.decrypt_pieces(pieces(), encryption_context=CONTEXT)]
    with pytest.raises(EnvelopeError):
        await ours.decrypt(b"", encryption_context={})
