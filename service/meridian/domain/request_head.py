"""The head of an HTTP request, parsed once: what routes it, what its signature covers, what policies and audit say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Each header and each query parameter stood in the request once; whoever asks for one gets the only one."""

    method: str
    path: str
    """As it was sent, still percent-encoded."""
    query: tuple[tuple[str, str], ...]
    """Names and values, decoded."""
    headers: Mapping[str, str]
    """By lower-case name; read-only. Bytes beyond ASCII are characters of Latin-1."""
    address: str
    """Of the client: the other end of the connection, or whom a trusted proxy names."""
    content_length: int
    """Bytes of the body; 0 where there is none."""
    certificate_pem: bytes = b""
    """The client's certificate, whose chain the listener has verified; nothing where the connection showed none."""

    def __repr__(self) -> str:
        return f"RequestHead({self.method} {self.path})"
