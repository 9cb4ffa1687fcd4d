"""What the operator has said about other Regions, in this one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from meridian.domain.multi_region import OperatorWord


class OperatorWords(Protocol):
    """What the operator has said about other Regions, in this one."""

    async def regions(self, word: OperatorWord) -> frozenset[str]:
        """The Regions of which he has said this."""
        ...

    async def said(self) -> Mapping[OperatorWord, frozenset[str]]:
        """All that he has said, and of which Regions."""
        ...

    async def successor(self) -> str:
        """The Region that he named to succeed every one that is lost; empty while none is."""
        ...

    async def say(self, word: OperatorWord, region: str, *, now: datetime) -> None:
        """Keep his word; saying it twice is saying it once."""
        ...

    async def say_lost(self, region: str, successor: str, *, now: datetime) -> None:
        """Keep his word that this Region is lost, and that every lost one is succeeded by `successor`."""
        ...

    async def unsay(self, word: OperatorWord, region: str) -> None:
        """Forget his word, if there is one."""
        ...
