"""What the first call on a key asks the database. Built once: to build a statement costs as much as to ask it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BindParameter, Select, Table, bindparam, select

from meridian.adapters.store_sql import tables as t

_ACCOUNT: Final[BindParameter[str]] = bindparam("account")
_KEY_ID: Final[BindParameter[str]] = bindparam("key_id")


def _of_key(table: Table, *columns: Any) -> Select[Any]:
    return select(*columns).where(table.c.account == _ACCOUNT, table.c.key_id == _KEY_ID)


KEY: Final = _of_key(t.keys, *t.keys.c)
TAGS: Final = _of_key(t.key_tags, t.key_tags.c.tag_key, t.key_tags.c.tag_value).order_by(t.key_tags.c.tag_key)
NAMES: Final = _of_key(t.aliases, t.aliases.c.alias_name)
MATERIALS: Final = _of_key(t.materials, *t.materials.c).order_by(t.materials.c.rotation_number, t.materials.c.material_id)
