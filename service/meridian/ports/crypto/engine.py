"""The only thing that sees plaintext key material.

Callers hand over immutable keys with their sealed materials; the engine unwraps, uses, and forgets. Formats, byte for byte:
docs/spec/ciphertext.md. All methods are plain functions; none touches a database. They take microseconds, but for those that say so; what
may take milliseconds with a private key is given back as `Work`, which any thread may do.
"""

from __future__ import annotations

from typing import Protocol

from meridian.ports.crypto.ciphers import Ciphers
from meridian.ports.crypto.imports import Imports
from meridian.ports.crypto.key_pairs import KeyPairs
from meridian.ports.crypto.region_envelopes import RegionEnvelopes
from meridian.ports.page_markers import PageMarkers


class CryptoEngine(Ciphers, KeyPairs, Imports, RegionEnvelopes, PageMarkers, Protocol):
    """Cryptography on keys of this Region."""
