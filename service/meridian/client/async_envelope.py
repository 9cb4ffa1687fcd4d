"""Envelope encryption for asyncio: as `envelope.py`, with work of more than a moment in threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from meridian.client.async_client import AsyncClient
from meridian.client.data_keys import DataKey, DataKeyCache, name_of
from meridian.client.envelope_error import EnvelopeError
from meridian.client.envelope_files import open_source, whole_file
from meridian.client.envelope_header import header_of
from meridian.client.opening import Opening
from meridian.client.region_clients import AsyncRegions
from meridian.client.tink_streaming import PREFIX_BYTES, SALT_BYTES, SEGMENT_BYTES, StreamSealer

Context = Mapping[str, str]
T = TypeVar("T")


class AsyncEnvelope:
    """`Envelope` for asyncio, `await AsyncEnvelope(kms, "alias/files").encrypt(data, encryption_context={…})`."""

    def __init__(self, kms: AsyncClient | AsyncRegions, key_id: str, *, cache: DataKeyCache | None = None) -> None:
        """`key_id` is a key id, key ARN, alias name or alias ARN; what only opens may have any."""
        self._regions = kms if isinstance(kms, AsyncRegions) else AsyncRegions({"": kms})
        self._key_id = key_id
        self._cache = cache

    async def encrypt(self, plaintext: bytes, *, encryption_context: Context) -> bytes:
        """An envelope of some bytes."""
        sealed = [piece async for piece in self._sealed(_cut(plaintext), encryption_context, len(plaintext))]
        return b"".join(sealed)

    async def decrypt(self, envelope: bytes, *, encryption_context: Context) -> bytes:
        """What is in an envelope."""
        return b"".join([piece async for piece in self.decrypt_pieces(_cut(envelope), encryption_context=encryption_context)])

    async def encrypt_file(self, source: Path | str, target: Path | str, *, encryption_context: Context) -> None:
        """Seal a file into another one, which is whole or as it was. Raises: OSError."""
        async with _in_threads(open_source(source)) as opened, _in_threads(whole_file(target)) as file:
            await _write(file, self.encrypt_pieces(_read(opened), encryption_context=encryption_context))

    async def decrypt_file(self, source: Path | str, target: Path | str, *, encryption_context: Context) -> None:
        """Open a file into another one for its owner alone, which is whole or as it was. Raises: OSError."""
        async with _in_threads(open_source(source)) as opened, _in_threads(whole_file(target)) as file:
            await _write(file, self.decrypt_pieces(_read(opened), encryption_context=encryption_context))

    def encrypt_pieces(self, pieces: AsyncIterable[bytes], *, encryption_context: Context) -> AsyncIterator[bytes]:
        """An envelope piece by piece, of whatever comes. A data key is made for it alone: nobody knows how long it will be."""
        return self._sealed(pieces, encryption_context, None)

    async def decrypt_pieces(self, pieces: AsyncIterable[bytes], *, encryption_context: Context) -> AsyncIterator[bytes]:
        """What is in an envelope that comes in pieces. It is all of it, and may be used, when the iterator has ended."""
        opening = Opening()
        is_locked = True
        async for piece in pieces:
            if not is_locked:
                yield await asyncio.to_thread(opening.update, piece)
            elif (blob := opening.locked_by(piece)) is not None:
                is_locked = False
                yield await asyncio.to_thread(opening.unlock, await self._opened_key(blob, encryption_context))
        if is_locked:
            raise EnvelopeError("the envelope is cut")
        yield await asyncio.to_thread(opening.finish)

    async def _sealed(self, pieces: AsyncIterable[bytes], context: Context, size: int | None) -> AsyncIterator[bytes]:
        key = await self._new_key(context, size)
        header = header_of(key.blob)
        # Random salts keep streams under one data key apart.
        sealer = StreamSealer(bytes(key.plaintext), header, os.urandom(SALT_BYTES + PREFIX_BYTES))
        key.wipe()
        yield header + sealer.header
        async for piece in pieces:
            yield await asyncio.to_thread(sealer.update, piece)
        yield await asyncio.to_thread(sealer.finish)

    async def _new_key(self, context: Context, size: int | None) -> DataKey:
        name = name_of("seal", self._key_id.encode(), context)
        if self._cache is not None and (kept := self._cache.take(name, size)) is not None:
            return kept
        made = await self._regions.generate_data_key(key_id=self._key_id, key_spec="AES_256", encryption_context=context)
        key = DataKey(bytearray(made.answer.plaintext), made.answer.ciphertext_blob, made.region)
        if self._cache is not None:
            self._cache.keep(name, key, size)
        return key

    async def _opened_key(self, blob: bytes, context: Context) -> bytes:
        name = name_of("open", blob, context)
        if self._cache is not None and (kept := self._cache.take(name, 0)) is not None:
            return bytes(kept.plaintext)
        opened = await self._regions.decrypt(ciphertext_blob=blob, encryption_context=context)
        if self._cache is not None:
            self._cache.keep(name, DataKey(bytearray(opened.answer.plaintext), blob, opened.region), 0)
        return opened.answer.plaintext


@asynccontextmanager
async def _in_threads(manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """A file that is opened, synced and closed while the loop goes on."""
    entered = await asyncio.to_thread(manager.__enter__)
    try:
        yield entered
    except BaseException as fault:
        await asyncio.to_thread(manager.__exit__, type(fault), fault, fault.__traceback__)
        raise
    await asyncio.to_thread(manager.__exit__, None, None, None)


async def _cut(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, max(len(data), 1), SEGMENT_BYTES):
        yield data[at : at + SEGMENT_BYTES]


async def _read(source: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(source.read, SEGMENT_BYTES):
        yield piece


async def _write(target: BinaryIO, pieces: AsyncIterable[bytes]) -> None:
    async for piece in pieces:
        await asyncio.to_thread(target.write, piece)
