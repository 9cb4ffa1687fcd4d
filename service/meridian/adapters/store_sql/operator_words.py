"""What the operator has said about other Regions, in this one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.domain.multi_region import OperatorWord


class SqlOperatorWords:
    """Implements `ports.store.operator_words.OperatorWords`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def regions(self, word: OperatorWord) -> frozenset[str]:
        rows = await self._connection.execute(select(t.operator_words.c.region).where(t.operator_words.c.word == str(word)))
        return frozenset(row.region for row in rows)

    async def said(self) -> Mapping[OperatorWord, frozenset[str]]:
        rows = list(await self._connection.execute(select(t.operator_words.c.word, t.operator_words.c.region)))
        return {word: frozenset(row.region for row in rows if row.word == str(word)) for word in OperatorWord}

    async def successor(self) -> str:
        words = t.operator_words.c
        rows = await self._connection.execute(
            select(words.successor).where(words.word == str(OperatorWord.LOST)).order_by(words.region).limit(1)
        )
        return str(rows.scalar_one_or_none() or "")

    async def say(self, word: OperatorWord, region: str, *, now: datetime) -> None:
        await self.unsay(word, region)
        values = {"word": str(word), "region": region, "said_at": now, "successor": ""}
        await self._connection.execute(insert(t.operator_words).values(values))

    async def say_lost(self, region: str, successor: str, *, now: datetime) -> None:
        await self.say(OperatorWord.LOST, region, now=now)
        words = t.operator_words.c
        await self._connection.execute(update(t.operator_words).where(words.word == str(OperatorWord.LOST)).values(successor=successor))

    async def unsay(self, word: OperatorWord, region: str) -> None:
        words = t.operator_words.c
        await self._connection.execute(delete(t.operator_words).where(words.word == str(word), words.region == region))
