"""An envelope that is opened piece by piece: the data key is asked for when its ciphertext has come, and what is behind it follows."""

from __future__ import annotations

from typing import Protocol

from meridian.client.envelope_error import EnvelopeError
from meridian.client.envelope_header import BLOB_AT, BLOB_BYTES_MAX, MAGIC_V1, blob_in
from meridian.client.envelope_v1 import OpenerV1
from meridian.client.tink_streaming import HEADER_BYTES, StreamOpener


class Opener(Protocol):
    """Opens what is behind the header."""

    def update(self, piece: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class Opening:
    """One envelope: `locked_by` until it answers, then `unlock`, then `update`, then `finish`."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        """What has come and cannot be opened yet: a piece, and a header."""
        self._header = b""
        self._key = b""
        self._opener: Opener | None = None

    def locked_by(self, piece: bytes) -> bytes | None:
        """Take a piece; the encrypted data key, as soon as all of it is there. Raises: EnvelopeError."""
        self._waiting += piece
        blob = blob_in(bytes(self._waiting[: BLOB_AT + BLOB_BYTES_MAX]))
        if blob is not None:
            self._header = bytes(self._waiting[: BLOB_AT + len(blob)])
            del self._waiting[: len(self._header)]
        return blob

    def unlock(self, data_key: bytes) -> bytes:
        """Go on under this data key; the answer is what is open already. Raises: EnvelopeError."""
        self._key = data_key
        return self.update(b"")

    def update(self, piece: bytes) -> bytes:
        """What is open now: it is what was sealed there, but only `finish` knows that it is all. Raises: EnvelopeError."""
        if self._opener is None:
            self._waiting += piece
            self._opener = self._begun()
            if self._opener is None:
                return b""
            piece, self._waiting = bytes(self._waiting), bytearray()
        return self._opener.update(piece)

    def finish(self) -> bytes:
        """The rest. Raises: EnvelopeError where it is cut or was changed."""
        if self._opener is None:
            raise EnvelopeError("the envelope is cut")
        return self._opener.finish()

    def _begun(self) -> Opener | None:
        """What opens the rest; None where its header has not come. Raises: EnvelopeError."""
        if self._header.startswith(MAGIC_V1):
            return OpenerV1(self._key, self._header)
        if len(self._waiting) < HEADER_BYTES:
            return None
        opener = StreamOpener(self._key, self._header, bytes(self._waiting[:HEADER_BYTES]))
        del self._waiting[:HEADER_BYTES]
        return opener
