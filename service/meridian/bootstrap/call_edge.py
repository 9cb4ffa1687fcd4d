"""The edges at which a Region's callers are known, and what those are made of."""

from __future__ import annotations

from dataclasses import dataclass

from meridian.bootstrap.core import Core
from meridian.bootstrap.pipelines import Pipelines
from meridian.transport.batch_answers import Walks
from meridian.transport.call_edge import CallEdge, NoteCaller
from meridian.transport.edge_surroundings import EdgeSurroundings
from meridian.transport.under_way import CallsUnderWay


@dataclass(frozen=True, slots=True)
class GrpcCalls:
    """How calls that come by gRPC are taken in and walked, whichever front they come to."""

    walks: Walks
    edge: CallEdge
    around: EdgeSurroundings


def grpc_calls_of(pipelines: Pipelines, around: EdgeSurroundings, note_caller: NoteCaller) -> GrpcCalls:
    """`note_caller`: who is told who has which connection."""
    edge = CallEdge(around, identify=pipelines.identify, note_caller=note_caller)
    return GrpcCalls(Walks(pipelines.calls.walk, pipelines.batches.walk), edge, around)


def surroundings_of(core: Core, pipelines: Pipelines, under_way: CallsUnderWay) -> EdgeSurroundings:
    """`under_way`: where calls are found that must end with the process."""
    return EdgeSurroundings(
        clock=core.clock,
        entropy=core.entropy,
        limits=core.settings.limits,
        unauthenticated=pipelines.unauthenticated,
        events=core.events,
        under_way=under_way,
    )
