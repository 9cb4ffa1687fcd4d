"""AWS's words of an enum beside the numbers of the protos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar, cast

from meridian.client.misspelt import nearest

W = TypeVar("W", bound=str)
V = TypeVar("V", bound=int)


class EnumWords(Generic[W, V]):
    """The words of one enum. Requests take a word or a number; answers have numbers, which `word` turns back."""

    __slots__ = ("_name", "_numbers", "_words")

    def __init__(self, name: str, numbers: Mapping[W, V]) -> None:
        self._name = name
        self._numbers = dict(numbers)
        self._words = {number: word for word, number in self._numbers.items()}

    def number(self, value: W | V | None) -> V:
        """The number of a word; one that is given stays, and None is the zero that means absent. Raises: ValueError naming the words."""
        if not isinstance(value, str):
            return cast("V", value or 0)
        found = self._numbers.get(value)
        if found is None:
            raise ValueError(f"{value!r} is no {self._name}{nearest(value, self._numbers)} (one of {', '.join(self._numbers)})")
        return found

    def many(self, values: Sequence[W | V] | None) -> list[V]:
        """The numbers of several. Raises: ValueError; TypeError for one word, which is no list."""
        if isinstance(values, str):
            raise TypeError(f"a list of {self._name} is needed, not the text {values!r}")
        return [self.number(value) for value in values or ()]

    def word(self, number: V) -> W | None:
        """The word of a number in an answer; None where the field is absent, or holds what a newer Region knows."""
        return self._words.get(number)

    @property
    def words(self) -> tuple[W, ...]:
        """Every word, in the contract's order."""
        return tuple(self._numbers)
