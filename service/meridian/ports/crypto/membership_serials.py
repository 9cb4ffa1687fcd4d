"""Serials of memberships: only their maker can have made them, and only for what they are for."""

from __future__ import annotations

from typing import Protocol


class MembershipSerials(Protocol):
    """Makes serials and knows them again."""

    def membership_serial(self, account: str, key_id: str, region: str) -> str:
        """A fresh serial for a membership of this Region in this set: 64 lower-case hexadecimal digits."""
        ...

    def is_own_membership_serial(self, account: str, key_id: str, region: str, serial: str) -> bool:
        """Whether this Region made the serial, for exactly this account, key and Region."""
        ...
