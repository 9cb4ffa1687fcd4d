"""A library is loaded without a part of it, and the part can be loaded afterwards by whoever uses it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path

import pytest

from meridian.unused_parts import always_in_place_of, bare, empty, not_installed

LIBRARY = """
try:
    import drawn_by_library
except ImportError:
    drawn_by_library = None
"""
OFFERING = "from drawn_by_library import Picture as Picture"
DERIVING = "from drawn_by_library import Picture\nclass Own(Picture): ..."
PART = "class Picture: ..."
NAMES = ("a_library", "drawn_by_library")


@pytest.fixture(autouse=True)
def _part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "drawn_by_library.py").write_text(PART)
    yield
    for name in NAMES:
        sys.modules.pop(name, None)


def test_a_library_does_without_a_part_that_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "a_library.py").write_text(LIBRARY)
    with not_installed("drawn_by_library"):
        library = import_module("a_library")
    assert library.drawn_by_library is None
    assert import_module("drawn_by_library").Picture.__name__ == "Picture"


def test_a_library_offers_nothing_of_an_empty_part(tmp_path: Path) -> None:
    (tmp_path / "a_library.py").write_text(OFFERING)
    with empty("drawn_by_library"):
        library = import_module("a_library")
    assert library.Picture is None
    assert import_module("drawn_by_library").Picture.__name__ == "Picture"


def test_a_library_derives_from_nothing_of_a_bare_part(tmp_path: Path) -> None:
    (tmp_path / "a_library.py").write_text(DERIVING)
    with bare("drawn_by_library"):
        library = import_module("a_library")
    assert vars(library.Picture).keys() <= vars(type("Nothing", (), {})).keys()
    assert import_module("drawn_by_library").Picture is not library.Picture


def test_values_stand_in_for_a_part_from_then_on(tmp_path: Path) -> None:
    (tmp_path / "a_library.py").write_text(OFFERING)
    always_in_place_of("drawn_by_library", Picture="ours")
    assert import_module("a_library").Picture == "ours"
    always_in_place_of("drawn_by_library", Picture="another")
    assert import_module("drawn_by_library").Picture == "ours", "what is loaded stays"


@pytest.mark.parametrize("leaves_out", [not_installed, empty, bare])
def test_a_part_that_is_loaded_stays_as_it_is(tmp_path: Path, leaves_out: Callable[[str], AbstractContextManager[None]]) -> None:
    (tmp_path / "a_library.py").write_text(LIBRARY)
    part = import_module("drawn_by_library")
    with leaves_out("drawn_by_library"):
        library = import_module("a_library")
    assert library.drawn_by_library is part
    assert sys.modules["drawn_by_library"] is part
