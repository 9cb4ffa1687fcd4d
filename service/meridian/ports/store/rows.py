"""Rows as they were read: those that could not be are named beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row that holds what no release wrote."""

    table: str
    name: tuple[str, ...]
    """The values of its primary key."""
    fault: str
    """The type of the fault that reading it raised; never what stands in the row."""


@dataclass(frozen=True, slots=True)
class Rows(Sequence[T], Generic[T]):
    """The rows that could be read, in order; those that could not are named beside them, and hold no other up."""

    read: tuple[T, ...]
    unreadable: tuple[UnreadableRow, ...]

    def __len__(self) -> int:
        return len(self.read)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...

    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self.read[index]
