"""What a start and the shipping of events read, and how much memory they take, does not depend on how much history there is."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from tests.audit_logs import plant_history
from tests.contract.test_audit_shipping import Process, event, times

from meridian.adapters.store_sql.store import SqlStore

MEBIBYTE = 1 << 20
STREAMS, BYTES_EACH = 6, 50 * MEBIBYTE
READ_MAX = 4 * MEBIBYTE
"""A start looks for a torn line in the last mebibyte, takes the last hash from there, and reads one line of each stream."""
MEMORY_MAX = 8 * MEBIBYTE


def bytes_read() -> int:
    """By this process, from files and everything else."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


@pytest.mark.asyncio
async def test_an_event_is_shipped_after_a_crash_without_reading_history(store: SqlStore, tmp_path: Path) -> None:
    plant_history(tmp_path, STREAMS, BYTES_EACH)
    one = await Process(store, tmp_path, "s1").start()
    for number in range(300):
        await one.stream.append({"eventName": "Encrypt", "meridian": {}, "padding": "x" * 8000, "requestID": str(number)})
    await one.commit("before", "written", "unwritten")
    await one.shipping.write(event("before"))
    await one.shipping.register(is_closed=False)
    await one.shipping.write(event("written"))
    await one.die()
    tracemalloc.start()
    before = bytes_read()
    two = await Process(store, tmp_path, "s2").start()
    await two.commit("next")
    two.shipping.drop("next")
    await two.shipping.ship()
    read, (_, peak) = bytes_read() - before, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await two.die()
    for path in tmp_path.glob("*-old*"):
        path.unlink()
    assert times(tmp_path) == {"before": 1, "written": 1, "unwritten": 1, "next": 1}
    assert read < READ_MAX
    assert peak < MEMORY_MAX
