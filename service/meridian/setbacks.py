"""What background work cannot do this time and does again later: told once when it begins to fail, and once when it succeeds again.

Only kinds that the work foresees are caught here, such as a database that is away; anything else ends the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from meridian.domain.fault_places import fault_text
from meridian.log import structlog


class Setbacks:
    """The failures of one piece of work that is tried again and again."""

    def __init__(self, work: str) -> None:
        self._work = work
        self._failures = 0
        self._log = structlog.get_logger("meridian.setbacks")

    @contextmanager
    def expected(self, *kinds: type[Exception]) -> Iterator[None]:
        """Swallow failures of these kinds. A row of them is two log lines: type and place of the first, and the number at its end."""
        try:
            yield
        except kinds as fault:
            self._failures += 1
            if self._failures == 1:
                self._log.warning("failed, and is tried again", work=self._work, fault=fault_text(fault))
        else:
            if self._failures:
                self._log.info("succeeds again", work=self._work, failures=self._failures)
            self._failures = 0
