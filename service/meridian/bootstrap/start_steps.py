"""How long each step of a start takes, told as it ends."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from meridian.log import structlog

EVENT: Final = "start step"


class Step(StrEnum):
    """THE steps of a start, in their order."""

    SETTINGS = "settings"
    """The interpreter and the command line too: all since the process began."""
    IMPORTS = "imports"
    LOCKS = "locks"
    SCHEMA = "schema"
    IDENTITY = "identity"
    KEYRING = "keyring and seals"
    SELF_TEST = "self test"
    POLICIES = "policies compiled"
    AUDIT_STREAM = "audit stream"
    CHANGE_FEED = "change feed"
    LISTENERS = "listeners bound"
    READY = "ready"


Done = Callable[[Step], None]
"""Called at the end of each step."""


def untold(step: Step) -> None:
    """For a start whose steps nobody asked for."""


class StartSteps:
    """Tells each step with the time since the one before it. Both clocks count since the process began; `cpu` what it worked."""

    def __init__(self, age: Callable[[], float], cpu: Callable[[], float]) -> None:
        self._age = age
        self._cpu = cpu
        self._before = (0.0, 0.0)
        self._log = structlog.get_logger("meridian.bootstrap")

    def done(self, step: Step) -> None:
        """Tell this step. Where it took far longer than the processor worked, the machine was busy, or a disk or a database slow."""
        age, cpu = self._age(), self._cpu()
        self._log.info(
            EVENT,
            step=step,
            milliseconds=_milliseconds(age - self._before[0]),
            cpu_milliseconds=_milliseconds(cpu - self._before[1]),
            since_begin_milliseconds=_milliseconds(age),
        )
        self._before = (age, cpu)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
