"""The inputs that are kept: for each target its seeds, and files that once found something or reach far."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.targets import TARGETS

FOLDER = Path(__file__).parent / "corpus"


def inputs_of(name: str) -> list[bytes]:
    """Every kept input of a target."""
    files = sorted((FOLDER / name).glob("*")) if (FOLDER / name).is_dir() else []
    return [*TARGETS[name].seeds, *(path.read_bytes() for path in files)]


def finding(name: str, data: bytes) -> Exception | None:
    """What a target raised and may not."""
    target = TARGETS[name]
    try:
        target.run(data)
    except target.may_raise:
        return None
    except Exception as fault:  # noqa: BLE001 - what escapes a parser is what is looked for
        return fault
    return None
