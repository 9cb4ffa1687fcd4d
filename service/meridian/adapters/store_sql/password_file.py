"""The password of PostgreSQL in a file: read anew for each connection, so that a changed one counts without a restart.

The driver's own `passfile` must have mode 0600, which no file has that Kubernetes mounts for a pod with `fsGroup`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from meridian.engine.secret_files import FileFault, read_secret

PASSWORD_FILE: Final = "password_file"  # noqa: S105 - the name of a parameter
BYTES_MAX: Final = 4096

ReadPassword = Callable[[], str]


def without_password_file(url: URL) -> tuple[URL, dict[str, ReadPassword]]:
    """(the URL as the driver knows it, what connects with it besides)."""
    path = url.query.get(PASSWORD_FILE)
    if not isinstance(path, str):
        return url, {}
    return url.difference_update_query([PASSWORD_FILE]), {"password": lambda: _password_in(Path(path))}


def require_one_password(url: URL) -> None:
    """Raises: ValueError for a file beside a password, for two files, and for a path that depends on where the process was started."""
    path = url.query.get(PASSWORD_FILE)
    if path is None:
        return
    if not isinstance(path, str) or not Path(path).is_absolute():
        raise ValueError(f"{PASSWORD_FILE} must be one path from the root")
    if url.password is not None:
        raise ValueError(f"has a password and a {PASSWORD_FILE}: give one of them")


def _password_in(path: Path) -> str:
    """The file's text without the end of its last line. Raises: OSError, as for a server that cannot be reached."""
    try:
        data = read_secret(path)
    except FileFault as fault:
        raise OSError(f"{PASSWORD_FILE}: {fault}") from fault
    try:
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    if not text or len(data) > BYTES_MAX or any(character in text for character in "\n\r\0"):
        raise OSError(errno.EINVAL, f"{PASSWORD_FILE}: must hold one line of UTF-8, at most {BYTES_MAX:,} bytes", str(path))
    return text
