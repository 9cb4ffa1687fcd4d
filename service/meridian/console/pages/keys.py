"""The list of keys: a page of them, or those that a search finds, each described as far as its viewer may have it described."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from meridian.console.asking import Asker
from meridian.console.visit import Visit
from meridian.contract.operation import Operation
from meridian.errors import KmsError
from meridian.kms.v1.aliases_pb2 import ListAliasesRequest
from meridian.kms.v1.keys_pb2 import DescribeKeyRequest, ListKeysRequest

ROWS: Final = 25
"""Of one page: each is a call of its own."""
SEARCHED: Final = 1000
"""Keys, and aliases, whose names a search looks through."""
ALIAS_PAGES: Final = 10
WORD_CHARACTERS_MAX: Final = 256
ALIAS: Final = "alias/"
WHOLE: Final = re.compile(r"(alias/.+|arn:.+|(mrk-)?[0-9a-f-]{32,36})")
"""What names one key by itself."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list."""

    key_id: str
    metadata: Any
    """`KeyMetadata`; None where the viewer may not have the key described."""
    refusal: KmsError | None
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the list shows."""

    rows: tuple[Row, ...]
    following: str = ""
    """Where the next page begins; empty on the last."""
    note: str = ""


async def show_keys(visit: Visit) -> Response:
    """The page. Raises: KmsError where its viewer may not list keys."""
    word = visit.query("q").strip()[:WORD_CHARACTERS_MAX]
    found = await _search(visit.ask, word) if word else await _page(visit.ask, visit.query("marker"))
    following = f"/keys?{urlencode({'marker': found.following})}" if found.following else ""
    return visit.page("keys.html", "Keys", word=word, rows=found.rows, following=following, note=found.note)


async def described(ask: Asker, key_ids: list[str], aliases: dict[str, str] | None = None) -> tuple[Row, ...]:
    """A row for each key."""
    told = await ask.all_told(*((Operation.DESCRIBE_KEY, DescribeKeyRequest(key_id=each)) for each in key_ids))
    known = aliases or {}
    return tuple(
        Row(key_id, each.answer.key_metadata if each.answer is not None else None, each.refusal, known.get(key_id, ""))
        for key_id, each in zip(key_ids, told, strict=True)
    )


async def _page(ask: Asker, marker: str) -> Found:
    request = ListKeysRequest(limit=ROWS)
    if marker:
        request.marker = marker
    listed = await ask.ask(Operation.LIST_KEYS, request)
    rows = await described(ask, [each.key_id for each in listed.keys])
    return Found(rows, listed.next_marker if listed.truncated else "")


async def _search(ask: Asker, word: str) -> Found:
    if WHOLE.fullmatch(word):
        told = await ask.told(Operation.DESCRIBE_KEY, DescribeKeyRequest(key_id=word))
        if told.answer is not None:
            metadata = told.answer.key_metadata
            return Found((Row(metadata.key_id, metadata, None, word if word.startswith(ALIAS) else ""),))
        if not word.startswith(ALIAS):  # what begins like an alias may be the beginning of one
            return Found((), note=told.refusal.message if told.refusal is not None else "")
    listed = await ask.ask(Operation.LIST_KEYS, ListKeysRequest(limit=SEARCHED))
    aliases, all_aliases = await _aliases(ask, word)
    ids = [each.key_id for each in listed.keys if word.lower() in each.key_id]
    found = list(dict.fromkeys([*aliases, *ids]))
    note = f"The first {ROWS} of {len(found)} are shown." if len(found) > ROWS else ""
    if listed.truncated or not all_aliases:
        note = f"{note} Only the first {SEARCHED} keys and aliases were looked through; a whole key id, ARN or alias finds any.".strip()
    return Found(await described(ask, found[:ROWS], aliases), note=note)


async def _aliases(ask: Asker, word: str) -> tuple[dict[str, str], bool]:
    """Names with the word in them, by their keys, and whether all were looked through; none where the viewer may not list aliases."""
    found: dict[str, str] = {}
    request = ListAliasesRequest(limit=SEARCHED // ALIAS_PAGES)
    for _ in range(ALIAS_PAGES):
        told = await ask.told(Operation.LIST_ALIASES, request)
        if told.answer is None:
            return found, True
        found |= {each.target_key_id: each.alias_name for each in told.answer.aliases if each.target_key_id and word in each.alias_name}
        if not told.answer.truncated:
            return found, True
        request.marker = told.answer.next_marker
    return found, False
