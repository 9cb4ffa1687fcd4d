"""A pod of the chart whose container is the image itself: its root file system, read-only, as the user of the image, without capabilities.

Mounts and process ids are the pod's own, as under a container runtime; the network is the machine's, and no seccomp profile is loaded.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from deploy_objects import ROOT
from tests.deploy.pods import HOST, SECRET, Pod

ROOTFS = ROOT / "build" / "rootfs"
"""As `make image-check` leaves it."""
USER = 65532
PROGRAMS = ("unshare", "setpriv", "chroot", "mount")
ENVIRONMENT = {
    "PATH": "/opt/meridian/bin",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "HOME": "/tmp",  # noqa: S108 - as in the image
}
"""As the Containerfile has it."""
ENTER = """
root=$1 volumes=$2; shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o size=1m,mode=755 tmpfs "$root/dev"
for each in null zero urandom; do touch "$root/dev/$each"; mount --bind "/dev/$each" "$root/dev/$each"; done
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$root/tmp"
mount --bind "$volumes/var/lib/meridian" "$root/var/lib/meridian"
mount --bind "$volumes/etc/meridian" "$root/etc/meridian"
mount -o remount,bind,ro "$root/etc/meridian"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups= "$root" /opt/meridian/bin/meridian "$@"
"""
"""What a container runtime does before the entry point."""


def require_image() -> None:
    """Skips the test, with the reason, where the image of this tree cannot be run."""
    if not ROOTFS.is_dir():
        pytest.skip(f"{ROOTFS.relative_to(ROOT)} is absent, the root file system of the image: make image-check")
    (installed,) = ROOTFS.glob("opt/meridian/lib/python3.*/site-packages/meridian")
    for path in (ROOT / "service" / "meridian").rglob("*.py"):
        same = installed / path.relative_to(ROOT / "service" / "meridian")
        if not same.is_file() or same.read_bytes() != path.read_bytes():
            pytest.skip(f"the image was built of another {path.name}: make image-check")
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if os.geteuid() != 0 or absent:
        pytest.skip(f"only root can enter the image's root file system, with {', '.join(PROGRAMS)}")


@dataclass
class ImagePod(Pod):
    """Paths are those of the manifests; ports are this machine's."""

    _mode: dict[int, int] = field(default_factory=lambda: {SECRET: 0o440})
    """What a kubelet makes of modes for a pod with fsGroup."""

    def lay_claim(self, path: Path, kept: Path) -> None:
        path.chmod(0o770)
        os.chown(path, USER, USER)

    def rewritten(self, text: str) -> str:
        for there, here in self.ports.items():
            text = text.replace(f"0.0.0.0:{there}", f"{HOST}:{here}")
        return text

    def project(self, path: Path, files: Mapping[str, bytes], mode: int) -> None:
        super().project(path, files, mode)
        for name in files:
            os.chown(path / name, 0, USER)
            (path / name).chmod(self._mode.get(mode, mode))

    def mount(self) -> ImagePod:
        super().mount()
        for folder in ("etc/meridian", "var/lib/meridian"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        return self

    def environment(self) -> dict[str, str]:
        given = {each["name"]: self.rewritten(str(each.get("value", self.name))) for each in self.container.get("env") or []}
        return {**ENVIRONMENT, **given}

    def arguments(self) -> list[str]:
        sh, unshare = shutil.which("sh"), shutil.which("unshare")
        assert sh is not None
        assert unshare is not None
        own = [unshare, "--mount", "--pid", "--fork", "--kill-child", sh, "-ec", f"PATH=/usr/sbin:/usr/bin:/sbin:/bin\n{ENTER}", "sh"]
        return [*own, str(ROOTFS), str(self.root), *(self.rewritten(each) for each in self.container["args"])]

    @property
    def entry(self) -> int:
        """The process that is the first of the pod."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.entry, signal.SIGTERM)
            try:
                self.process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=40)
