"""Which faults `make mutants` leaves out: those that change a sentence and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mutant_texts import Mutant

SOURCE = '''"""A module."""


class Room:
    def enter(self, who: str) -> str:
        """Let him in."""
        if who == "nobody":
            raise ValueError(f"{who} may not enter", "who", "ask the owner")
        return who + "!"
'''


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Mutant]]:
    # Here: mutmut takes as long to load as a tenth of all that the quick tests load, and one process of them needs it.
    from mutant_texts import mutants_of
    from mutmut.configuration import reset_config

    (tmp_path / "src" / "house").mkdir(parents=True)
    (tmp_path / "src" / "house" / "room.py").write_text(SOURCE)
    (tmp_path / "setup.cfg").write_text("[mutmut]\nsource_paths = src\n")
    monkeypatch.chdir(tmp_path)
    reset_config()
    yield list(mutants_of(Path("src/house/room.py")))
    reset_config()


def test_a_fault_is_named_by_its_function_place_and_change(faults: list[Mutant]) -> None:
    (swapped,) = [each for each in faults if "!=" in each.change]
    assert (swapped.function, swapped.place) == ("house.room.Room.enter", "src/house/room.py:7")
    assert swapped.change == 'if who == "nobody": → if who != "nobody":'
    assert swapped.name.startswith("house.room.xǁRoomǁenter__mutmut_")
    assert len({each.name for each in faults}) == len(faults)


def test_sentences_are_left_out_and_names_and_values_are_not(faults: list[Mutant]) -> None:
    left_out = {each.change.split(" → ")[1] for each in faults if each.is_text_only}
    planted = {each.change.split(" → ")[1] for each in faults if not each.is_text_only}
    assert left_out == {
        'raise ValueError(None, "who", "ask the owner")',
        'raise ValueError("who", "ask the owner")',
        'raise ValueError(f"{who} may not enter", "who", None)',
        'raise ValueError(f"{who} may not enter", "who", )',
        'raise ValueError(f"{who} may not enter", "who", "XXask the ownerXX")',
        'raise ValueError(f"{who} may not enter", "who", "ASK THE OWNER")',
    }
    for fault in (
        'if who != "nobody":',
        'if who == "NOBODY":',
        'raise ValueError(f"{who} may not enter", None, "ask the owner")',
        'return who - "!"',
    ):
        assert fault in planted
