"""Texts that browsers keep for the console: sealed, bound to what they are for, and kept nowhere.

Source: docs/spec/ciphertext.md §4 (layout of tokens).
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from typing import Final

from meridian.crypto.aead import OpenError
from meridian.domain.encoding import length_prefixed_tuple
from meridian.engine.box import CONSOLE
from meridian.engine.keyring import Keyring

CHARACTERS_MAX: Final = 16_384
"""Of a sealed text; the head of a request has no room for more."""


class SealedForBrowsers:
    """Implements `ports.kept_by_browsers.KeptByBrowsers`."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def seal(self, purpose: str, text: str) -> str:
        return urlsafe_b64encode(self._keyring.seal(CONSOLE, length_prefixed_tuple(purpose), text.encode())).decode()

    def open(self, purpose: str, sealed: str) -> str:
        if len(sealed) > CHARACTERS_MAX:
            raise ValueError("what the browser kept is too long")
        try:
            box = b64decode(sealed.encode("ascii"), altchars=b"-_", validate=True)
            return self._keyring.open(CONSOLE, length_prefixed_tuple(purpose), box).decode()
        except (ValueError, OpenError) as fault:
            raise ValueError("what the browser kept does not open") from fault
