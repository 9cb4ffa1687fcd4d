"""A key manager that answers with a flood: little of it is taken, the call is refused, and the process does its other work meanwhile."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from tests.standing_proxy import standing_proxy
from tests.xks_in_process import ASKED, CONTEXT, Outside, outside, own_key, said_of
from tests.xks_proxy import FLOODS

from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.xks_proxy.outcomes import TABLE, Outcome
from meridian.errors import KMSInvalidStateException

BUFFERS_BYTES = 8_000_000
"""What lies in buffers of two kernels and of TLS, of one connection."""
CALLS = 24


@pytest_asyncio.fixture
async def beside(tmp_path: Path) -> AsyncIterator[Outside]:
    empty = tmp_path / "empty.sqlite3"
    await asyncio.to_thread(lambda: asyncio.run(upgrade(f"sqlite:///{empty}")))
    async with outside(tmp_path, empty, said_of(standing_proxy()), standing_proxy()) as made:
        yield made


async def written(beside: Outside, prefix: str) -> int:
    """Bytes of the flood that were taken, once the manager has given up."""
    for _ in range(200):
        found = int(beside.proxy.tell(prefix)["written"])
        if found:
            return found
        await asyncio.sleep(0.05)
    return -1


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_is_refused_and_little_of_it_is_taken(beside: Outside, kind: str) -> None:
    prefix, key = await beside.new_key()
    await beside.stores.encrypt(key, CONTEXT, b"x", ASKED)
    beside.proxy.tell(prefix, mode={"wire": kind})
    with pytest.raises(KMSInvalidStateException) as caught, structlog.testing.capture_logs():
        await beside.stores.encrypt(key, CONTEXT, b"secret", ASKED)
    assert caught.value.message == TABLE[Outcome.MALFORMED].text, "it is refused by what came, and not by the time"
    assert 0 < await written(beside, prefix) < BUFFERS_BYTES
    beside.proxy.tell(prefix, mode={})
    assert (await beside.stores.encrypt(key, CONTEXT, b"x", ASKED)).ciphertext_blob, "its next answer is taken again"


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["interim", "hints", "headers"])
async def test_other_work_goes_on_beside_many_floods(beside: Outside, kind: str) -> None:
    prefix, key = await beside.new_key()
    own = own_key(beside.engine)
    await beside.stores.encrypt(key, CONTEXT, b"x", ASKED)
    beside.proxy.tell(prefix, mode={"wire": kind})
    before, gaps, last = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, [], time.thread_time()
    with structlog.testing.capture_logs():
        calls = [asyncio.create_task(beside.stores.encrypt(key, CONTEXT, b"x", ASKED)) for _ in range(CALLS)]
        while not all(call.done() for call in calls):
            beside.engine.symmetric_keys.encrypt(own, CONTEXT, b"x")
            await asyncio.sleep(0)
            gaps.append(time.thread_time() - last)  # of the processor, which others use as well
            last = time.thread_time()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {str(each) for each in answers} == {TABLE[Outcome.MALFORMED].text}
    assert max(gaps) < 0.25, "no flood keeps the loop to itself"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024, "KiB"
