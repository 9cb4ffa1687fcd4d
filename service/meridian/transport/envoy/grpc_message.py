"""The one message of a unary call, as it comes over ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from google.rpc import code_pb2

from meridian.errors import CUTS, Cut
from meridian.transport.envoy.grpc_frames import FRAME_HEAD_BYTES, FrameFault, length_of, message_in

Receive = Callable[[], Awaitable[dict[str, Any]]]
DISCONNECTED: Final = "http.disconnect"


class UnaryMessage:
    """Implements `unread_messages.Unread`."""

    def __init__(self, receive: Receive, encoding: str, bytes_max: int) -> None:
        self._receive = receive
        self._encoding = encoding
        self._bytes_max = bytes_max

    async def read(self) -> bytes | None:
        """The message; None where the call ends without one. Returns when the caller has said that nothing follows.

        Raises: FrameFault, as soon as it is known; `errors.CallerLeft`.
        """
        body, ends, whole = b"", False, FRAME_HEAD_BYTES
        while not ends:
            event = await self._receive()
            if event["type"] == DISCONNECTED:
                raise CUTS[Cut.CALLER_LEFT]()
            more = event.get("body", b"")
            body = body + more if body else more
            ends = not event.get("more_body", False)
            if len(body) >= FRAME_HEAD_BYTES:
                whole = length_of(body, self._bytes_max)
                if len(body) > whole:
                    raise FrameFault(code_pb2.INTERNAL, "More than one message in a call of one")
        if not body:
            return None
        if len(body) < whole:
            raise FrameFault(code_pb2.INTERNAL, "The call ended within a message")
        return message_in(body, self._encoding, self._bytes_max)
