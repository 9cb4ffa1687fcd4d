"""What was done, told once more on the page that follows: a sealed text in its address that names who did what to which key.

Only a change that was made gives one, so a link that anybody else writes says nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from meridian.domain.principal import Principal
from meridian.ports.kept_by_browsers import KeptByBrowsers

PURPOSE: Final = "receipt"
SECONDS: Final = 60
"""Who opens the page later reads what is so then, and not what was done."""


class Receipts:
    """Makes and reads them."""

    def __init__(self, kept: KeptByBrowsers) -> None:
        self._kept = kept

    def of(self, write: str, key_id: str, principal: Principal, now: datetime) -> str:
        """For this change of a key, which was made now."""
        return self._kept.seal(PURPOSE, f"{int(now.timestamp()) + SECONDS} {write} {key_id} {principal.arn}")

    def read(self, receipt: str, key_id: str, principal: Principal, now: datetime) -> str:
        """The change of this key that this viewer has just made; empty for anything else."""
        try:
            ends, write, key, arn = self._kept.open(PURPOSE, receipt).split(" ", 3)
        except ValueError:
            return ""
        return write if (key, arn) == (key_id, principal.arn) and int(ends) > now.timestamp() else ""
