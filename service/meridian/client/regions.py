"""Several Regions with related keys: the next one is asked where one cannot be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from meridian.client.service_error import KmsServiceError
from meridian.client.statuses import UNREACHABLE

A = TypeVar("A")
C = TypeVar("C")

AWAY: Final = frozenset({UNREACHABLE, "KeyUnavailableException", "DependencyTimeoutException"})
"""THE table: refusals with the status UNAVAILABLE, after which another Region may know better. No other one is: neither a denial nor a
deadline that passed, whose time is over."""
BLOB_MAGIC: Final = b"MK"
SCOPE_AT: Final = 4
MULTI_REGION: Final = 2
"""Of a ciphertext. Source: docs/spec/ciphertext.md §2."""
REGION_OF_ARN: Final = 3
Told = Callable[[str, str], None]
"""Takes the name of an operation and of the Region that answered it."""


@dataclass(frozen=True, slots=True)
class Answered(Generic[A]):
    """An answer, and the Region that gave it."""

    region: str
    answer: A


def is_multi_region(ciphertext_blob: bytes) -> bool:
    """Whether the related keys of other Regions open a ciphertext."""
    return ciphertext_blob[: len(BLOB_MAGIC)] == BLOB_MAGIC and ciphertext_blob[SCOPE_AT : SCOPE_AT + 1] == bytes([MULTI_REGION])


def names_related_keys(key_id: str) -> bool:
    """Whether a key id or key ARN is that of a multi-Region key; an alias says nothing of that."""
    return key_id.rpartition("/")[2].startswith("mrk-") and not key_id.startswith("alias/") and ":alias/" not in key_id


def key_in(region: str, key_id: str) -> str:
    """The related key of another Region: its ARN for an ARN, the same id for an id."""
    parts = key_id.split(":")
    if len(parts) <= REGION_OF_ARN:
        return key_id
    return ":".join([*parts[:REGION_OF_ARN], region, *parts[REGION_OF_ARN + 1 :]])


class Places(Generic[C]):
    """Clients by the name of their Region, the nearest first."""

    def __init__(self, clients: Mapping[str, C], *, told: Told | None = None, seals_elsewhere: bool = False) -> None:
        """`told` hears which Region answered. With `seals_elsewhere` the related key of another Region makes data keys too, where that of
        the first cannot be reached. Raises: ValueError without a client."""
        if not clients:
            raise ValueError("clients: there must be one")
        self._clients = dict(clients)
        self._told = told
        self._seals_elsewhere = seals_elsewhere

    def that_open(self, blob: bytes) -> Iterator[tuple[str, C]]:
        """The Regions that may open a ciphertext, in their order."""
        return self._first_or_all(is_multi_region(blob))

    def that_seal(self, key_id: str) -> Iterator[tuple[str, C]]:
        """The Regions that may make data keys."""
        return self._first_or_all(self._seals_elsewhere and names_related_keys(key_id))

    def answered(self, operation: str, region: str, answer: A) -> Answered[A]:
        """Tell who did."""
        if self._told is not None:
            self._told(operation, region)
        return Answered(region, answer)

    def _first_or_all(self, all_of_them: bool) -> Iterator[tuple[str, C]]:  # noqa: FBT001 - the name of the method says both
        places = iter(self._clients.items())
        return places if all_of_them else iter([next(places)])


def is_away(error: KmsServiceError) -> bool:
    """Whether the next Region may be asked."""
    return error.code in AWAY
