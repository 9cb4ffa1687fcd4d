"""A Region to be measured."""

from __future__ import annotations

import os
from pathlib import Path

import bench_reload
from bench_process import GENERATOR, pin
from tests.deployment import HOME, Deployment


class Server:
    """A Region on a core of its own."""

    def __init__(self, root: Path, audit: str = "", policies: int = 0, principals: int = 0, settings_added: str = "") -> None:
        self.deployment = Deployment(root, [HOME], settings_added=settings_added).prepare()
        settings = self.deployment.place(HOME).settings
        settings.write_text(settings.read_text().replace("[audit]\n", f"[audit]\n{audit}"))
        for number in range(policies):
            (root / "policies" / f"extra-{number:04d}.cedar").write_text(bench_reload.extra_policy(number))
        with (root / "principals.toml").open("a") as file:
            file.writelines(map(bench_reload.extra_principal, range(principals)))
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        try:
            self.deployment.start(HOME)
        except BaseException:
            self.close()
            raise
        os.sched_setaffinity(0, {GENERATOR})
        self.pid = self.deployment.processes[HOME].pid
        pin(self.pid)

    def encrypts(self) -> float:
        """Encrypts until now that went well."""
        return self.deployment.metrics(HOME).get('meridian_calls_total{operation="Encrypt",outcome="ok"}', 0.0)

    def close(self) -> None:
        self.deployment.stop_all()
