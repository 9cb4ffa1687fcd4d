"""The log of what serves: a line of JSON each, on standard error."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

import structlog


class JsonLine(logging.Formatter):
    """What libraries log, in the form of our own lines. Of an exception its type alone: a text or a traceback may show what was sent."""

    def format(self, record: logging.LogRecord) -> str:
        fault = {"fault": record.exc_info[0].__name__} if record.exc_info and record.exc_info[0] else {}
        at = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        return json.dumps(
            {"event": record.getMessage(), "logger": record.name, **fault, "level": record.levelname.lower(), "timestamp": at}
        )


def log_as_json() -> None:
    """From now on."""
    libraries = logging.StreamHandler(sys.stderr)
    libraries.setFormatter(JsonLine())
    logging.basicConfig(level=logging.WARNING, handlers=[libraries])
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
