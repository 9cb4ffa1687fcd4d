"""What the image is built from: build/wheels with Meridian's wheel, made twice and compared, the locked wheels, and the SBOM.

`--build` builds the image without a daemon and runs it, where buildah is there and a base: BASE_IMAGE, or the one of the Containerfile.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from deploy_objects import DEPLOY, ROOT, ToolFault, run, tool

WHEELS: Final = ROOT / "build" / "wheels"
LOCK: Final = DEPLOY / "image" / "requirements.lock"
SOURCE_DATE_EPOCH: Final = "1764547200"
"""The time in every file of the wheel, the same for each build of one source."""
IMAGE: Final = "localhost/meridian:check"
ROOTFS: Final = ROOT / "build" / "rootfs"
"""The root file system of the image that was built last, which tests enter."""
RUNTIME_FOLDERS: Final = ("proc", "dev", "etc/meridian")
"""What a container runtime makes where it mounts."""
BUILDAH: Final = ("buildah", "--storage-driver", "vfs")
AUTHORITIES: Final = "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"
SECONDS: Final = 1200


def main() -> int:
    """1 where a wheel is another the second time, or the image does not do what it should."""
    try:
        print(f"wheel: {_wheel()}")
        print(f"wheels: {_locked()} of the lock file")
        print(f"sbom: {_sbom()} components")
        if sys.argv[1:] == ["--build"]:
            print(f"image: {_image()}")
    except ToolFault as fault:
        print(f"image: {fault}", file=sys.stderr)
        return 1
    return 0


def _wheel() -> str:
    """Built twice, in two folders with other times and modes. Raises: ToolFault."""
    WHEELS.mkdir(parents=True, exist_ok=True)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, umask in enumerate((0o022, 0o077)):
            copy, out = Path(folder, f"source-{number}"), Path(folder, f"out-{number}")
            _copy_source(copy, umask)
            _build(copy, out)
            (wheel,) = out.glob("*.whl")
            found.append(hashlib.sha256(wheel.read_bytes()).hexdigest())
            for old in WHEELS.glob("meridian-*.whl"):
                old.unlink()
            shutil.copy(wheel, WHEELS)
    if len(set(found)) != 1:
        raise ToolFault(f"two builds of one source differ: {found}")
    return f"{wheel.name} is sha256:{found[0]} both times"


def _copy_source(target: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        target.mkdir()
        files = run(["git", "ls-files", "service", "policy", "pyproject.toml", "README.md", "LICENSE"], ROOT).split()
        for name in files:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    finally:
        os.umask(before)


def _build(source: Path, out: Path) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH}
    uv = str(ROOT / ".venv" / "bin" / "uv")
    command = [uv, "build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", str(out), str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise ToolFault(f"uv build: {done.stderr.strip()[-500:]}")


def _locked() -> int:
    """The wheels of the lock file, by its hashes. Raises: ToolFault."""
    for old in WHEELS.glob("*.whl"):
        if not old.name.startswith("meridian-"):
            old.unlink()
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    command = [*pip, "--require-hashes", "--dest", str(WHEELS), "--requirement", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise ToolFault(f"pip download: {done.stderr.strip()[-500:]}")
    return len(list(WHEELS.glob("*.whl"))) - 1


def _sbom() -> int:
    """CycloneDX of what the image installs; the same bytes for the same lock file. Raises: ToolFault."""
    program = tool("cyclonedx-py")
    if program is None:
        raise ToolFault("cyclonedx-py is absent: make deploy-tools")
    target = WHEELS / "sbom.cdx.json"
    options = ["--output-reproducible", "--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application", "--output-format", "JSON"]
    run([program, "requirements", str(LOCK), *options, "--output-file", str(target)], ROOT)
    found = json.loads(target.read_text())
    if found["bomFormat"] != "CycloneDX" or found["metadata"]["component"]["name"] != "meridian":
        raise ToolFault(f"{target} is no SBOM of meridian")
    return len(found["components"])


def _image() -> str:
    """Build and run. Raises: ToolFault, also where no builder or no base is there."""
    if shutil.which("buildah") is None:
        raise ToolFault("buildah is absent: no image was built")
    base = os.environ.get("BASE_IMAGE")
    options = ["--build-arg", f"BASE_IMAGE={base}"] if base else []
    _buildah(
        "bud",
        "--isolation",
        "chroot",
        "--network",
        "host",
        *options,
        "--file",
        str(DEPLOY / "image" / "Containerfile"),
        "--tag",
        IMAGE,
        str(ROOT),
    )
    container = _buildah("from", "--pull-never", IMAGE).strip()
    try:
        return _judged(container)
    finally:
        _buildah("rm", container)


def _judged(container: str) -> str:
    version = _buildah("run", "--isolation", "chroot", container, "--", "/opt/meridian/bin/meridian", "--version").strip()
    authorities = int(_buildah("run", "--isolation", "chroot", container, "--", "/opt/meridian/bin/python", "-c", AUTHORITIES))
    if not authorities:
        raise ToolFault("the image trusts no authority: no collector or bucket could be reached")
    root = Path(_buildah("mount", container).strip())
    shells = [name for name in ("bin/sh", "bin/bash", "usr/bin/dash", "usr/bin/apt", "usr/bin/dpkg") if (root / name).exists()]
    able = [str(path) for path in root.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o6000]
    if shells or able:
        raise ToolFault(f"the image has {shells or able}")
    _leave(root)
    config = json.loads(_buildah("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]
    if config["User"] != "65532:65532":
        raise ToolFault(f"the image runs as {config['User']}")
    size = sum(path.lstat().st_size for path in root.rglob("*")) // 2**20
    return f"{version}, {size} MiB, user 65532, {authorities} authorities, no shell, no setuid file"


def _leave(root: Path) -> None:
    """For `tests/deploy/test_the_image_serves_a_region.py`."""
    shutil.rmtree(ROOTFS, ignore_errors=True)
    run(["cp", "--archive", root, ROOTFS], ROOT)
    for name in RUNTIME_FOLDERS:
        (ROOTFS / name).mkdir(parents=True, exist_ok=True)


def _buildah(*words: str) -> str:
    done = subprocess.run([*BUILDAH, *words], capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise ToolFault(f"buildah {words[0]}: {done.stderr.strip()[-1500:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
