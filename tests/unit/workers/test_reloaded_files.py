"""Files that are read again: taken whole, within a second, or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from meridian.adapters.clock_system import SystemClock
from meridian.engine.secret_files import FileFault
from meridian.ports.security_events import SecurityEvent
from meridian.workers.reloaded_files import LOOK_SECONDS, SETTLE_SECONDS, ReloadedFiles, ReloadedFilesWorker


class Told:
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.events: list[tuple[SecurityEvent, str, dict[str, str]]] = []

    def report(self, event: SecurityEvent, *, subject: str = "", **details: str) -> None:
        self.events.append((event, subject, details))

    def report_fault(self, fault: BaseException, *, during: str) -> None:
        self.events.append((SecurityEvent.UNFORESEEN_FAULT, during, {}))


class Texts:
    """Files whose value is their text; one that begins with "bad" is refused, with "worse" raises what nobody foresaw."""

    def __init__(self, *paths: Path) -> None:
        self.files = paths
        self.value = self.read()[1]
        self.events = Told()
        self.registry = CollectorRegistry()
        kind = ReloadedFiles("some.files", lambda: self.files, self.read, self.use)
        self.worker = ReloadedFilesWorker([(kind, self.value)], SystemClock(), self.events, self.registry)

    def read(self) -> tuple[str, str]:
        text = "".join(path.read_text() for path in self.files if path.exists())
        if text.startswith("bad"):
            raise FileFault("line 1: is bad")
        if text.startswith("worse"):
            raise RuntimeError(text)
        return text, text

    def use(self, value: Any) -> None:
        self.value = value


@pytest.mark.asyncio
async def test_a_change_counts_after_two_looks_and_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    texts = Texts(file)
    job = texts.worker.job()

    looks = []
    for number in range(3):
        file.write_text(f"two {number}")
        looks.append(0)
        while texts.value != f"two {number}":
            await job.once()
            looks[-1] += 1
            await asyncio.sleep(job.every_seconds)
    assert max(looks) <= 2
    assert job.every_seconds == LOOK_SECONDS
    assert LOOK_SECONDS + SETTLE_SECONDS <= 0.5, "with what a look takes, what was removed is gone within a second"
    assert [(event, subject) for event, subject, _ in texts.events.events] == [(SecurityEvent.IDENTITY_FILES_CHANGED, "some.files")] * 3


@pytest.mark.asyncio
async def test_what_is_bad_or_gone_changes_nothing_and_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    texts = Texts(file)
    for text, event in (("bad", SecurityEvent.IDENTITY_FILES_REFUSED), ("worse", SecurityEvent.UNFORESEEN_FAULT)):
        texts.events.events.clear()
        file.write_text(text)
        for _ in range(3):
            await texts.worker.look()
        assert texts.value == "one"
        assert [found for found, _, _ in texts.events.events].count(event) == 1
        assert b'meridian_identity_files_refused{files="some.files"} 1.0' in generate_latest(texts.registry)
    file.write_text("one")
    await texts.worker.look()
    assert b'meridian_identity_files_refused{files="some.files"} 0.0' in generate_latest(texts.registry)
    assert b'meridian_identity_reloads_total{files="some.files",outcome="taken"} 0.0' in generate_latest(texts.registry)


@pytest.mark.asyncio
async def test_files_that_still_move_are_not_taken_half(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_text("a")
    second.write_text("b")
    texts = Texts(first, second)
    await texts.worker.look()
    first.write_text("A")

    async def write_the_other() -> None:
        await asyncio.sleep(SETTLE_SECONDS / 2)
        second.write_text("B")

    await asyncio.gather(texts.worker.look(), write_the_other())
    assert texts.value == "ab"
    await texts.worker.look()
    assert texts.value == "AB"


@pytest.mark.asyncio
async def test_reload_reads_what_shows_no_change(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    texts = Texts(file)
    await texts.worker.look()
    texts.read = lambda: ("two", "two")  # type: ignore[method-assign]  # a file whose time and size show no change
    kind = ReloadedFiles("some.files", lambda: texts.files, lambda: ("two", "two"), texts.use)
    worker = ReloadedFilesWorker([(kind, "one")], SystemClock(), texts.events, CollectorRegistry())
    await worker.look()
    texts.value = "forgotten"
    await worker.look()
    assert texts.value == "forgotten", "nothing has moved"
    worker.reload()
    await worker.look()
    assert texts.value == "forgotten", "read again, the same as what is in force"


@pytest.mark.asyncio
async def test_files_that_new_files_name_are_looked_at_too(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_text("a")
    texts = Texts(first)
    await texts.worker.look()
    second.write_text("b")
    texts.files = (first, second)
    await texts.worker.look()
    assert texts.value == "ab"
    second.write_text("c")
    await texts.worker.look()
    assert texts.value == "ac"
