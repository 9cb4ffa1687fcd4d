"""Answers to changes, for calls that repeat them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.ports.store_rows import AnswerRow

A = t.answers.c


class SqlAnswers:
    """Implements `ports.store_names.Answers`. The rows of an account are numbered in their order; its oldest are the lowest numbers."""

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
        await self._connection.execute(delete(t.answers).where(A.account == row.account, A.number <= number - keep))

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
