"""Serials of memberships: made so that only their maker could have made them, and for one account, key and Region alone.

`16 random bytes ‖ 16 bytes of HMAC-SHA-256`, as 64 lower-case hexadecimal digits, under a secret of the Region that never turns: a place
may wait longer for its answer than a key-encryption key lives.

Source: docs/spec/ciphertext.md, tokens; docs/spec/multi-region.md, whose word counts.
"""

from __future__ import annotations

import re
from typing import Final

from meridian.crypto.macs import is_mac_prefix, mac
from meridian.domain.encoding import length_prefixed_tuple
from meridian.domain.secret import Secret
from meridian.engine.box import ACCESS
from meridian.ports.entropy import Entropy

LABEL: Final = b"meridian/v1/membership-serial\x00"
ALGORITHM: Final = "HMAC_SHA_256"
RANDOM_BYTES: Final = 16
FORM: Final = re.compile(r"[0-9a-f]{64}\Z")


class SerialCommands:
    """Makes serials and knows them again."""

    def __init__(self, key: Secret, entropy: Entropy) -> None:
        self._key = key
        self._entropy = entropy

    def membership_serial(self, account: str, key_id: str, region: str) -> str:
        number = self._entropy.random_bytes(RANDOM_BYTES)
        return (number + self._code(account, key_id, region, number)[:RANDOM_BYTES]).hex()

    def is_own_membership_serial(self, account: str, key_id: str, region: str, serial: str) -> bool:
        if not FORM.match(serial):
            return False
        number, code = bytes.fromhex(serial[:32]), bytes.fromhex(serial[32:])
        message = self._message(account, key_id, region, number)
        return is_mac_prefix(self._key.reveal(ACCESS), ALGORITHM, message, code)

    def _code(self, account: str, key_id: str, region: str, number: bytes) -> bytes:
        return mac(self._key.reveal(ACCESS), ALGORITHM, self._message(account, key_id, region, number))

    def _message(self, account: str, key_id: str, region: str, number: bytes) -> bytes:
        return LABEL + length_prefixed_tuple(account, key_id, region, number)
