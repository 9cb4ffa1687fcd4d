"""The edge at which a Region's callers are known, whichever front they come to by gRPC."""

from __future__ import annotations

from meridian.bootstrap.core import Core
from meridian.bootstrap.pipelines import Pipelines
from meridian.transport.call_edge import CallEdge, NoteCaller
from meridian.transport.under_way import CallsUnderWay


def call_edge_of(core: Core, pipelines: Pipelines, under_way: CallsUnderWay, note_caller: NoteCaller) -> CallEdge:
    """`under_way`: where calls are found that must end with the process; `note_caller`: who is told who has which connection."""
    return CallEdge(
        core.clock,
        core.settings.limits,
        identify=pipelines.identify,
        unauthenticated=pipelines.unauthenticated,
        events=core.events,
        under_way=under_way,
        note_caller=note_caller,
    )
