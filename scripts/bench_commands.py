"""The CPU that commands without a Region take, user and system, beside that of the bare interpreter; medians of rounds taken in turns."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
MERIDIAN = str(Path(sys.executable).with_name("meridian"))
BARE = "the interpreter alone"
COMMANDS = (
    "--help",
    "kms --help",
    "kms encrypt --help",
    "dev --help",
    "audit verify docs",
    "policy validate policy/policies",
    "policy fmt --check policy/policies",
    "policy explain --principal User:111122223333/alice --action Encrypt",
)
ROUNDS = 7


def cpu_of(command: list[str]) -> float:
    """The CPU seconds of a child from its start to its end."""
    before = os.times()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Print a row for each command."""
    runs = {BARE: [sys.executable, "-c", "pass"], **{f"meridian {each}": [MERIDIAN, *shlex.split(each)] for each in COMMANDS}}
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for command in runs.values():
        cpu_of(command)  # the first run compiles
    for _ in range(ROUNDS):
        for name, command in runs.items():
            taken[name].append(cpu_of(command))
    print("| command | CPU s, median [min-max] |\n|---|---|")
    for name, seconds in taken.items():
        print(f"| `{name}` | {median(seconds):.2f} [{min(seconds):.2f}-{max(seconds):.2f}] |")


if __name__ == "__main__":
    main()
