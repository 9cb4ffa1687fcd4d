"""What callers of other accounts have looked for, found or not: kept for some seconds, a bounded number of them.

What is there and what is not are kept alike, so that neither is answered sooner. A change of any key of the account that was looked into
forgets every look into it, so a key that was just made is found at once.
"""

from __future__ import annotations

from typing import Final

from meridian.ports.clock import Clock

LOOK_SECONDS: Final = 10.0
LOOKS_MAX: Final = 20_000
NUMBERS: Final = ""
"""Looks for numbers are forgotten together, at any change: by account, those that found nothing would be forgotten when others are not."""

KeyName = tuple[str, str]
"""Account and key id."""

Look = tuple[str, str, str] | tuple[str, bytes, bool]
"""Who looks; for a name also the account, for the number of a ciphertext whether it is of a multi-Region key."""


class LooksAbroad:
    """Looks by the account they went into, each with when it ends and what it found."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._into: dict[str, dict[Look, tuple[float, KeyName | None]]] = {}
        self._count = 0

    def is_known(self, look: Look) -> bool:
        """Whether this was looked for within the last seconds, and nothing has changed since."""
        kept = self._kept(look)
        return kept is not None and self._clock.monotonic() < kept[0]

    def found(self, look: Look) -> KeyName | None:
        """The key that the look found."""
        kept = self._kept(look)
        return kept[1] if kept is not None else None

    def remember(self, look: Look, found: KeyName | None) -> None:
        """Keep what a look found. One look too many forgets them all, whatever they found."""
        if self._count >= LOOKS_MAX:
            self.forget_everything()
        looks = self._into.setdefault(_account(look), {})
        self._count += look not in looks
        looks[look] = (self._clock.monotonic() + LOOK_SECONDS, found)

    def forget_everything(self) -> None:
        """Anything may have changed."""
        self._into, self._count = {}, 0

    def forget(self, account: str) -> None:
        """A key of this account has changed, was made, or is gone."""
        for name in (account, NUMBERS):
            self._count -= len(self._into.pop(name, ()))

    def _kept(self, look: Look) -> tuple[float, KeyName | None] | None:
        looks = self._into.get(_account(look))
        return looks.get(look) if looks is not None else None


def _account(look: Look) -> str:
    return look[1] if isinstance(look[1], str) else NUMBERS
