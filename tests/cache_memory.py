"""Memory for caches of tests, as large as that of a process whose operator has set nothing."""

from __future__ import annotations

from meridian.domain.bounded_cache import Caches
from meridian.domain.limits import Limits


def cache_memory() -> Caches:
    """Caches that nothing else uses."""
    return Caches(Limits().cache_bytes)
