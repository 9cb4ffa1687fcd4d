"""Parts of libraries that a library loads by itself and that nobody here uses: it is loaded without them, which a process feels that
serves for months."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def not_installed(*names: str) -> Iterator[None]:
    """In here these modules are not installed, but for those that are loaded: for a library that does without them where they are not."""
    with _in_place_of(names, lambda _: None):
        yield


@contextmanager
def empty(*names: str) -> Iterator[None]:
    """In here these modules have None under every name, but for those that are loaded: for a library that offers what they have and does
    nothing with it itself."""
    with _in_place_of(names, _EmptyModule):
        yield


@contextmanager
def bare(*names: str) -> Iterator[None]:
    """In here these modules have a class of nothing under every name, but for those that are loaded: for a library that derives classes of
    its own, which nobody here uses."""
    with _in_place_of(names, _BareModule):
        yield


def always_in_place_of(name: str, **values: object) -> None:
    """From here on this module has these values alone, unless it is loaded: for a library that loads it whenever it is used."""
    module = ModuleType(name)
    vars(module).update(values)
    sys.modules.setdefault(name, module)


class _EmptyModule(ModuleType):
    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):  # what the interpreter asks of a module, and finds at every other one or does without
            raise AttributeError(name)


class _BareModule(_EmptyModule):
    def __getattr__(self, name: str) -> Any:
        super().__getattr__(name)
        return type(name, (), {})


@contextmanager
def _in_place_of(names: tuple[str, ...], made: Callable[[str], ModuleType | None]) -> Iterator[None]:
    absent = [name for name in names if name not in sys.modules]
    modules: dict[str, Any] = sys.modules  # None there means that the module cannot be found
    modules.update({name: made(name) for name in absent})
    try:
        yield
    finally:
        for name in absent:
            del modules[name]
