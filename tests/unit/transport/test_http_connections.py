"""Connections of an HTTP listener, over real sockets: budgets, bounds, deadlines, and what a client is told at the end."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvloop

from meridian.adapters.clock_system import SystemClock
from meridian.crypto.certificates import new_authority, new_leaf
from meridian.domain.request_head import RequestHead
from meridian.ports.security_events import SecurityEvent
from meridian.transport.http1.application import Answer, Exchange, Known
from meridian.transport.http1.connection import ConnectionBounds
from meridian.transport.http1.faults import RefusedRequest
from meridian.transport.http1.server import HttpServer
from meridian.transport.http1.trust import NO_TRUST
from meridian.transport.listening import listening_socket

pytestmark = [pytest.mark.timeout(60), pytest.mark.thorough]

HOST = "127.0.0.1"
LONG = 30.0
BOUNDS = {"connections": 8, "head_seconds": LONG, "body_seconds": LONG, "idle_seconds": LONG, "body_bytes": 1000, "arriving_bytes": 10**6}
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class Heard:
    """Takes security events."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def report(self, event: SecurityEvent, *, subject: str = "", **details: str) -> None:
        raise AssertionError(event)

    def report_fault(self, fault: BaseException, *, during: str) -> None:
        self.faults.append(type(fault).__name__)


class Echo:
    """Answers with the body. `/known…` is asked by a known caller, `…slow` is answered when the test says so, `/bug` never."""

    def __init__(self, body_bytes: int) -> None:
        self.body_bytes = body_bytes
        self.go_on = asyncio.Event()
        self.bodies: list[bytes] = []

    def has(self, bodies: int) -> bool:
        return len(self.bodies) >= bodies

    def begin(self, head: RequestHead) -> Exchange:
        if head.path == "/early-bug":
            raise ZeroDivisionError

        async def answer(body: bytes, known: Known) -> Answer:
            if head.path.startswith("/known"):
                known(head.path)
            self.bodies.append(body)
            if head.path.endswith("slow"):
                await self.go_on.wait()
            if head.path == "/bug":
                raise ZeroDivisionError
            text = b"too large" if head.content_length > self.body_bytes else body
            return Answer(200, "text/plain", text)

        return Exchange(head.path != "/unwanted", answer)

    def refuse(self, refused: RefusedRequest) -> Answer:
        return Answer(refused.fault.status, "text/plain", refused.fault.name.encode())


class Listener:
    """A server on a free port, and its clients."""

    def __init__(self, tls: ssl.SSLContext | None, bounds: dict[str, Any]) -> None:
        self.echo, self.heard = Echo(bounds["body_bytes"]), Heard()
        self.server = HttpServer(
            self.echo,
            name="test",
            bounds=ConnectionBounds(**bounds),
            trust=replace(NO_TRUST, tls=tls),
            events=self.heard,
        )
        listening = listening_socket(f"{HOST}:0", is_shared=False)
        self.port = listening.getsockname()[1]
        self.server.start(listening)
        self.clients: list[asyncio.StreamWriter] = []

    async def connect(self, sent: bytes = b"", tls: ssl.SSLContext | None = None) -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection(HOST, self.port, ssl=tls, server_hostname="localhost" if tls else None)
        self.clients.append(writer)
        writer.write(sent)
        await writer.drain()
        return reader

    def send(self, sent: bytes) -> None:
        self.clients[-1].write(sent)

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not reached():
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def listener(tls: ssl.SSLContext | None = None, **changed: Any) -> AsyncIterator[Listener]:
    made = Listener(tls, {**BOUNDS, **changed})
    try:
        yield made
    finally:
        for writer in made.clients:
            writer.close()
        await made.server.stop(0)


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """(status, body) of the next answer."""
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: "))
        return int(head.split()[1]), await reader.readexactly(length)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the connection ends."""
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    """Runs a coroutine on each kind of loop that a Region may have."""

    def runs(story: Any) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(story)

    return runs


@pytest.fixture
def run_once() -> Callable[[Any], None]:
    """Runs a coroutine on the loop that a Region has by default."""

    def runs(story: Any) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(story)

    return runs


Run = Callable[[Any], None]


def post(path: str, body: bytes, *lines: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: h", f"Content-Length: {len(body)}", *lines, "", ""]).encode() + body


def test_one_request_after_the_other(run: Run) -> None:
    async def story() -> None:
        async with listener() as it:
            reader = await it.connect(post("/", b"one"))
            assert await answer(reader) == (200, b"one")
            it.send(post("/", b"two"))
            assert await answer(reader) == (200, b"two")
            it.send(post("/unwanted", b"three"))
            assert await answer(reader) == (200, b"")
            it.send(post("/", b"last", "Connection: close"))
            assert await answer(reader) == (200, b"last")
            assert await rest(reader) == b""
            assert it.echo.bodies == [b"one", b"two", b"", b"last"]

    run(story())


def test_head_is_answered_without_a_body_and_the_next_request_after_it(run: Run) -> None:
    async def story() -> None:
        async with listener() as it:
            reader = await it.connect()
            for _ in range(2):
                it.send(post("/", b"body").replace(b"POST", b"HEAD"))
                assert b"content-length: 4\r\n" in await reader.readuntil(b"\r\n\r\n")
                it.send(post("/", b"two"))
                assert await answer(reader) == (200, b"two")
            for refused in (b"HEAD / HTTP/1.1\r\nA: b\r\nA: c\r\n\r\n", b"HEAD / HTTP/2.0\r\n\r\n", b"HEAD /bug HTTP/1.1\r\n\r\n"):
                end = await rest(await it.connect(refused))
                assert end.partition(b"\r\n\r\n")[2] == b""
                assert end.split()[1] in (b"400", b"505", b"500")

    run(story())


@pytest.mark.parametrize(
    ("sent", "status", "name"),
    [
        (b"nonsense\r\n\r\n", 400, b"MALFORMED"),
        (b"GET / HTTP/1.1\r\nA: b\r\nA: c\r\n\r\n", 400, b"REPEATED_HEADER"),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 2_000_000, 431, b"HEAD_TOO_LARGE"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411, b"LENGTH_REQUIRED"),
        (b"GET /early-bug HTTP/1.1\r\n\r\n", 500, b"INTERNAL"),
        (b"GET /bug HTTP/1.1\r\n\r\n", 500, b"INTERNAL"),
    ],
    ids=lambda value: None if isinstance(value, int) else value[:24].decode(),
)
def test_what_is_no_request_is_refused_and_the_connection_ends(run_once: Run, sent: bytes, status: int, name: bytes) -> None:
    async def story() -> None:
        async with listener() as it:
            reader, writer = await asyncio.open_connection(HOST, it.port)
            writer.write(sent)
            assert await answer(reader) == (status, name)
            assert await rest(reader) == b""
            writer.close()
            assert it.heard.faults == (["ZeroDivisionError"] if status == 500 else [])

    run_once(story())


def test_a_body_that_is_too_long_is_answered_before_it_is_there(run: Run) -> None:
    async def story() -> None:
        async with listener() as it:
            reader = await it.connect(b"POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + b"x" * 400_000)
            assert await answer(reader) == (200, b"too large")
            assert it.echo.bodies == [b""]
            assert await rest(reader) == b""

    run(story())


def test_a_second_request_before_the_answer_ends_the_connection_after_it(run: Run) -> None:
    async def story() -> None:
        async with listener() as it:
            reader = await it.connect(post("/slow", b"one"))
            await it.until(lambda: it.echo.bodies == [b"one"])
            it.send(post("/", b"two"))
            await asyncio.sleep(0.1)
            it.echo.go_on.set()
            assert await answer(reader) == (200, b"one")
            assert await rest(reader) == b""
            assert it.echo.bodies == [b"one"]

    run(story())


@pytest.mark.parametrize(
    ("bound", "sent", "told"),
    [
        ("head_seconds", b"", b""),
        ("head_seconds", b"POST / HTTP/1.1\r\nHost: h\r\n", b"408"),
        ("body_seconds", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell", b"408"),
        ("idle_seconds", GET, b""),
    ],
)
def test_each_stage_has_its_time(run_once: Run, bound: str, sent: bytes, told: bytes) -> None:
    async def story() -> None:
        async with listener(None, **{bound: 0.2}) as it:
            reader = await it.connect(sent)
            if sent == GET:
                assert await answer(reader) == (200, b"")
            end = await rest(reader)
            assert end.startswith(b"HTTP/1.1 " + told if told else b"")
            assert bool(end) == bool(told)
            await it.until(lambda: it.server.connections == 0)
        async with listener() as it:
            reader = await it.connect(sent)
            if sent == GET:
                assert await answer(reader) == (200, b"")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 2.5)

    run_once(story())


def test_a_time_per_byte_keeps_no_connection(run_once: Run) -> None:
    async def story() -> None:
        async with listener(head_seconds=1.0) as it:
            reader = await it.connect(b"POST / HTTP/1.1\r\n")
            end = asyncio.create_task(reader.readline())  # alone: what was sent too late resets the connection behind it
            for number in range(100):
                if end.done():
                    break
                with contextlib.suppress(ConnectionError):
                    it.send(b"A%d: b\r\n" % number)
                await asyncio.sleep(0.1)
            assert number < 99
            assert (await end).startswith(b"HTTP/1.1 408")
            await it.until(lambda: it.server.connections == 0)

    run_once(story())


def test_a_newcomer_takes_the_place_of_who_never_proved_who_he_is(run: Run) -> None:
    async def story() -> None:
        async with listener() as it:
            known = await it.connect(post("/known", b"k"))
            assert await answer(known) == (200, b"k")
            working = it.clients[-1]
            half_open = [await it.connect(b"POST / HTTP/1.1\r\n") for _ in range(7)]
            await it.until(lambda: it.server.connections == 8)
            for number in range(7):
                newcomer = await it.connect(post("/", b"n%d" % number))
                assert await answer(newcomer) == (200, b"n%d" % number)
            assert it.server.connections == 8
            assert it.server.given_up == 7
            for reader in half_open:
                assert await rest(reader) == b""
            working.write(post("/known", b"still here"))
            assert await answer(known) == (200, b"still here")

    run(story())


def test_a_caller_is_known_before_his_answer_is_there(run: Run) -> None:
    async def story() -> None:
        async with listener() as it:
            known = [await it.connect(post("/known-slow", b"k")) for _ in range(7)]
            await it.until(lambda: it.echo.bodies.count(b"k") == 7)
            for number in range(20):
                newcomer = await it.connect(post("/", b"n%d" % number))
                assert await answer(newcomer) == (200, b"n%d" % number)
            assert (it.server.given_up, it.server.turned_away) == (19, 0)
            it.echo.go_on.set()
            for reader in known:
                assert await answer(reader) == (200, b"k")

    run(story())


def test_known_callers_at_work_are_never_cut_off_and_those_that_rest_make_way(run: Run) -> None:
    async def story() -> None:
        async with listener() as it:
            readers = []
            for _ in range(8):
                readers.append(await it.connect(post("/known", b"k")))
                assert await answer(readers[-1]) == (200, b"k")
            for writer in it.clients[:8]:
                writer.write(post("/slow", b"s"))
            await it.until(lambda: it.echo.bodies.count(b"s") == 8)
            turned_away = await it.connect(GET)
            assert await rest(turned_away) == b""
            assert (it.server.turned_away, it.server.given_up) == (1, 0)
            it.echo.go_on.set()
            for reader in readers:
                assert await answer(reader) == (200, b"s")
            newcomer = await it.connect(GET)
            assert await answer(newcomer) == (200, b"")
            assert await rest(readers[0]) == b""
            it.clients[1].write(GET)
            assert await answer(readers[1]) == (200, b"")

    run(story())


@pytest.mark.parametrize("begun", [b"P", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell"])
def test_known_callers_whose_next_request_does_not_arrive_make_way_after_those_that_rest(run: Run, begun: bytes) -> None:
    async def story() -> None:
        async with listener() as it:
            readers = []
            for _ in range(8):
                readers.append(await it.connect(post("/known", b"k")))
                assert await answer(readers[-1]) == (200, b"k")
            for writer in it.clients[:6]:
                writer.write(begun)
            it.clients[6].write(post("/slow", b"s"))
            await it.until(lambda: b"s" in it.echo.bodies)
            await asyncio.sleep(0.2)
            for number in range(12):
                newcomer = await it.connect(post("/known", b"n%d" % number))
                assert await answer(newcomer) == (200, b"n%d" % number)
                it.send(begun)
                await asyncio.sleep(0.05)
            assert await rest(readers[7]) == b"", "who rested made way first"
            for reader in readers[:6]:
                assert await rest(reader) == b""
            assert (it.server.turned_away, it.server.given_up) == (0, 12)
            it.echo.go_on.set()
            assert await answer(readers[6]) == (200, b"s"), "a known caller whose request has arrived is never cut off"

    run(story())


def test_bodies_that_arrive_have_a_budget_and_the_one_that_takes_longest_is_refused(run: Run) -> None:
    async def story() -> None:
        async with listener(connections=16, arriving_bytes=2500) as it:
            known = await it.connect(post("/known", b"k"))
            assert await answer(known) == (200, b"k")
            head = b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"
            it.send(head + b"x" * 900)
            slow = []
            for _ in range(5):
                await asyncio.sleep(0.1)
                slow.append(await it.connect(head + b"x" * 900))
            for reader in slow[:4]:
                assert await answer(reader) == (503, b"OVERLOADED")
                assert await rest(reader) == b""
            assert it.server.overloaded == 4
            honest = await it.connect(post("/", b"y" * 1000))
            assert await answer(slow[4]) == (503, b"OVERLOADED")
            assert await answer(honest) == (200, b"y" * 1000)
            it.clients[0].write(b"x" * 100)
            assert await answer(known) == (200, b"x" * 1000), "who has proved who he is comes last"
            for _ in range(5):
                again = await it.connect(post("/slow", b"z" * 1000))
            await it.until(lambda: it.echo.bodies.count(b"z" * 1000) == 5)
            it.echo.go_on.set()
            assert await answer(again) == (200, b"z" * 1000)
            assert (it.server.overloaded, it.server._arriving_bytes, it.server._arriving) == (5, 0, {})

    run(story())


def test_a_known_caller_with_most_connections_gives_way_before_newcomers(run: Run) -> None:
    async def story() -> None:
        async with listener() as it:
            greedy = []
            for number in range(8):
                path = "/known-other" if number in (0, 7) else "/known"
                greedy.append(await it.connect(post(path, b"k")))
                assert await answer(greedy[-1]) == (200, b"k")
            newcomers = [await it.connect(b"POST / HTTP/1.1\r\n") for _ in range(2)]
            await it.until(lambda: it.server.given_up == 2)
            for reader in (greedy[1], greedy[2]):
                assert await rest(reader) == b""
            for reader, writer in zip(newcomers, it.clients[-2:], strict=True):
                writer.write(b"Content-Length: 1\r\n\r\nn")
                assert await answer(reader) == (200, b"n")
            last = await it.connect(post("/", b"l"))  # with a half of the connections he gives way no more
            assert await answer(last) == (200, b"l")
            assert await rest(newcomers[0]) == b""

    run(story())


def test_a_known_caller_with_most_of_the_bodies_gives_way_before_newcomers(run: Run) -> None:
    async def story() -> None:
        async with listener(connections=16, arriving_bytes=2500) as it:
            greedy = []
            for _ in range(2):
                greedy.append(await it.connect(post("/known", b"k")))
                assert await answer(greedy[-1]) == (200, b"k")
                it.send(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n" + b"x" * 900)
            await it.until(lambda: it.server._arriving_bytes == 1800)
            honest = await it.connect(post("/", b"y" * 1000))
            assert await answer(honest) == (200, b"y" * 1000)
            assert await answer(greedy[0]) == (503, b"OVERLOADED")

    run(story())


def test_who_does_not_read_his_answers_asks_nothing_more(run_once: Run) -> None:
    async def story() -> None:
        async with listener(idle_seconds=2.0, body_bytes=200_000) as it:
            reader = await it.connect()
            reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio has no public way to read nothing
            request, asked = post("/", b"x" * 200_000), 0
            await it.until(lambda: it.server.connections == 1)
            while asked < 500 and it.server.connections:
                it.send(request)
                asked += 1
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await it.until(partial(it.echo.has, asked))
            assert 1 < len(it.echo.bodies) < 200
            await it.until(lambda: it.server.connections == 0)

    run_once(story())


def test_stopping_lets_an_answer_be_written(run: Run) -> None:
    async def story() -> None:
        async with listener() as it:
            resting = await it.connect(GET)
            assert await answer(resting) == (200, b"")
            reader = await it.connect(post("/slow", b"one"))
            await it.until(lambda: b"one" in it.echo.bodies)
            stopping = asyncio.create_task(it.server.stop(10))
            assert await rest(resting) == b""
            it.echo.go_on.set()
            assert await answer(reader) == (200, b"one")
            await stopping
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await it.connect()

    run(story())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of the server and of a client that trusts it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    now = SystemClock().now()
    authority = new_authority("test", now)
    leaf = new_leaf(authority, "server", now, dns_names=["localhost"])
    for name, data in (("ca.crt", authority.certificate), ("s.crt", leaf.certificate), ("s.key", leaf.private_key)):
        (folder / name).write_bytes(data)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "s.crt", folder / "s.key")
    return server, ssl.create_default_context(cafile=str(folder / "ca.crt"))


def test_half_a_handshake_counts_as_a_connection_and_ends(run: Run, certificates: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def story() -> None:
        tls, trusting = certificates
        async with listener(tls, head_seconds=1.0) as it:
            reader = await it.connect(post("/", b"one"), trusting)
            assert await answer(reader) == (200, b"one")
            silent = await it.connect()
            plain = await it.connect(GET)
            await it.until(lambda: it.server.connections <= 3)
            assert not (await rest(plain)).startswith(b"HTTP")
            assert await rest(silent) == b""
            await it.until(lambda: it.server.connections == 1)
            half_open = [await it.connect(b"\x16\x03\x01\x02\x00") for _ in range(20)]
            await it.until(lambda: it.server.given_up >= 12)
            assert it.server.connections == 8
            again = await it.connect(post("/", b"two"), trusting)
            assert await answer(again) == (200, b"two")
            for each in half_open:
                await rest(each)
            assert it.heard.faults == []

    run(story())
