"""THE table of what each limit of the settings may be, and what it may be in tests alone, which are for `development = true`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from meridian.domain.limits import Limits

DAY: Final = 86_400
MEBIBYTE: Final = 1_048_576
NUMBERS_MAX: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most, and the least of a Region that is for development, whose tests watch times go by and queues be full."""

    least: float
    most: float
    least_in_development: float

    def fault_of(self, value: float, *, development: bool) -> str:
        """What is wrong with a value, in words; nothing where it may be."""
        least = self.least_in_development if development else self.least
        if math.isfinite(value) and least <= value <= self.most:
            return ""
        if math.isfinite(value) and self.least_in_development <= value < self.least:
            return f"{self._words(self.least)}; less is for `development = true` alone"
        return self._words(least)

    def _words(self, least: float) -> str:
        return f"must be {_text(least)}" if least == self.most else f"must be from {_text(least)} to {_text(self.most)}"


def _text(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:,g}"


def _always(least: float, most: float) -> Bounds:
    return Bounds(least, most, least)


BOUNDS: Final[Mapping[str, Bounds]] = {
    "keys_per_account": _always(1, NUMBERS_MAX),
    "tags_per_key": _always(0, 1000),
    "aliases_per_key": _always(0, 100_000),
    "grants_per_key": _always(0, 1_000_000),
    "key_stores_per_account": _always(0, 10_000),
    "key_store_attempt_seconds": _always(0.01, 30),
    "key_store_requests_per_second": _always(0.1, 1_000_000),
    "usage_seconds": Bounds(1, DAY, 0.01),
    "policy_look_seconds": _always(0.05, 3600),
    "cache_bytes": _always(MEBIBYTE, MEBIBYTE * MEBIBYTE),
    "key_policy_bytes": _always(1000, MEBIBYTE),
    "request_bytes": Bounds(65_536, 4 * MEBIBYTE, 8192),
    "failed_authentications_per_minute": _always(0, 1_000_000),
    "heavy_workers": _always(1, 256),
    "heavy_processes": _always(1, 64),
    "heavy_queue": Bounds(1, 1_000_000, 0),
    "heavy_wait_seconds": Bounds(0.1, 60, 0),
    "heavy_process_wait_seconds": Bounds(0.1, 60, 0),
    "heavy_answer_seconds": Bounds(0.1, 600, 0),
    "loop_lag_look_seconds": _always(0.001, 3600),
    "deadline_seconds_default": Bounds(0.1, 300, 0),
    "deadline_seconds_max": Bounds(0.1, 600, 0),
    "drain_pause_seconds": _always(0, 600),
    "reservation_seconds": Bounds(5, DAY, 0.1),
    "updating_seconds": Bounds(5, DAY, 0.1),
    "kek_settle_seconds": Bounds(10, DAY, 0.1),
    "kek_retention_days": _always(1, 36_500),
    "deletion_window_in_days_min": _always(1, 365),
    "deletion_window_in_days_max": _always(7, 365),
    "on_demand_rotations_per_key": _always(0, 10_000),
    "rotation_conflict_seconds": _always(0, DAY),
    "import_token_seconds": Bounds(60, 30 * DAY, 0),
    "import_tries_per_token": _always(1, 10_000),
    "imported_material_days_max": _always(1, 3650),
    "import_keys_ready": _always(0, 1000),
    "import_key_wait_seconds": _always(0, 60),
    "compare_seconds": Bounds(1, DAY, 0.1),
    "change_feed_rows": _always(1000, NUMBERS_MAX),
    "inbox_days": _always(1, 3650),
    "client_token_seconds": Bounds(60, 30 * DAY, 0.1),
    "client_tokens_per_account": _always(1, NUMBERS_MAX),
    "day_seconds": Bounds(DAY, DAY, 0.01),
}
"""By the name of the limit; of a table of numbers, those of each. Every limit has a row."""
ORDERED: Final = (
    ("deletion_window_in_days_min", "deletion_window_in_days_max"),
    ("key_policy_bytes", "request_bytes"),
)
"""The first is no more than the second."""
WRAPPING_SPECS: Final = frozenset(Limits().import_keys_ready)
"""Of the keys that are kept ready for imports."""


def faults_of_limits(values: Mapping[str, object], *, development: bool) -> Iterator[tuple[str, str]]:
    """(limit, what is wrong with it in words) of those that are given as numbers, or as tables of numbers."""
    for name, bounds in BOUNDS.items():
        for place, number in _numbers(name, values.get(name)):
            fault = bounds.fault_of(number, development=development)
            if fault:
                yield place, fault
    for lower, higher in ORDERED:
        least, most = values.get(lower), values.get(higher)
        if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
            yield lower, f"must be no more than {higher}, which is {_text(most)}"
    ready = values.get("import_keys_ready")
    if isinstance(ready, Mapping):
        for spec in sorted(set(ready) - WRAPPING_SPECS):
            yield f"import_keys_ready.{spec}", f"is no kind of wrapping key; there are {', '.join(sorted(WRAPPING_SPECS))}"


def _numbers(name: str, value: object) -> Iterator[tuple[str, float]]:
    if isinstance(value, int | float):
        yield name, value
    elif isinstance(value, Mapping):
        yield from ((f"{name}.{inner}", number) for inner, number in value.items() if isinstance(number, int | float))
