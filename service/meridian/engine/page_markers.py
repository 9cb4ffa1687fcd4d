"""Paging markers: opaque, and good for one caller and one listing.

Source: docs/spec/ciphertext.md §4 (layout of tokens).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from meridian.crypto.aead import OpenError
from meridian.domain.encoding import length_prefixed_tuple
from meridian.engine.box import PAGE_MARKER
from meridian.engine.keyring import Keyring
from meridian.errors import InvalidMarkerException


class MarkerCommands:
    """Seals positions of listings."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def page_marker(self, scope: str, position: str) -> str:
        sealed = self._keyring.seal(PAGE_MARKER, length_prefixed_tuple(scope), position.encode())
        return urlsafe_b64encode(sealed).decode()

    def open_page_marker(self, scope: str, marker: str) -> str:
        try:
            sealed = urlsafe_b64decode(marker.encode("ascii"))
            return self._keyring.open(PAGE_MARKER, length_prefixed_tuple(scope), sealed).decode()
        except (ValueError, OpenError) as fault:
            raise InvalidMarkerException from fault
