"""Runs the quick tests of a room whenever a file of it changes, until Ctrl-C or for eight hours.

The tests of `service/meridian/ROOM` are `tests/unit/ROOM`; what has no such folder is tested by all of `tests/unit`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
UNIT = "tests/unit"
WATCHED: Final = {"service/meridian": UNIT, UNIT: UNIT, "policy": f"{UNIT}/policy_kit", "protos": f"{UNIT}/contract"}
"""Folders that are looked at, and the tests of what lies in them."""
SUFFIXES: Final = {".py", ".proto", ".cedar", ".cedarschema", ".yaml"}
LOOK_SECONDS: Final = 0.5
RUN_SECONDS: Final = 120
"""A run that takes longer is ended; the rooms' tests take less than a minute together."""
WATCH_SECONDS: Final = 8 * 3600


def state() -> dict[Path, int]:
    """When each file was last written, in nanoseconds."""
    found: dict[Path, int] = {}
    for folder in WATCHED:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in SUFFIXES:
                try:
                    found[path] = path.stat().st_mtime_ns
                except FileNotFoundError:
                    continue
    return found


def tests_of(path: Path) -> str:
    """The folder of tests that a change of this file asks for."""
    within = path.relative_to(ROOT)
    folder = next(each for each in WATCHED if within.is_relative_to(each))
    room = Path(UNIT, within.relative_to(folder).parts[0])
    if WATCHED[folder] == UNIT and (ROOT / room).is_dir():
        return str(room)
    return WATCHED[folder]


def run(folders: set[str]) -> None:
    """The tests of these folders, or of all rooms where one of the changes is everybody's."""
    chosen = [UNIT] if UNIT in folders else sorted(folders)
    print(f"\n── {' '.join(chosen)}", flush=True)
    try:
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", *chosen], cwd=ROOT, timeout=RUN_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        print(f"ended after {RUN_SECONDS} seconds", flush=True)


def main() -> int:
    known, end = state(), time.monotonic() + WATCH_SECONDS
    print("Waiting for a change; Ctrl-C ends.", flush=True)
    while time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
        seen = state()
        changed = {path for path in seen.keys() | known.keys() if seen.get(path) != known.get(path)}
        known = seen
        if changed:
            run({tests_of(path) for path in changed})
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
