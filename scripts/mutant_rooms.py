"""Where `make mutants` plants faults, the quick tests that must find them, and the faults that are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MUTANT_SECONDS: Final = 40
"""Of one test, where a fault makes it wait."""


@dataclass(frozen=True, slots=True)
class Room:
    """The tests of one room of `service/meridian`."""

    tests: tuple[str, ...]
    not_these: tuple[str, ...] = ()
    """Tests that compare times, which mutmut's own calls between change."""


TIMED: Final = "tests/unit/domain/test_bounded_cache.py::test_"

ROOMS: Final = {
    "domain": Room(
        ("tests/unit/domain",),
        (
            f"{TIMED}a_key_with_many_entries_is_forgotten_as_fast_as_one_with_few",
            f"{TIMED}an_entry_leaves_a_large_cache_as_fast_as_a_small_one",
        ),
    ),
    "pipeline": Room(("tests/unit/pipeline", "tests/unit/authorization/decision/test_unready_decisions.py")),
    "authorization/decision": Room(("tests/unit/authorization/decision", "tests/unit/authorization/sets")),
    "replication/sets": Room(("tests/unit/replication/sets", "tests/property/test_set_of_related_keys.py")),
}

EQUAL: Final[dict[tuple[str, str], str]] = {
    (
        "meridian.pipeline.find_grants.FindGrants.require_forms",
        'tokens = getattr(request, "grant_tokens", ()) → tokens = getattr(request, "grant_tokens", None)',
    ): "asked for its truth alone",
    (
        "meridian.pipeline.authorize.Authorize._decide",
        "return _hidden(_refusal(call, principal, undecided, abroad=True, account_counts=True), type(unready).__name__) → "
        "return _hidden(_refusal(call, principal, undecided, abroad=True, account_counts=None), type(unready).__name__)",
    ): "a refusal abroad does not read it",
}
"""Faults that change nothing that anybody could see, with the reason. By function and change, as `make mutants` prints them."""

AT_IMPORT: Final = frozenset(
    {
        "meridian.domain.algorithms._hmac",
        "meridian.domain.algorithms._rsa",
        "meridian.domain.applicability._not_a_replica",
        "meridian.domain.applicability._not_in_a_store",
        "meridian.domain.applicability._origin",
        "meridian.domain.limit_bounds._always",
        "meridian.domain.strict_json._decoder",
    }
)
"""Functions that make the rows of tables. They have run, when their module was read, before a fault of theirs is there."""
