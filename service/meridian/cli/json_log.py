"""The log of what serves: a line of JSON each, on standard error."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Final

from meridian.log import EventDict, Processor, structlog

TEXT_CHARACTERS: Final = 4096
"""Of what a library says."""


def log_as_json() -> None:
    """From now on."""
    _configure()


def log_with_name(name: str) -> None:
    """Every line of this process names it from now on: several write to one place."""

    def named(logger: object, method: str, line: EventDict) -> EventDict:  # noqa: ARG001 - the signature that structlog calls
        return {**line, "process": name}

    _configure(named)


def _configure(*added: Processor) -> None:
    structlog.configure(
        processors=[
            *added,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),  # a line and its end at once: several processes write to one place
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_of_libraries(*added))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _of_libraries(*added: Processor) -> structlog.stdlib.ProcessorFormatter:
    """A line of JSON for what a library or asyncio says."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            *added,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_texts,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _cut, structlog.processors.JSONRenderer(default=repr)],
    )


def _without_texts(logger: object, method: str, event: EventDict) -> EventDict:  # noqa: ARG001 - the signature that structlog calls
    """Of an exception its type and place: its text, or a line of a traceback, may show what was sent."""
    fault = event.pop("exc_info", None)
    if isinstance(fault, tuple) and fault[0] is not None:
        event["fault"] = fault[0].__name__
        if frames := traceback.extract_tb(fault[2]):
            event["place"] = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}"
    if event["logger"] == "asyncio":  # its further lines show tasks, with their faults
        event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _cut(logger: object, method: str, event: EventDict) -> EventDict:  # noqa: ARG001 - the signature that structlog calls
    if isinstance(event.get("event"), str):
        event["event"] = event["event"][:TEXT_CHARACTERS]
    return event
