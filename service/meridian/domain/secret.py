"""A value that must never be shown.

Reading one needs a `SecretAccess`, so every place that can see a secret is one search away.
"""

from __future__ import annotations

from typing import NoReturn


class SecretAccess:
    """Permission to read a `Secret`. Only the crypto engine and the crypto room make one."""

    __slots__ = ()


class Secret:
    """Secret bytes without `repr`, equality, hash, order or pickling."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self, access: SecretAccess) -> bytes:
        """The bytes. Raises: TypeError without a `SecretAccess`."""
        if not isinstance(access, SecretAccess):
            raise TypeError("reading a Secret needs a SecretAccess")
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are not compared with ==; use a constant-time comparison")

    __hash__ = None  # type: ignore[assignment]  # a hash of a secret would be a copy of it

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets are not pickled")
