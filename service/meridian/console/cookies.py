"""Cookies of the console: sealed texts, in as many parts as they need, since a browser keeps no cookie of more than four thousand letters.

Source: RFC 6265bis, sections 4.1.3 (prefixes) and 5.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meridian.domain.request_head import RequestHead
from meridian.ports.kept_by_browsers import KeptByBrowsers

PART_CHARACTERS: Final = 3500
PARTS_MAX: Final = 4
"""Enough for a token of 8,192 characters."""

Header = tuple[str, str]


class SealedCookie:
    """One text under one name."""

    def __init__(self, kept: KeptByBrowsers, name: str, *, is_secure: bool) -> None:
        """`is_secure`: whether browsers reach the console over TLS."""
        self._kept = kept
        self._purpose = name
        self._name = f"__Host-meridian-{name}" if is_secure else f"meridian-{name}"
        self._attributes = f"; Path=/; HttpOnly; SameSite=Lax{'; Secure' if is_secure else ''}"

    def read(self, head: RequestHead) -> str:
        """The text that the browser kept; empty where it kept none that is ours."""
        cookies = _cookies(head.headers.get("cookie", ""))
        parts = [cookies.get(self._part(at), "") for at in range(PARTS_MAX)]
        sealed = "".join(parts[: parts.index("")] if "" in parts else parts)
        try:
            return self._kept.open(self._purpose, sealed) if sealed else ""
        except ValueError:
            return ""

    def write(self, text: str, seconds: int) -> Iterator[Header]:
        """What makes the browser keep a text for so long. Raises: ValueError for a text that is too long."""
        sealed = self._kept.seal(self._purpose, text)
        parts = [sealed[at : at + PART_CHARACTERS] for at in range(0, len(sealed), PART_CHARACTERS)]
        if len(parts) > PARTS_MAX:
            raise ValueError("the text is too long for cookies")
        for at, part in enumerate([*parts, *[""] * (PARTS_MAX - len(parts))]):
            yield self._set(at, part, seconds if part else 0)

    def clear(self) -> Iterator[Header]:
        """What makes the browser forget it."""
        for at in range(PARTS_MAX):
            yield self._set(at, "", 0)

    def _part(self, at: int) -> str:
        return f"{self._name}-{at + 1}"

    def _set(self, at: int, part: str, seconds: int) -> Header:
        return "Set-Cookie", f"{self._part(at)}={part}; Max-Age={seconds}{self._attributes}"


def _cookies(header: str) -> dict[str, str]:
    """Values by their names, as they came. Ours have no quotes; undoing somebody's takes the square of their length in Python's own parser,
    and whoever sends them is not known yet."""
    pairs = (part.partition("=") for part in header.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}
