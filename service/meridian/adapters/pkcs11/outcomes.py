"""Tokens: THE table of what may go wrong with one, and the words of each wire for it.

A library says what failed by a number, and the binding by an exception of that name. What has no row is of the token itself.

Source: PKCS#11 v2.40 §11.1; AWS KMS API Reference, ConnectionErrorCode.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Outcome(StrEnum):
    """How a call to a token ended badly."""

    NO_LIBRARY = "no library"
    ABSENT = "no token"
    NOT_PRESENT = "not present"
    PIN_REFUSED = "PIN refused"
    PIN_LOCKED = "PIN locked"
    NO_PIN = "no PIN"
    OTHER_USER = "other user"
    REMOVED = "removed"
    TIMED_OUT = "timed out"
    BUSY = "busy"
    NO_MECHANISM = "no mechanism"
    NO_KEY = "no key"
    UNSOUND_KEY = "unsound key"
    REFUSED = "refused"


class Meaning(NamedTuple):
    """What follows from an outcome."""

    connection: str
    """ConnectionErrorCode of the AWS KMS API."""
    text: str
    """What a caller, and an operator, reads: never what the library said."""
    may_pass: bool
    """Whether opening the token anew may help. A PIN that was refused is not tried again, for a few tries lock it."""


TABLE: Final[Mapping[Outcome, Meaning]] = {
    Outcome.NO_LIBRARY: Meaning("INTERNAL_ERROR", "its library cannot be loaded", True),
    Outcome.ABSENT: Meaning("CLUSTER_NOT_FOUND", "its library shows no token of this label", True),
    Outcome.NOT_PRESENT: Meaning("INSUFFICIENT_CLOUDHSM_HSMS", "is not present in its slot", True),
    Outcome.PIN_REFUSED: Meaning("INVALID_CREDENTIALS", "refuses the PIN, which is not tried again", False),
    Outcome.PIN_LOCKED: Meaning("USER_LOCKED_OUT", "has locked the PIN; its security officer can unlock it", False),
    Outcome.NO_PIN: Meaning("USER_NOT_FOUND", "has no PIN for its user yet; its security officer can set one", False),
    Outcome.OTHER_USER: Meaning("USER_LOGGED_IN", "is held by another user who is logged in", True),
    Outcome.REMOVED: Meaning("NETWORK_ERRORS", "was removed, or cannot be reached", True),
    Outcome.TIMED_OUT: Meaning("NETWORK_ERRORS", "did not answer in time", False),
    Outcome.BUSY: Meaning("NETWORK_ERRORS", "has too many calls waiting", False),
    Outcome.NO_MECHANISM: Meaning("INTERNAL_ERROR", "cannot do AES in Galois/Counter Mode", False),
    Outcome.NO_KEY: Meaning("INTERNAL_ERROR", "does not have the key, or has two of its name", False),
    Outcome.UNSOUND_KEY: Meaning("INTERNAL_ERROR", "would give the key out, or use it for more than it should", False),
    Outcome.REFUSED: Meaning("INTERNAL_ERROR", "refuses what it was asked for", True),
}

OF_LIBRARY: Final[Mapping[str, Outcome]] = {
    "NoSuchToken": Outcome.ABSENT,
    "SlotIDInvalid": Outcome.ABSENT,
    "TokenNotPresent": Outcome.NOT_PRESENT,
    "TokenNotRecognised": Outcome.NOT_PRESENT,
    "PinIncorrect": Outcome.PIN_REFUSED,
    "PinInvalid": Outcome.PIN_REFUSED,
    "PinLenRange": Outcome.PIN_REFUSED,
    "PinExpired": Outcome.PIN_REFUSED,
    "PinLocked": Outcome.PIN_LOCKED,
    "UserPinNotInitialized": Outcome.NO_PIN,
    "UserAlreadyLoggedIn": Outcome.OTHER_USER,
    "AnotherUserAlreadyLoggedIn": Outcome.OTHER_USER,
    "UserTooManyTypes": Outcome.OTHER_USER,
    "SessionReadWriteSOExists": Outcome.OTHER_USER,
    "DeviceError": Outcome.REMOVED,
    "DeviceRemoved": Outcome.REMOVED,
    "DeviceMemory": Outcome.REMOVED,
    "SessionClosed": Outcome.REMOVED,
    "SessionHandleInvalid": Outcome.REMOVED,
    "UserNotLoggedIn": Outcome.REMOVED,
    "MechanismInvalid": Outcome.NO_MECHANISM,
    "FunctionNotSupported": Outcome.NO_MECHANISM,
    "NoSuchKey": Outcome.NO_KEY,
    "KeyHandleInvalid": Outcome.NO_KEY,
    "ObjectHandleInvalid": Outcome.NO_KEY,
}
"""By the name of the binding's exception."""


class TokenFault(Exception):
    """A token did not do what it was asked for. The reason is for the log: the name that the library gave, never data."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(TABLE[outcome].text)
        self.outcome = outcome
        self.reason = f"{outcome}: {reason}" if reason else str(outcome)


def fault_of(fault: Exception) -> TokenFault:
    """What the binding raised, as an outcome."""
    name = type(fault).__name__
    return TokenFault(OF_LIBRARY.get(name, Outcome.REFUSED), name)
