"""What the crypto engine raises for rows that are not what they say."""

from __future__ import annotations

from meridian.errors import KMSInternalException


class WrappedRowFault(KMSInternalException):
    """A wrapped row does not open as what it says it is. The engine has reported it as that, so nobody reports it as unforeseen. Callers
    see a KMSInternalException."""

    @property
    def code(self) -> str:
        return KMSInternalException.__name__
