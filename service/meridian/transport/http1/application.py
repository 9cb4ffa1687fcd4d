"""What an HTTP listener asks of the application behind it, and what the application answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from meridian.domain.request_head import RequestHead
from meridian.transport.http1.faults import RefusedRequest

STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def as_bytes(self, *, is_last: bool, to_head: bool) -> bytes:
        """What goes over the connection; `is_last` tells the client that the connection ends.

        The answer `to_head` has the headers that GET would have got, and no body. Source: RFC 9110, section 9.3.2.
        """
        lines = [STATUS_LINES[self.status]]
        if self.status != HTTPStatus.NO_CONTENT:
            lines.append(f"content-type: {self.content_type}\r\ncontent-length: {len(self.body)}\r\n")
        lines += [f"{name}: {value}\r\n" for name, value in self.headers]
        lines.append("connection: close\r\n\r\n" if is_last else "\r\n")
        return "".join(lines).encode("latin-1") + (b"" if to_head else self.body)


Known = Callable[[str], None]
"""What an application calls as soon as the caller has proved who he is, with a name that is his alone, however long the answer then takes:
from that moment on his connection outlives those of callers who have not."""


class Exchange(NamedTuple):
    """What happens to a request whose head is known."""

    keeps_body: bool
    """Whether the body is wanted. One that is not is read and thrown away, and `answer` gets none of it."""
    answer: Callable[[bytes, Known], Awaitable[Answer]]
    """Called once, with the whole body."""


class Application(Protocol):
    """Answers requests."""

    def begin(self, head: RequestHead) -> Exchange:
        """Decide from the head alone what happens. A body longer than the listener takes is not read: `answer` comes at once."""
        ...

    def refuse(self, refused: RefusedRequest) -> Answer:
        """The answer to what is no request."""
        ...
