"""The log of what serves: a line of JSON each, on standard error."""

from __future__ import annotations

import logging
import sys

import structlog


def log_as_json() -> None:
    """From now on."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    _configure()


def log_with_name(name: str) -> None:
    """Every line of this process names it from now on: several write to one place."""

    def named(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**line, "process": name}

    _configure(named)


def _configure(*added: structlog.typing.Processor) -> None:
    structlog.configure(
        processors=[
            *added,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
