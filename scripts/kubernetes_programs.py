"""Builds etcd and kube-apiserver from their Go modules into .tools/bin, for `make kubernetes`; what cannot be built is said.

`kubernetes_programs.py SECONDS` bounds both together. What was compiled by then is kept in Go's cache: another run goes on from there.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from typing import Final

from bounded_build import build
from deploy_objects import ROOT, TOOLS, ToolFault

MODULE: Final = ROOT / "tests" / "kubernetes" / "cluster"
"""Pins the modules, and their sums."""
RELEASE: Final = "v1.35.4"
VERSION: Final = "k8s.io/component-base/version"
STATED: Final = f"-X {VERSION}.gitVersion={RELEASE} -X {VERSION}.gitMajor=1 -X {VERSION}.gitMinor=35 -X {VERSION}.gitTreeState=archive"
"""A module knows no tag of its repository: what the API server says of its version is given when it is linked."""
PROGRAMS: Final[Mapping[str, tuple[str, str]]] = {
    "etcd": ("go.etcd.io/etcd/server/v3", ""),
    "kube-apiserver": ("k8s.io/kubernetes/cmd/kube-apiserver", STATED),
}
"""The name of a program, by its package and what its linker is given besides."""


def main() -> int:
    """1 where a program could not be built."""
    until = time.monotonic() + float(sys.argv[1])
    try:
        for name in PROGRAMS:
            begun = time.monotonic()
            _build(name, until)
            size = (TOOLS / "bin" / name).stat().st_size // 2**20
            print(f"{name}: {size} MiB, built in {time.monotonic() - begun:.0f} s", flush=True)
    except ToolFault as fault:
        print(f"kubernetes: {fault}", file=sys.stderr)
        return 1
    return 0


def _build(name: str, until: float) -> None:
    """Raises: ToolFault."""
    go = shutil.which("go")
    if go is None:
        raise ToolFault(f"go is absent: {name} was not built")
    package, stated = PROGRAMS[name]
    target = TOOLS / "bin" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-p=2", "-ldflags", f"-s -w {stated}".strip()]
    build(name, [go, "build", *flags, "-o", str(target), package], MODULE, until)


if __name__ == "__main__":
    sys.exit(main())
