"""Loggers. The library of the log comes from here, without what draws its lines on terminals: the log is JSON."""

from __future__ import annotations

from meridian.unused_parts import not_installed

with not_installed("colorama", "rich"):
    import structlog  # noqa: TID251 - the one place
    from structlog.typing import EventDict, Processor  # noqa: TID251 - the same

__all__ = ["EventDict", "Processor", "structlog"]
