"""A bearer token in a file that somebody else renews, as kubelet does with those of service accounts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from meridian.regular_file import read_regular

TOKEN_BYTES_MAX: Final = 64 * 1024
"""More than any server takes in a header."""


class TokenFile:
    """The token as the file has it now: the file is read again when it has changed, so that a program of many days has a fresh one."""

    __slots__ = ("_path", "_seen", "_token")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._token = ""

    def token(self) -> str:
        """Raises: OSError for a file that cannot be read; ValueError, naming it, for one that holds no token."""
        found = self._path.stat()
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._token = token_in(read_regular(self._path, TOKEN_BYTES_MAX), self._path)
            self._seen = seen
        return self._token


def token_in(data: bytes, path: Path) -> str:
    """One line of visible ASCII. Raises: ValueError that names the file, and nothing of what it holds."""
    token = data.strip()
    if not token or not all(0x21 <= byte <= 0x7E for byte in token):
        raise ValueError(f"{path}: is no token, which is one line of ASCII")
    return token.decode("ascii")
