"""A database with many keys, as a Region has it that has been at work for long: nothing is due, and everything that grows has grown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import create_async_engine

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.dialects import async_url
from meridian.adapters.store_sql.keys import key_values, material_values
from meridian.adapters.store_sql.outbox import SEQUENCE
from meridian.adapters.store_sql.wrapped_rows import kek_name
from meridian.domain.key import Key, KeyMaterial, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin, RotationSchedule

ACCOUNT, NOW = "111122223333", datetime(2026, 1, 1, tzinfo=UTC)
EARLIER, LATER = NOW - timedelta(days=1), NOW + timedelta(days=1)
REGION, OTHER, SILENT = "us-east-1", "eu-west-1", "sa-east-1"
KEK: Final = 2
"""The key-encryption key that every row names; the others are kept, and no row names them."""
KEKS: Final = (1, KEK, 3)
SEALED: Final = b"MW\x01\x01" + kek_name(KEK)


def id_of(number: int) -> str:
    return f"{number:08x}-0000-0000-0000-000000000000"


def key_of(number: int) -> Key:
    """One of four: enabled, disabled with a rotation that is past, to be deleted, a replica whose primary rotates."""
    key = Key(
        partition="aws",
        region=REGION,
        account=ACCOUNT,
        key_id=id_of(number),
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=Origin.AWS_KMS,
        state=KeyState.ENABLED,
        created_at=NOW,
        rotation=RotationSchedule(365, LATER),
    )
    kinds = (
        key,
        replace(key, state=KeyState.DISABLED, rotation=RotationSchedule(365, EARLIER)),
        replace(key, state=KeyState.PENDING_DELETION, deletion_at=LATER, updating_until=LATER),
        replace(key, multi_region=MultiRegionRole(OTHER, (REGION,)), rotation=RotationSchedule(365, EARLIER), on_demand_started_at=EARLIER),
    )
    material = KeyMaterial(f"{number:064x}", 0, 1, SEALED, expires_at=LATER)
    return kinds[number % len(kinds)].with_material(material, current=True)


def rows_of(number: int) -> dict[Any, dict[str, Any]]:
    """A row in every table that has rows of a key, or of what is done with keys."""
    key = key_of(number)
    name = {"account": key.account, "key_id": key.key_id}
    made = {"created_at": NOW, "updated_at": NOW}
    grant = {column.name: "" for column in t.grants.c} | {"grant_id": f"{number:064x}", "created_at": NOW, "grantee_principal": "grantee"}
    grant |= {"operations": "[]", "constraint_pairs": "[]"}
    empty = {column.name: "[]" for column in t.key_sets.c if column.name in {"held", "links", "lost", "told_lost", "refused_serials"}}
    empty |= dict.fromkeys(("serial", "view", "successor", "rejoin", "prepared_by", "request_id"), "")
    sent = {"request_id": "", "attempts": 0, "lease_owner": "", "last_error": "", "created_at": NOW}
    answer = {"principal": f"p{number % 7}", "token": id_of(number), "number": number, "operation": "CreateKey", "request_digest": b""}
    return {
        t.keys: key_values(key),
        t.materials: name | {"material_id": key.current_material_id} | material_values(key.materials[0]),
        t.key_tags: name | {"tag_key": "team", "tag_value": "blue"},
        t.aliases: name | made | {"alias_name": f"alias/{number}"},
        t.grants: grant | name | {"retiring_principal": f"retiring-{number}"},
        t.changes: name,
        t.key_sets: name | empty | {"status": "live", "signed_view": b"", "signed_key": b"", "stale": False, "version": 1},
        t.outbox: name | sent | {"kind": "set", "target_region": SILENT, "sequence": number, "due_at": LATER if number % 2 else EARLIER},
        t.inbox: {"source_region": OTHER, "incarnation": 1, "sequence": number, "digest": b"", "created_at": NOW},
        t.key_usage: name | {"operation": "Encrypt", "used_at": NOW, "event_id": id_of(number), "request_id": ""},
        t.import_keys: name
        | {"token_id": f"{number:032x}", "wrapping_key_spec": "RSA_2048", "sealed_bytes": SEALED, "expires_at": LATER, "failed_tries": 0},
        t.answers: answer | {"account": ACCOUNT, "answer": b"", "request_id": "", "expires_at": LATER},
        t.secrets: {"kind": "key-store-credential", "owner": ACCOUNT, "secret_id": id_of(number), "key_spec": "", "row_version": 1}
        | {"created_at": NOW, "sealed_bytes": SEALED, "public_bytes": b""},
        t.key_stores: {"account": ACCOUNT, "store_id": id_of(number), "name": f"store-{number}", "state": "DISCONNECTED", "proxy": "{}"}
        | {"created_at": NOW},
    }


async def fill(url: str, count: int) -> None:
    """So many keys, and what a database knows of how its rows are spread."""
    engine = create_async_engine(async_url(url))
    made = [rows_of(number) for number in range(count)]
    keks = [{"kek_number": n, "root_number": 1, "is_active": n == KEK, "created_at": NOW, "sealed_bytes": b"sealed"} for n in KEKS]
    async with engine.begin() as connection:
        await connection.execute(insert(t.keks), keks)
        await connection.execute(insert(t.counters), [{"name": SEQUENCE, "value": count}])
        for table in made[0]:
            await connection.execute(insert(table), [rows[table] for rows in made])
    if engine.dialect.name == "postgresql":  # a server of ours does so by itself; no Region does on SQLite
        async with engine.begin() as connection:
            await connection.execute(text("ANALYZE"))
    await engine.dispose()
