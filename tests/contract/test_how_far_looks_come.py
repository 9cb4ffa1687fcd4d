"""How far a look back comes, and how much an answer holds, says nothing of what is not shown of the records."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import logs_to_look_back_through
from tests.audit_logs import RULES as LONG_SEGMENTS
from tests.audit_logs import SteppingClock, record
from tests.contract.test_recent_records import clock, heavy, history
from tests.logs_to_look_back_through import ACCOUNT, Log

from meridian.adapters import audit_history
from meridian.adapters.heavy_workers import HeavyWorkers
from meridian.ports.audit_history import Wanted

__all__ = ["clock", "heavy"]


@pytest.mark.asyncio
async def test_how_far_a_look_comes_says_nothing_of_how_long_records_are(
    tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of a denied call is longer where the key of another account is there."""
    monkeypatch.setattr(audit_history, "LOOK_RECORDS", 100)
    monkeypatch.setattr(logs_to_look_back_through, "RULES", LONG_SEGMENTS)
    come = []
    for folder, padding in (("short", ""), ("long", "x" * 13_000)):
        log = Log(tmp_path / folder, clock)
        for number in range(300):
            log.file.write(
                [record(number, userIdentity={"accountId": ACCOUNT}, eventName="Encrypt" if number % 7 else "No", padding=padding)]
            )
        looked = history(log, heavy, tmp_path / folder)
        found = await looked.look(ACCOUNT, Wanted(ACCOUNT.encode(), lambda each: each["eventName"] == "No"), most=1000, place="")
        come.append([each["requestID"] for each in found.records])
    assert come[0] == come[1]
    assert 0 < len(come[0]) < 300 // 7


@pytest.mark.asyncio
async def test_what_is_not_shown_of_records_takes_no_room(
    tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_to_look_back_through, "RULES", LONG_SEGMENTS)
    log = Log(tmp_path, clock)
    for number in range(300):
        log.file.write([record(number, userIdentity={"accountId": ACCOUNT}, padding="x" * 13_000)])
    looked = history(log, heavy, tmp_path)
    whole = await looked.look(ACCOUNT, Wanted(ACCOUNT.encode(), lambda each: True), most=1000, place="")
    assert len(whole.records) < 300
    shown = Wanted(ACCOUNT.encode(), lambda each: True, shown=lambda each: {"requestID": each["requestID"]})
    short = await looked.look(ACCOUNT, shown, most=1000, place="")
    assert [each.keys() for each in short.records] == [{"requestID"}] * 300
