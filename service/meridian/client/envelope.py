"""Envelope encryption: the data never leaves the caller, the Region sees only a data key.

An envelope is `MENV2\\n ‖ u16 n ‖ encrypted data key (n) ‖ stream`; the stream is Tink's (`tink_streaming.py`) under the data key, with
everything before it as associated data. The encryption context is not stored: whoever opens must give it again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from meridian.client.client import Client
from meridian.client.data_keys import DataKey, DataKeyCache, name_of
from meridian.client.envelope_error import EnvelopeError
from meridian.client.envelope_files import open_source, pieces_of, whole_file
from meridian.client.envelope_header import header_of
from meridian.client.opening import Opening
from meridian.client.region_clients import Regions
from meridian.client.tink_streaming import PREFIX_BYTES, SALT_BYTES, StreamSealer

Context = Mapping[str, str]


class Envelope:
    """Seals data of any size under data keys of one KMS key, and opens what was sealed under any: `Envelope(kms, "alias/files")`.

    Memory is constant: a few mebibytes, however large a stream is. Threads may share it. `Regions` instead of a client opens envelopes of
    multi-Region keys also where the nearest Region cannot be reached. With a `DataKeyCache` many small things cost one call of the Region.

    Raises, in every method: EnvelopeError for what is no envelope or was changed or cut, and the exceptions of GenerateDataKey and Decrypt.
    """

    def __init__(self, kms: Client | Regions, key_id: str, *, cache: DataKeyCache | None = None) -> None:
        """`key_id` is a key id, key ARN, alias name or alias ARN; what only opens may have any."""
        self._regions = kms if isinstance(kms, Regions) else Regions({"": kms})
        self._key_id = key_id
        self._cache = cache

    def encrypt(self, plaintext: bytes, *, encryption_context: Context) -> bytes:
        """An envelope of some bytes."""
        return b"".join(self._sealed([plaintext], encryption_context, len(plaintext)))

    def decrypt(self, envelope: bytes, *, encryption_context: Context) -> bytes:
        """What is in an envelope."""
        return b"".join(self.decrypt_pieces([envelope], encryption_context=encryption_context))

    def encrypt_stream(self, source: BinaryIO, target: BinaryIO, *, encryption_context: Context) -> None:
        """Seal what a stream holds into another one."""
        for piece in self.encrypt_pieces(pieces_of(source), encryption_context=encryption_context):
            target.write(piece)

    def decrypt_stream(self, source: BinaryIO, target: BinaryIO, *, encryption_context: Context) -> None:
        """Open a stream into another one. What was written is not all of it, and must not be used, where this raises."""
        for piece in self.decrypt_pieces(pieces_of(source), encryption_context=encryption_context):
            target.write(piece)

    def encrypt_file(self, source: Path | str, target: Path | str, *, encryption_context: Context) -> None:
        """Seal a file into another one, which is whole or as it was. Raises: OSError."""
        with open_source(source) as opened, whole_file(target) as file:
            self.encrypt_stream(opened, file, encryption_context=encryption_context)

    def decrypt_file(self, source: Path | str, target: Path | str, *, encryption_context: Context) -> None:
        """Open a file into another one for its owner alone, which is whole or as it was. Raises: OSError."""
        with open_source(source) as opened, whole_file(target) as file:
            self.decrypt_stream(opened, file, encryption_context=encryption_context)

    def encrypt_pieces(self, pieces: Iterable[bytes], *, encryption_context: Context) -> Iterator[bytes]:
        """An envelope piece by piece, of whatever comes. A data key is made for it alone: nobody knows how long it will be."""
        return self._sealed(pieces, encryption_context, None)

    def decrypt_pieces(self, pieces: Iterable[bytes], *, encryption_context: Context) -> Iterator[bytes]:
        """What is in an envelope that comes in pieces. It is all of it, and may be used, when the iterator has ended."""
        opening = Opening()
        is_locked = True
        for piece in pieces:
            if not is_locked:
                yield opening.update(piece)
            elif (blob := opening.locked_by(piece)) is not None:
                is_locked = False
                yield opening.unlock(self._opened_key(blob, encryption_context))
        if is_locked:
            raise EnvelopeError("the envelope is cut")
        yield opening.finish()

    def _sealed(self, pieces: Iterable[bytes], context: Context, size: int | None) -> Iterator[bytes]:
        key = self._new_key(context, size)
        header = header_of(key.blob)
        # Random salts keep streams under one data key apart.
        sealer = StreamSealer(bytes(key.plaintext), header, os.urandom(SALT_BYTES + PREFIX_BYTES))
        key.wipe()
        yield header + sealer.header
        for piece in pieces:
            yield sealer.update(piece)
        yield sealer.finish()

    def _new_key(self, context: Context, size: int | None) -> DataKey:
        name = name_of("seal", self._key_id.encode(), context)
        if self._cache is not None and (kept := self._cache.take(name, size)) is not None:
            return kept
        made = self._regions.generate_data_key(key_id=self._key_id, key_spec="AES_256", encryption_context=context)
        key = DataKey(bytearray(made.answer.plaintext), made.answer.ciphertext_blob, made.region)
        if self._cache is not None:
            self._cache.keep(name, key, size)
        return key

    def _opened_key(self, blob: bytes, context: Context) -> bytes:
        name = name_of("open", blob, context)
        if self._cache is not None and (kept := self._cache.take(name, 0)) is not None:
            return bytes(kept.plaintext)
        opened = self._regions.decrypt(ciphertext_blob=blob, encryption_context=context)
        if self._cache is not None:
            self._cache.keep(name, DataKey(bytearray(opened.answer.plaintext), blob, opened.region), 0)
        return opened.answer.plaintext
