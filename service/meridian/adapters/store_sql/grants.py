"""Grants."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.domain.grant import Grant

G = t.grants.c
_OF_PRINCIPALS: Final = (
    select(*G)
    .where(G.account == bindparam("account"), G.key_id == bindparam("key_id"))
    .where(G.grantee_principal.in_(bindparam("principals", expanding=True)))
    .order_by(G.grant_id)
)
"""Built once: the first call of a caller on a key asks it."""


class SqlGrants:
    """Implements `ports.store.grants.Grants`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, grant_id: str) -> Grant | None:
        row = (await self._connection.execute(select(*G).where(G.grant_id == grant_id))).first()
        return None if row is None else read_grant(row)

    async def of_principals(self, account: str, key_id: str, principals: Collection[str]) -> Sequence[Grant]:
        asked = {"account": account, "key_id": key_id, "principals": tuple(principals)}
        rows = await self._connection.execute(_OF_PRINCIPALS, asked)
        return [read_grant(row) for row in rows]

    async def list(self, account: str, key_id: str, *, grantee: str, grant_id: str, after: str, limit: int) -> Sequence[Grant]:
        query = select(*G).where(G.account == account, G.key_id == key_id, G.grant_id > after)
        if grantee:
            query = query.where(G.grantee_principal == grantee)
        if grant_id:
            query = query.where(G.grant_id == grant_id)
        return [read_grant(row) for row in await self._connection.execute(query.order_by(G.grant_id).limit(limit))]

    async def list_retirable(self, retiring_principal: str, *, after: str, limit: int) -> Sequence[Grant]:
        query = select(*G).where(G.retiring_principal == retiring_principal, G.grant_id > after)
        return [read_grant(row) for row in await self._connection.execute(query.order_by(G.grant_id).limit(limit))]

    async def count(self, account: str, key_id: str) -> int:
        counted = select(func.count()).select_from(t.grants).where(G.account == account, G.key_id == key_id)
        return int((await self._connection.execute(counted)).scalar_one())

    async def insert(self, grant: Grant) -> None:
        values = {
            "grant_id": grant.grant_id,
            "account": grant.account,
            "key_id": grant.key_id,
            "grantee_principal": grant.grantee_principal,
            "retiring_principal": grant.retiring_principal,
            "issuing_account": grant.issuing_account,
            "name": grant.name,
            "operations": json.dumps(sorted(grant.operations)),
            "constraint_type": grant.constraint_type,
            "constraint_pairs": json.dumps(dict(grant.constraint), sort_keys=True),
            "source_arn": grant.source_arn,
            "created_at": grant.created_at,
        }
        await self._connection.execute(insert(t.grants).values(values))
        await self._note_change(grant)

    async def delete(self, grant: Grant) -> bool:
        done = await self._connection.execute(delete(t.grants).where(G.grant_id == grant.grant_id))
        await self._note_change(grant)
        return bool(done.rowcount)

    async def _note_change(self, grant: Grant) -> None:
        await self._connection.execute(insert(t.changes).values(account=grant.account, key_id=grant.key_id))


def read_grant(row: Row[Any]) -> Grant:
    """A grant as the database has it. Raises: one of ROW_FAULTS."""
    return Grant(
        grant_id=row.grant_id,
        account=row.account,
        key_id=row.key_id,
        grantee_principal=row.grantee_principal,
        issuing_account=row.issuing_account,
        operations=frozenset(json.loads(row.operations)),
        created_at=row.created_at,
        name=row.name,
        retiring_principal=row.retiring_principal,
        constraint_type=row.constraint_type,
        constraint=json.loads(row.constraint_pairs),
        source_arn=row.source_arn,
    )
