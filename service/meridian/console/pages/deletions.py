"""Keys that are going to be deleted, with the days that are left. They are found by looking through all keys, some at a time, each
described by a call of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from meridian.console.pages.keys import described
from meridian.console.visit import Visit
from meridian.contract.operation import Operation
from meridian.kms.v1.keys_pb2 import ListKeysRequest

LOOKED_THROUGH: Final = 50
"""Keys of one look."""
LOOKS_MAX: Final = 20
"""That follow each other by themselves; then the viewer says whether to go on."""
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Doomed:
    """A key that is going to be deleted."""

    metadata: Any
    days_left: int | None
    """Whole days, rounded up; None where the waiting time has not begun, since replicas are still there."""


async def show_deletions(visit: Visit) -> Response:
    """The page, or its next part. Raises: KmsError where its viewer may not list keys."""
    marker, looks = visit.query("marker"), _looks(visit.query("looks"))
    request = ListKeysRequest(limit=LOOKED_THROUGH)
    if marker:
        request.marker = marker
    listed = await visit.ask.ask(Operation.LIST_KEYS, request)
    rows = await described(visit.ask, [each.key_id for each in listed.keys])
    doomed = sorted((_doomed(row.metadata, visit.arrival.at) for row in rows if _is_doomed(row.metadata)), key=_order)
    following = f"/deletions?{urlencode({'marker': listed.next_marker, 'looks': looks + 1})}" if listed.truncated else ""
    return visit.page(
        "deletions.html",
        "Scheduled deletions",
        doomed=doomed,
        following=following,
        goes_on=looks < LOOKS_MAX,
        hidden=sum(row.metadata is None for row in rows),
        looked=looks * LOOKED_THROUGH + len(rows),
    )


def _looks(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0


def _is_doomed(metadata: Any) -> bool:
    return metadata is not None and (metadata.HasField("deletion_date") or metadata.HasField("pending_deletion_window_in_days"))


def _doomed(metadata: Any, now: datetime) -> Doomed:
    if not metadata.HasField("deletion_date"):
        return Doomed(metadata, None)
    left = datetime.fromtimestamp(metadata.deletion_date.seconds, now.tzinfo) - now
    return Doomed(metadata, max(0, ceil(left / DAY)))


def _order(doomed: Doomed) -> tuple[bool, int]:
    return doomed.days_left is None, doomed.days_left or 0
