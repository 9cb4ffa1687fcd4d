"""Names that hang take their own account's share of the threads, and nobody else's."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio

from meridian.adapters.xks_proxy.addresses import Dialling, EndpointService
from meridian.adapters.xks_proxy.checked_resolver import CheckedResolver
from meridian.adapters.xks_proxy.lookups import OF_ONE_ACCOUNT, THREADS, WAITING_MAX, Lookups

EVIL, WELL = "111122223333", "444455556666"


class NameServer:
    """In place of the system's: names of `hangs.test` are not answered until the end."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answering = threading.Event()

    def __call__(self, name: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(name)
        if name.endswith("hangs.test"):
            self.answering.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.114.1", port))]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    made = NameServer()
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", made)
        yield made
        made.answering.set()


@pytest_asyncio.fixture
async def lookups(server: NameServer) -> AsyncIterator[Lookups]:
    made = Lookups()
    yield made
    made.close()


async def hasty(lookups: Lookups, account: str, name: str) -> str:
    """One attempt, whose caller waits for little."""
    try:
        async with asyncio.timeout(0.1):
            return (await lookups.addresses(account, name, 443))[0]
    except TimeoutError:
        return "timed out"


@pytest.mark.asyncio
async def test_names_of_one_account_that_hang_hold_up_no_other_account(lookups: Lookups, server: NameServer) -> None:
    for _ in range(3):
        names = [hasty(lookups, EVIL, f"n{n}.hangs.test") for n in range(2 * THREADS)]
        assert set(await asyncio.gather(*names)) == {"timed out"}
    assert len(server.asked) == OF_ONE_ACCOUNT, "what nobody waits for any more is not begun"
    assert await asyncio.gather(*(hasty(lookups, WELL, f"n{n}.well.test") for n in range(20))) == ["203.0.114.1"] * 20
    server.answering.set()
    assert await lookups.addresses(EVIL, "n0.well.test", 443) == ["203.0.114.1"], "its share comes back once its names are answered"
    assert not [name for name in server.asked[OF_ONE_ACCOUNT:] if name.endswith("hangs.test")]


@pytest.mark.asyncio
async def test_more_than_may_wait_is_refused_at_once(lookups: Lookups) -> None:
    waiting = [asyncio.create_task(lookups.addresses(EVIL, f"n{n}.hangs.test", 443)) for n in range(OF_ONE_ACCOUNT + WAITING_MAX // 2)]
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await lookups.addresses(EVIL, "one.more.hangs.test", 443)
    assert (await lookups.addresses(WELL, "well.test", 443)) == ["203.0.114.1"]
    for task in waiting:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*waiting)


@pytest.mark.asyncio
async def test_a_name_is_looked_up_once_for_all_who_wait_for_it(lookups: Lookups, server: NameServer) -> None:
    waiting = [asyncio.create_task(lookups.addresses(account, "hangs.test", 443)) for account in (EVIL, WELL) * 50]
    while not server.asked:
        await asyncio.sleep(0.001)
    waiting.pop().cancel()
    server.answering.set()
    assert await asyncio.gather(*waiting) == [["203.0.114.1"]] * 99
    assert server.asked == ["hangs.test"]
    await lookups.addresses(WELL, "hangs.test", 443)
    assert len(server.asked) == 2, "every connection looks again"


@pytest.mark.asyncio
async def test_an_address_of_the_settings_takes_no_thread(lookups: Lookups, server: NameServer) -> None:
    services = {"service": EndpointService("xks.example.com", "[2606:4700::1]:8443")}
    dialling = Dialling((), {"xks.example.com": "198.41.0.4:8443"}, services)
    for service, address in ((None, "198.41.0.4"), ("service", "2606:4700::1")):
        found = await CheckedResolver(dialling, "xks.example.com", service, lookups, EVIL).resolve("xks.example.com")
        assert [(each["host"], each["port"]) for each in found] == [(address, 8443)]
    assert server.asked == []
