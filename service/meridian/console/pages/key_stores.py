"""Custom key stores, and whether each is connected."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from meridian.console.visit import Visit
from meridian.contract.operation import Operation
from meridian.kms.v1.key_stores_pb2 import DescribeCustomKeyStoresRequest

ROWS: Final = 25


async def show_key_stores(visit: Visit) -> Response:
    """The page. Raises: KmsError where its viewer may not have key stores described."""
    request = DescribeCustomKeyStoresRequest(limit=ROWS)
    marker = visit.query("marker")
    if marker:
        request.marker = marker
    told = await visit.ask.ask(Operation.DESCRIBE_CUSTOM_KEY_STORES, request)
    following = f"/key-stores?{urlencode({'marker': told.next_marker})}" if told.truncated else ""
    return visit.page("key_stores.html", "Key stores", stores=told.custom_key_stores, following=following)
