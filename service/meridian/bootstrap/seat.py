"""Which of a Region's processes under one parent this is, and what of the settings is its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meridian.bootstrap.cores import cores
from meridian.domain.replica_name import NAME
from meridian.settings import Settings
from meridian.transport.budgets import CONNECTIONS_MIN


@dataclass(frozen=True, slots=True)
class Seat:
    """One of so many processes that listen on the same addresses."""

    number: int
    """From 1."""
    of: int
    admin: Path | None
    """A socket in the file system, where the parent asks for health and metrics; `admin.listen` of the settings where there is none."""

    @property
    def is_shared(self) -> bool:
        """Whether others listen on the same addresses."""
        return self.of > 1


PROCESSES_MAX: Final = 64
ALONE: Final = Seat(1, 1, None)


def faults_of_sharing(settings: Settings, processes: int) -> list[str]:
    """Why these settings are none for so many processes, a line each."""
    found = []
    if settings.audit.stdout:
        found.append("audit.stdout: lines of several processes would run into each other; ship by [audit.otlp], or serve by one process")
    if settings.front.http3:
        found.append("front.http3: packets of a connection would reach another process after one has started again; switch it off")
    if not NAME.fullmatch(name_in(settings, processes)):
        found.append("replica: is too long to be followed by the number of a process")
    return found


def usual_processes(settings: Settings) -> int:
    """How many serve where nobody says how many: one per core behind Envoy, which each process has for itself, and one behind grpcio; one
    too where these settings are for no more, or this system shares no connections between processes."""
    several = cores()
    if settings.front.kind != "envoy" or sys.platform != "linux" or faults_of_sharing(settings, several):
        return 1
    return min(several, PROCESSES_MAX)


def name_in(settings: Settings, number: int) -> str:
    """The name of a process in audit records, the same after each of its starts."""
    return f"{settings.replica}-{number}"


def settings_in(settings: Settings, seat: Seat) -> Settings:
    """The settings of this process: a name and an audit directory of its own, and its part of what counts for all of them together."""
    if not seat.is_shared:
        return settings
    name = name_in(settings, seat.number)
    audit = {"directory": settings.audit.directory / name, "keep_bytes": -(-settings.audit.keep_bytes // seat.of)}
    changed: dict[str, object] = {"replica": name, "audit": settings.audit.model_copy(update=audit)}
    for listener in ("grpc", "peer", "aws", "xks", "console"):
        table = getattr(settings, listener)
        if table is not None:
            changed[listener] = table.model_copy(update={"connections": max(CONNECTIONS_MIN, table.connections // seat.of)})
    return settings.model_copy(update=changed)
