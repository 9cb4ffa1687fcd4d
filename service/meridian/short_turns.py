"""How often the interpreter changes hands between threads."""

from __future__ import annotations

import sys
from typing import Final

SWITCH_SECONDS: Final = 0.0005


class ShortTurns:
    """While any work is under way, the interpreter changes hands twice in a millisecond. Python code in a thread would otherwise keep the
    event loop for five milliseconds, each time that it asks for its turn. Used on the event loop alone."""

    def __init__(self) -> None:
        self._under_way = 0
        self._usual = sys.getswitchinterval()

    def begin(self) -> None:
        if not self._under_way:
            self._usual = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_SECONDS)
        self._under_way += 1

    def end(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            sys.setswitchinterval(self._usual)
