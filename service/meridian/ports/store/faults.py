"""What a store raises, whatever database it runs on."""

from __future__ import annotations

from typing import Final

from meridian.errors import KMSInternalException

ROW_FAULTS: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""What reading a row raises that no release wrote."""


class StoreUnavailable(KMSInternalException):
    """The database does not answer, or answered with an error. Callers see a KMSInternalException."""

    @property
    def code(self) -> str:
        return KMSInternalException.__name__


class FeedPruned(Exception):
    """The change feed no longer reaches back to where the reader stands: he forgets everything, and begins at its end."""


class VersionConflict(Exception):
    """Somebody else changed or inserted the row first; the operation reads again or reports."""
