"""Files that were refused and are good again are told, whether they are the old ones or new ones."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry
from tests.audit_logs import SteppingClock
from tests.reported_events import ReportedEvents

from meridian.engine.secret_files import FileFault
from meridian.workers import reloaded_files
from meridian.workers.reloaded_files import ReloadedFiles, ReloadedFilesWorker


@pytest.mark.parametrize("mended", ["sound", "sound, too"])
def test_a_mended_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mended: str) -> None:
    monkeypatch.setattr(reloaded_files, "SETTLE_SECONDS", 0.0)
    path = tmp_path / "file"
    path.write_text("sound")

    def read() -> tuple[str, str]:
        if path.read_text() == "torn":
            raise FileFault("torn")
        return path.read_text(), path.read_text()

    files = ReloadedFiles("principals", lambda: (path,), read, lambda value: None)
    worker = ReloadedFilesWorker([(files, "sound")], SteppingClock(), ReportedEvents(), CollectorRegistry())

    async def change(text: str) -> list[str]:
        path.write_text(text)
        worker.reload()
        with structlog.testing.capture_logs() as logs:
            await worker.look()
        return [log["event"] for log in logs]

    async def walk() -> None:
        assert await change("sound") == []
        assert await change("torn") == ["files refused, what was in force stays"]
        assert await change(mended) == ["files are good again"]
        assert await change(mended) == []

    asyncio.run(walk())
