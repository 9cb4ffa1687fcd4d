"""Answers to changes, for calls that repeat them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.ports.store.answers import AnswerRow

A = t.answers.c
SHARE: Final = 4
"""A principal with more than this part of what his account keeps takes the place of his own answers."""


class SqlAnswers:
    """Implements `ports.store.answers.Answers`. The rows of an account are numbered in their order; its oldest are the lowest numbers."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, account: str, principal: str, token: str, *, now: datetime) -> AnswerRow | None:
        named = select(*A).where(*_name(account, principal, token), A.expires_at > now)
        row = (await self._connection.execute(named)).first()
        if row is None:
            return None
        answer = None if row.answer is None else bytes(row.answer)
        return AnswerRow(account, principal, token, row.operation, bytes(row.request_digest), answer, row.request_id, row.expires_at)

    async def put(self, row: AnswerRow, *, keep: int) -> None:
        await self._connection.execute(delete(t.answers).where(*_name(row.account, row.principal, row.token)))
        newest = await self._connection.execute(select(func.max(A.number)).where(A.account == row.account))
        number = (newest.scalar_one() or 0) + 1
        values: dict[str, Any] = {
            "account": row.account,
            "principal": row.principal,
            "token": row.token,
            "number": number,
            "operation": row.operation,
            "request_digest": row.request_digest,
            "answer": row.answer,
            "request_id": row.request_id,
            "expires_at": row.expires_at,
        }
        await self._connection.execute(insert(t.answers).values(values))
        await self._give_way(row.account, row.principal, number - keep, share=max(1, keep // SHARE))
        await self._connection.execute(delete(t.answers).where(A.account == row.account, A.number <= number - keep))

    async def _give_way(self, account: str, principal: str, too_old: int, *, share: int) -> None:
        """Where another's answer would go for one of a principal with more than his share, his own oldest goes, and leaves its place."""
        others = select(A.number).where(A.account == account, A.number <= too_old, A.principal != principal)
        number = (await self._connection.execute(others.order_by(A.number.desc()).limit(1))).scalar_one_or_none()
        if number is None:
            return
        own = select(A.number).where(A.account == account, A.principal == principal, A.number > too_old)
        beyond_share = await self._connection.execute(own.order_by(A.number.desc()).offset(share).limit(1))
        if beyond_share.first() is None:
            return
        oldest = (await self._connection.execute(own.order_by(A.number).limit(1))).scalar_one()
        await self._connection.execute(delete(t.answers).where(A.account == account, A.number == oldest))
        await self._connection.execute(update(t.answers).where(A.account == account, A.number == number).values(number=oldest))

    async def withdraw(self, account: str, principal: str, token: str, *, request_id: str) -> None:
        claim = (*_name(account, principal, token), A.request_id == request_id, A.answer.is_(None))
        await self._connection.execute(delete(t.answers).where(*claim))

    async def prune(self, *, now: datetime, limit: int) -> int:
        key = t.answers.primary_key.columns
        oldest = select(*key).where(A.expires_at <= now).order_by(A.expires_at).limit(limit)
        names = [tuple(row) for row in await self._connection.execute(oldest)]
        if names:
            await self._connection.execute(delete(t.answers).where(tuple_(*key).in_(names)))
        return len(names)


def _name(account: str, principal: str, token: str) -> tuple[ColumnElement[bool], ...]:
    return A.account == account, A.principal == principal, A.token == token
