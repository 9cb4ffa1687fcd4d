"""Faults that the quick tests must find: small ones, planted one by one in four rooms by mutmut. For `make mutants`.

    python scripts/mutants.py [--sample N] [--room ROOM]...

Each room is judged by its own quick tests alone, as somebody runs them who has just changed it. All faults of the four rooms take hours, so
that a run plants a sample, drawn by one fixed seed, so many of each room as its size asks for; `--sample 0` plants them all. It prints, of
each room, how many were killed, survived and timed out, and of each survivor what was changed; it ends with 1 where a room's tests find
less than `KILLED_LEAST` of its faults. What no test comes past has survived. What does not end is found: the tests do not end either.

Not planted: what only changes a sentence that people read, which tests hold still where AWS's own words are recorded (tests/conformance);
what `mutant_rooms.EQUAL` lists, which changes nothing that anybody could see; and, as mutmut works, properties and tables outside of
functions, with the functions that make their rows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from mutant_rooms import AT_IMPORT, EQUAL, MUTANT_SECONDS, ROOMS, Room
from mutant_texts import Mutant, mutants_of

ROOT: Final = Path(__file__).resolve().parents[1]
STAGES: Final = ROOT / "build" / "mutants"
"""Where copies of the tree are made that mutmut may change."""
SEED: Final = 2026
KILLED_LEAST: Final = 85.0
"""Of a room's faults, in per cent."""
NOT_COPIED: Final = shutil.ignore_patterns("__pycache__", "vectors", "adversary", "faults", "scenario", "conformance")
KILLED, TIMED_OUT, SURVIVED = "killed", "timed out", "survived"
OUTCOMES: Final = {
    1: KILLED,
    3: KILLED,
    0: SURVIVED,
    5: SURVIVED,
    33: SURVIVED,
    -24: TIMED_OUT,
    24: TIMED_OUT,
    36: TIMED_OUT,
    152: TIMED_OUT,
}
"""By the number that mutmut keeps: what pytest ended with, or its own word. What is not here was found by an end that nobody foresaw."""


def stage_of(name: str, room: Room) -> Path:
    """A copy of the tree for mutmut, whose names need the package in a folder `src`."""
    stage = STAGES / name.replace("/", "-")
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(ROOT / "service" / "meridian", stage / "src" / "meridian", ignore=NOT_COPIED)
    for folder in ("tests", "policy", "scripts"):
        shutil.copytree(ROOT / folder, stage / folder, ignore=NOT_COPIED)
    shutil.copy2(ROOT / "pyproject.toml", stage)
    selected = [*room.tests, *(f"--deselect={test}" for test in room.not_these)]
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/meridian/{name}/*"],
        "also_copy": ["policy", "scripts"],
        "pytest_add_cli_args_test_selection": selected,
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "--hypothesis-seed=0", f"--timeout={MUTANT_SECONDS}"],
        "process_isolation": ["forkserver"],
        "timeout_multiplier": ["2.0"],
        "timeout_constant": [f"{MUTANT_SECONDS}.0"],  # for what pytest cannot end
        "use_git_change_detection": ["false"],
    }
    lines = [f"{key} = {values[0]}" if len(values) == 1 else "\n    ".join([f"{key} =", *values]) for key, values in settings.items()]
    (stage / "setup.cfg").write_text("\n".join(["[mutmut]", *lines, ""]))
    return stage


def faults_of(name: str, stage: Path) -> list[Mutant]:
    """Every fault of a room. Raises: SystemExit where a row of `EQUAL` fits none."""
    os.chdir(stage)  # mutmut reads its settings where it stands
    every = [each for path in sorted((stage / "src" / "meridian" / name).rglob("*.py")) for each in mutants_of(path.relative_to(stage))]
    listed = {row for row in EQUAL if row[0].startswith(f"meridian.{name.replace('/', '.')}.")}
    named = {function for function, _ in listed}
    stale = listed - {(each.function, each.change) for each in every if each.function in named}
    if stale:
        sys.exit("no such fault any more, so drop the row:\n" + "\n".join(map(str, sorted(stale))))
    return [each for each in every if each.function not in AT_IMPORT]


def is_worth_planting(mutant: Mutant) -> bool:
    return not mutant.is_text_only and (mutant.function, mutant.change) not in EQUAL


def outcomes_of(stage: Path, chosen: list[Mutant]) -> dict[str, str]:
    """What became of the faults, by the names of mutmut."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *(each.name for each in chosen)]
    with (stage / "mutmut.log").open("wb") as log:
        ended = subprocess.run(command, cwd=stage, stdout=log, stderr=subprocess.STDOUT, check=False)
    if ended.returncode:
        sys.exit(f"mutmut ended with {ended.returncode}: {(stage / 'mutmut.log').read_bytes()[-3000:].decode(errors='replace')}")
    codes: dict[str, int | None] = {}
    for path in (stage / "mutants" / "src").rglob("*.meta"):
        codes |= json.loads(path.read_bytes())["exit_code_by_key"]
    return {each.name: OUTCOMES.get(code, KILLED) for each in chosen if (code := codes[each.name]) is not None}


def shares_of(every: dict[str, list[Mutant]], sample: int) -> Iterator[tuple[str, list[Mutant]]]:
    """So many of each room as its size asks for, drawn alike in every run."""
    total = sum(map(len, every.values()))
    for name, mutants in every.items():
        drawn = random.Random(SEED).sample(mutants, len(mutants))  # noqa: S311 - a draw of tests
        count = round(sample * len(mutants) / total) if sample else len(mutants)
        yield name, sorted(islice(filter(is_worth_planting, drawn), count), key=lambda each: each.name)


def main(sample: int, rooms: list[str]) -> int:
    stages = {name: stage_of(name, ROOMS[name]) for name in rooms}
    every = {name: faults_of(name, stage) for name, stage in stages.items()}
    is_enough = True
    for name, chosen in shares_of(every, sample):
        outcomes = outcomes_of(stages[name], chosen)
        counts = {outcome: list(outcomes.values()).count(outcome) for outcome in (KILLED, SURVIVED, TIMED_OUT)}
        found = 100.0 * (counts[KILLED] + counts[TIMED_OUT]) / max(1, len(chosen))
        is_enough = is_enough and found >= KILLED_LEAST and len(outcomes) == len(chosen)
        told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        print(f"{name}: {found:.1f} % of {len(chosen)} found ({told}), of {len(every[name])} that mutmut makes", flush=True)
        for each in chosen:
            if outcomes.get(each.name) in (None, SURVIVED):
                print(f"  {each.place} {each.function.rpartition('.')[2]}\n    {each.change}", flush=True)
    return 0 if is_enough else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--room", action="append", choices=sorted(ROOMS))
    given = parser.parse_args()
    sys.exit(main(given.sample, given.room or sorted(ROOMS)))
