"""The tables and the chart of `make bench-rivals`, on the screen and in docs/benchmarks.md."""

from __future__ import annotations

import os
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bars import Bar, chart
from bench_process import spread
from bench_subjects import BATCH, CONNECTIONS, LONE, PYTHON, SHAPES, STREAMS, Subject

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs/benchmarks.md"
PICTURE: Final = ROOT / "docs/pictures/encrypt-beside-rivals.svg"
BLOCK: Final = re.compile(r"(<!-- what make bench-rivals found -->\n).*?(<!-- until here -->)", re.DOTALL)

FRONTS: Final = ("grpcio", "envoy")
GRPC: Final = {front: f"Meridian behind {front}" for front in FRONTS}
NEW: Final = {front: f"Meridian behind {front}, every decision new" for front in FRONTS}
NO_OP: Final = {front: f"a health check behind {front}" for front in FRONTS}
AWS: Final = {
    "grpcio": ("Meridian's AWS wire, plaintext", ""),
    "envoy": ("Meridian's AWS wire, plaintext, beside Envoy", "Meridian's AWS wire behind envoy, TLS"),
}
"""By front: in plaintext on its own port, and with TLS on the port of Envoy."""
ONE_CORE, ORDINARY = "OpenBao", "OpenBao-ordinary"
BAO: Final = {ONE_CORE: "OpenBao", ORDINARY: "OpenBao with raft and two cores"}
HTTP2: Final = {name: f"{text}, HTTP/2, mutual TLS" for name, text in BAO.items()}
HTTP1: Final = {name: f"{text}, HTTP/1.1, mutual TLS" for name, text in BAO.items()}
PLAIN: Final = {name: f"{text}, HTTP/1.1, plaintext" for name, text in BAO.items()}
BATCHES: Final = {name: f"{text}, in batches" for name, text in {**GRPC, **BAO}.items()}
MOTO: Final = "moto, AWS wire, plaintext"

_BAO_BY_SHAPE: Final = {CONNECTIONS: HTTP2[ONE_CORE], STREAMS: HTTP2[ONE_CORE], LONE: HTTP2[ONE_CORE], PYTHON: HTTP1[ONE_CORE]}
COMPARED: Final[tuple[tuple[str, str, str, float | None], ...]] = (
    *((GRPC[f], _BAO_BY_SHAPE[s], s, 0.75 if s == CONNECTIONS else None) for s in _BAO_BY_SHAPE for f in FRONTS),
    *((GRPC[f], HTTP1[ONE_CORE], CONNECTIONS, 0.75) for f in FRONTS),
    *((NEW[f], HTTP1[ONE_CORE], PYTHON, 1.1) for f in FRONTS),
    *((NO_OP[f], HTTP2[ONE_CORE], CONNECTIONS, None) for f in FRONTS),
    *((AWS["grpcio"][0], PLAIN[ONE_CORE], s, 0.6) for s in (CONNECTIONS, PYTHON)),
    *((AWS["envoy"][1], HTTP1[ONE_CORE], s, None) for s in (CONNECTIONS, PYTHON)),
    *((BATCHES[f], BATCHES[ONE_CORE], BATCH, 0.7) for f in FRONTS),
    *((GRPC["envoy"], GRPC["grpcio"], s, 0.55) for s in (CONNECTIONS, STREAMS, PYTHON)),
    *((GRPC[f], NO_OP[f], s, 2.0) for s in (CONNECTIONS, STREAMS, PYTHON) for f in FRONTS),
    (HTTP2[ORDINARY], HTTP2[ONE_CORE], CONNECTIONS, None),
    (GRPC["envoy"], HTTP2[ORDINARY], CONNECTIONS, None),
    (GRPC["grpcio"], MOTO, PYTHON, None),
    (AWS["grpcio"][0], MOTO, PYTHON, None),
)
"""THE table of ratios: what is divided by what, in which shape, and the most that is wanted."""
DRAWN: Final = (*GRPC.values(), *NO_OP.values(), AWS["grpcio"][0], AWS["envoy"][1], *HTTP2.values(), *HTTP1.values(), PLAIN[ONE_CORE])


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found."""

    subjects: dict[str, Subject]
    calls: int
    syncs: list[float]
    """Microseconds of a sync of one record in the folder of the audit log, for each round."""
    switch: float
    """Microseconds of a hand-over between two threads."""
    interpreter: str
    """What runs Meridian."""


def tables(found: Found) -> Iterator[str]:
    """Everything, as Markdown."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    yield f"On {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores with a load of {load} (1, 5, 15 minutes), the bench's own among it:"
    yield f"{len(found.syncs)} rounds of {found.calls} calls. Handing a byte over to another thread took {found.switch:.1f} µs,"
    yield f"a sync of one record {_whole(found.syncs)} µs. Meridian ran in {found.interpreter}.\n"
    yield from _costs(found.subjects)
    yield from _ratios(found.subjects)
    yield from _waits(found)


def _costs(subjects: dict[str, Subject]) -> Iterator[str]:
    shapes = [shape for shape in SHAPES if any(subject.costs[shape] for subject in subjects.values())]
    yield "| CPU µs per Encrypt, median [min-max] | " + " | ".join(shapes) + " |"
    yield "|---" * (len(shapes) + 1) + "|"
    for name, subject in subjects.items():
        yield f"| {name} | " + " | ".join(_whole(subject.costs[shape]) for shape in shapes) + " |"
    yield ""


def _whole(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} [{min(values):.0f}-{max(values):.0f}]" if values else ""


def _ratios(subjects: dict[str, Subject]) -> Iterator[str]:
    yield "| ratio, round by round | shape | median [min-max] | wanted |\n|---|---|---|---|"
    for one, other, shape, goal in COMPARED:
        above, below = (subjects[name].costs[shape] if name in subjects else [] for name in (one, other))
        if above and below:
            each = [a / b for a, b in zip(above, below, strict=True)]
            yield f"| {one} ÷ {other} | {shape} | {spread(each)} | {f'≤ {goal}' if goal else ''} |"
    yield ""


def _waits(found: Found) -> Iterator[str]:
    waits = {name: subject.waits[LONE] for name, subject in found.subjects.items() if subject.waits[LONE]}
    bao = waits.get(HTTP2[ONE_CORE])
    if not waits:
        return
    yield "| a lone caller's wait, p50 | µs, median [min-max] | ÷ OpenBao's | the same, less one sync | wanted |\n|---|---|---|---|---|"
    for name, each in waits.items():
        over = spread([a / b for a, b in zip(each, bao, strict=True)]) if bao else ""
        less = spread([(a - sync) / b for a, b, sync in zip(each, bao, found.syncs, strict=True)]) if bao and name in GRPC.values() else ""
        yield f"| {name} | {_whole(each)} | {over} | {less} | {'≤ 1.3' if name in GRPC.values() else ''} |"


def write(text: str, found: Found) -> None:
    """Put the tables between their marks in docs/benchmarks.md, and draw the chart beside it."""
    page = PAGE.read_text()
    assert BLOCK.search(page), f"{PAGE} has no place for what was found"
    PAGE.write_text(BLOCK.sub(lambda marks: f"{marks[1]}\n{text}\n\n{marks[2]}", page))
    names = [name for name in DRAWN if name in found.subjects and found.subjects[name].costs[CONNECTIONS]]
    bars = [
        Bar(name, 0 if name in GRPC.values() or "AWS" in name else 2 if "health" in name else 1, found.subjects[name].costs[CONNECTIONS])
        for name in names
    ]
    if bars:
        title, unit = "What an Encrypt costs the server", "CPU, microseconds per call, 16 connections; the line is the spread of the rounds"
        PICTURE.write_text(chart(title, unit, bars))
