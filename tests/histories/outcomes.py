"""What an answer says of a key, and what it says of the machine or the moment alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from meridian.client import Client
from meridian.client.errors import KmsServiceError

UNKNOWN: Final = {"EndpointConnectionError", "DEADLINE_EXCEEDED", "CANCELLED", "DependencyTimeoutException", "KMSInternalException"}
"""Answers after which nobody knows whether the call has happened."""
SETTLE_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 0.2


def why_lost(client: Client, key_id: str) -> str:
    """Why a key is not there; empty where it is."""
    return _wrong_in(lambda: client.describe_key(key_id=key_id).key_metadata.key_id == key_id)


def why_shut(client: Client, blob: bytes, plaintext: bytes) -> str:
    """Why a ciphertext does not open; empty where it does."""
    return _wrong_in(lambda: client.decrypt(ciphertext_blob=blob).plaintext == plaintext)


def _wrong_in(is_right: Callable[[], bool]) -> str:
    """What says nothing of the key, as on a machine that has too much to do, is asked again for a while."""
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            return "" if is_right() else "another answer"
        except KmsServiceError as fault:
            if fault.code not in UNKNOWN or time.monotonic() > until:
                return str(fault)
        time.sleep(PAUSE_SECONDS)
