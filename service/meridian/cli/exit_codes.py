"""THE table of exit codes.

0 ok · 1 other failure · 2 usage · 3 setup · 4 denied · 5 not found · 6 key state · 7 throttled · 8 unavailable · 9 incomplete ·
10 output not written
"""

from __future__ import annotations

from typing import Final

OK, OTHER, USAGE, SETUP, DENIED, NOT_FOUND, KEY_STATE, THROTTLED, UNAVAILABLE, INCOMPLETE, OUTPUT = range(11)

OF_ERROR: Final = {
    "AccessDeniedException": DENIED,
    "UnrecognizedClientException": DENIED,
    "ExpiredTokenException": DENIED,
    "MissingAuthenticationTokenException": DENIED,
    "NotFoundException": NOT_FOUND,
    "CustomKeyStoreNotFoundException": NOT_FOUND,
    "DisabledException": KEY_STATE,
    "KMSInvalidStateException": KEY_STATE,
    "ThrottlingException": THROTTLED,
    "LimitExceededException": THROTTLED,
    "DependencyTimeoutException": UNAVAILABLE,
    "KeyUnavailableException": UNAVAILABLE,
    "EndpointConnectionError": UNAVAILABLE,
    "DEADLINE_EXCEEDED": UNAVAILABLE,
    "CANCELLED": UNAVAILABLE,
}


def exit_code(error_code: str) -> int:
    """The exit code of an AWS exception name."""
    return OF_ERROR.get(error_code, OTHER)
