"""How the Region's audit log stands: its streams and digests, where it is shipped, what room is left, how it was verified last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from meridian.access.v1.access_pb2 import DescribeAuditRequest
from meridian.console.refusals import status_of
from meridian.console.visit import Visit
from meridian.contract.operation import Operation
from meridian.errors import DependencyTimeoutException, KMSInternalException

UNIT: Final = 1024
UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
AWAY: Final = (DependencyTimeoutException, KMSInternalException)
"""No answer leaves without its record, and none is made without the database: just when somebody wants to see the log."""
BEHIND_SECONDS: Final = 60
"""After so long a sink is said to be behind."""


@dataclass(frozen=True, slots=True)
class Line:
    """A stream, or a place that the log is shipped to."""

    told: Any
    """`AuditStream` or `AuditSink`."""
    state: str
    """In a word."""


async def show_audit(visit: Visit) -> Response:
    """The page; while the database or the log itself is away, what the process knows without them.

    Raises: KmsError where its viewer may not have the log described.
    """
    try:
        told = await visit.ask.ask(Operation.DESCRIBE_AUDIT, DescribeAuditRequest())
    except AWAY as refusal:
        return visit.page("audit_away.html", "Audit health", status=status_of(refusal), error=refusal, troubles=visit.desk.troubles())
    return visit.page(
        "audit.html",
        "Audit health",
        told=told,
        streams=[Line(each, _stream_state(each)) for each in told.streams],
        sinks=[Line(each, _sink_state(each)) for each in told.sinks],
        room="little room" if told.room.free_bytes <= 2 * told.room.reserve_bytes else "room",
        size=size_in_words,
    )


def _stream_state(stream: Any) -> str:
    if not stream.open:
        return "closed"
    return "written here" if stream.here else "open"


def _sink_state(sink: Any) -> str:
    return "level" if sink.seconds_behind < BEHIND_SECONDS and sink.segments_behind <= 1 else "behind"


def size_in_words(count: int) -> str:
    """So many bytes, in the unit that people would choose."""
    size, unit = float(count), UNITS[0]
    for following in UNITS[1:]:
        if size < UNIT:
            break
        size, unit = size / UNIT, following
    return f"{count} {unit}" if unit == UNITS[0] else f"{size:.1f} {unit}"
