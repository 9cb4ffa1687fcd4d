"""The log of what serves: a line of JSON each, on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Final

import structlog
from structlog.typing import EventDict

TEXT_CHARACTERS: Final = 4096
"""Of what a library says, or of its traceback."""


def log_as_json() -> None:
    """From now on."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_of_libraries())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _of_libraries() -> structlog.stdlib.ProcessorFormatter:
    """A line of JSON for what a library or asyncio says; a traceback is a member of it."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _cut, structlog.processors.JSONRenderer(default=repr)],
    )


def _cut(logger: object, method: str, event: EventDict) -> EventDict:  # noqa: ARG001 - the signature that structlog calls
    for name in ("event", "exception"):
        if isinstance(event.get(name), str):
            event[name] = event[name][:TEXT_CHARACTERS]
    return event
