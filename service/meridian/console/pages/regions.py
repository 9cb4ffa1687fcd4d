"""The first page: the Regions of the deployment as cards, as the one that answers sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from meridian.access.v1.access_pb2 import DescribeRegionsRequest
from meridian.console.visit import Visit
from meridian.contract.operation import Operation

MINUTE: Final = 60
HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Card:
    """A Region."""

    standing: Any
    """`RegionStanding`."""
    health: str
    """In a word."""
    lag: str
    """How long the oldest change has waited that the Region has not been told."""


async def show_regions(visit: Visit) -> Response:
    """The page. Raises: KmsError where its viewer may not have Regions described."""
    told = await visit.ask.ask(Operation.DESCRIBE_REGIONS, DescribeRegionsRequest())
    now = visit.arrival.at.timestamp()
    cards = [Card(each, _health(each), _lag(each, now)) for each in told.regions]
    return visit.page("regions.html", "Regions", cards=cards, keys=told.keys)


def _health(standing: Any) -> str:
    if standing.troubles:
        return "in trouble" if standing.here else "silent"
    return "well" if standing.HasField("heard_at") else "not asked yet"


def _lag(standing: Any, now: float) -> str:
    if standing.here:
        return "–"
    if not standing.HasField("waiting_since"):
        return "none" if not standing.waiting else "not known"
    seconds = max(0, int(now - standing.waiting_since.seconds))
    if seconds < MINUTE:
        return f"{seconds} s"
    return f"{seconds // MINUTE} min" if seconds < HOUR else f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min"
