"""Generate the Python stubs from the protos, or with --check fail when the committed ones differ.

Stubs lie where their proto path says, so that they import each other unchanged.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
SERVICE = ROOT / "service"


def generate(target: Path) -> list[Path]:
    """Generate every stub below `target`; the answer names the files."""
    bin_folder = Path(sys.executable).parent
    sources = sorted(str(p.relative_to(PROTOS)) for p in PROTOS.rglob("*.proto"))
    os.environ["PATH"] = f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}"
    includes = [f"-I{PROTOS}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    outputs = [f"--{kind}_out={target}" for kind in ("python", "mypy", "grpc_python", "mypy_grpc")]
    if protoc.main(["protoc", *includes, *outputs, *sources]) != 0:
        sys.exit("protoc failed")
    return sorted(p for p in target.rglob("*_pb2*") if p.suffix in (".py", ".pyi"))


def main() -> int:
    """Write the stubs, or compare them."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = {p.relative_to(folder): p for p in generate(Path(folder))}
        stored = {p.relative_to(SERVICE) for p in SERVICE.rglob("*_pb2*") if p.suffix in (".py", ".pyi")}
        if "--check" in sys.argv:
            differing = [str(n) for n, p in fresh.items() if n not in stored or not filecmp.cmp(p, SERVICE / n, shallow=False)]
            differing += [f"{n} (no proto)" for n in sorted(stored - set(fresh))]
            print("\n".join(["generated stubs differ:", *differing]) if differing else f"{len(fresh)} stubs are current")
            return 1 if differing else 0
        for name in stored - set(fresh):
            (SERVICE / name).unlink()
        for name, path in fresh.items():
            (SERVICE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, SERVICE / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
