"""Heavy work: a bounded queue, accounts in turn, and processes that answer, end and come again."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.reported_events import ReportedEvents

from meridian.adapters.heavy_workers import HeavyWorkers
from meridian.adapters.separate_processes import OF_KEYS_AND_POLICIES, SeparateProcesses
from meridian.adapters.served_account import NOBODY, served_account, serving
from meridian.authorization.language.evaluator import PolicySyntaxError, policies_as_json
from meridian.crypto import key_pairs
from meridian.domain.limits import Limits
from meridian.errors import KMSInternalException, ThrottlingException
from meridian.ports.security_events import SecurityEvent
from meridian.short_turns import SWITCH_SECONDS, ShortTurns

WAIT_SECONDS = 20.0
POLICY = "permit (principal, action, resource);"


def workers(*, threads: int = 2, queue: int = 8, wait: float = WAIT_SECONDS) -> HeavyWorkers:
    return HeavyWorkers(workers=threads, queue_max=queue, wait_seconds=wait, turns=ShortTurns())


@pytest.fixture
def held() -> Iterator[SeparateProcesses]:
    processes = SeparateProcesses(
        ReportedEvents(), program=OF_KEYS_AND_POLICIES, most=1, wait_seconds=WAIT_SECONDS, answer_seconds=WAIT_SECONDS
    )
    yield processes
    processes.close()


# ---- threads


def test_work_runs_beside_the_loop_and_its_fault_comes_back() -> None:
    async def story() -> None:
        heavy = workers()
        assert await heavy.run("a", threading.get_ident) != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await heavy.run("a", lambda: 1 / 0)
        heavy.close()

    asyncio.run(story())


def test_one_account_has_half_of_the_threads_and_of_the_queue() -> None:
    async def story() -> None:
        heavy, opened = workers(threads=2, queue=8), threading.Event()
        flood = [asyncio.create_task(heavy.run("flood", lambda: opened.wait(WAIT_SECONDS))) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(ThrottlingException):
            await heavy.run("flood", lambda: True)
        assert heavy.waiting == 4
        assert await heavy.run("honest", lambda: "served"), "a thread is left for others"
        opened.set()
        assert all(await asyncio.gather(*flood))
        assert (heavy.waiting, heavy.refused) == (0, 1)
        heavy.close()

    asyncio.run(story())


def test_the_newest_is_refused_where_all_accounts_fill_the_queue() -> None:
    async def story() -> None:
        heavy, opened = workers(threads=2, queue=4), threading.Event()
        flood = [asyncio.create_task(heavy.run(f"{n}", lambda: opened.wait(WAIT_SECONDS))) for n in range(6)]
        await asyncio.sleep(0)
        with pytest.raises(ThrottlingException):
            await heavy.run("one more", lambda: True)
        opened.set()
        await asyncio.gather(*flood)
        heavy.close()

    asyncio.run(story())


def test_a_newcomer_takes_the_place_of_the_newest_of_the_longest_queue() -> None:
    async def story() -> None:
        heavy, opened = workers(threads=2, queue=8), threading.Event()
        names = ["a"] * 4 + ["b"] * 6  # one of each runs; the last has no place
        flood = [asyncio.create_task(heavy.run(name, lambda: opened.wait(WAIT_SECONDS))) for name in names]
        await asyncio.sleep(0)
        more = asyncio.create_task(heavy.run("a", lambda: opened.wait(WAIT_SECONDS)))
        await asyncio.sleep(0)
        assert heavy.waiting == 8
        assert [task.done() for task in flood] == [False] * 9 + [True], "half of the queue and no more"
        honest = asyncio.create_task(heavy.run("honest", lambda: "served"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert isinstance(more.exception(), ThrottlingException), "the newest of the longest queue"
        assert not any(task.done() for task in flood[:9])
        opened.set()
        assert await honest == "served"
        assert all(await asyncio.gather(*flood[:9]))
        assert isinstance(flood[9].exception(), ThrottlingException)
        assert (heavy.waiting, heavy.refused) == (0, 2)
        heavy.close()

    asyncio.run(story())


def test_nobody_takes_a_place_to_have_as_many_as_he_took_it_from() -> None:
    async def story() -> None:
        heavy, opened = workers(threads=2, queue=4), threading.Event()
        flood = [asyncio.create_task(heavy.run(name, lambda: opened.wait(WAIT_SECONDS))) for name in ("a", "b", "a", "a", "b", "c")]
        await asyncio.sleep(0)
        assert heavy.waiting == 4
        with pytest.raises(ThrottlingException):
            await heavy.run("c", lambda: True)
        assert not any(task.done() for task in flood)
        opened.set()
        await asyncio.gather(*flood)
        heavy.close()

    asyncio.run(story())


def test_accounts_take_turns() -> None:
    async def story() -> list[str]:
        heavy, opened, order = workers(threads=1, queue=16), threading.Event(), list[str]()

        def work(account: str) -> Callable[[], None]:
            def run() -> None:
                opened.wait(WAIT_SECONDS)
                order.append(account)

            return run

        names = ["flood"] * 4 + ["honest"]
        await asyncio.gather(*(heavy.run(name, work(name)) for name in names), _open(opened))
        heavy.close()
        return order

    async def _open(event: threading.Event) -> None:
        event.set()

    assert asyncio.run(story()).index("honest") <= 1


def test_a_turn_that_does_not_come_in_time_is_refused_and_leaves_no_trace() -> None:
    async def story() -> None:
        heavy, opened = workers(threads=1, wait=0.05), threading.Event()
        running = asyncio.create_task(heavy.run("a", lambda: opened.wait(WAIT_SECONDS)))
        await asyncio.sleep(0)
        with pytest.raises(ThrottlingException):
            await heavy.run("b", lambda: True)
        assert heavy.waiting == 0
        opened.set()
        await running
        assert await heavy.run("b", lambda: True)
        heavy.close()

    asyncio.run(story())


def test_a_caller_who_goes_away_keeps_the_thread_until_his_work_ends() -> None:
    async def story() -> None:
        heavy, opened = workers(threads=1), threading.Event()
        gone = asyncio.create_task(heavy.run("a", lambda: opened.wait(WAIT_SECONDS)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gone.cancel()
        next_one = asyncio.create_task(heavy.run("b", opened.is_set))
        while not heavy.waiting:
            await asyncio.sleep(0)
        assert not next_one.done()
        opened.set()
        assert await next_one
        heavy.close()

    asyncio.run(story())


def test_a_turn_cancelled_in_the_step_in_which_a_thread_comes_free_costs_no_thread() -> None:
    usual = sys.getswitchinterval()

    class CallersGoThen(ShortTurns):
        gone: tuple[asyncio.Task[bool], ...] = ()

        def end(self) -> None:
            super().end()
            leaving, self.gone = self.gone, ()
            for caller in leaving:
                caller.cancel()

    async def story() -> None:
        turns, opened = CallersGoThen(), threading.Event()
        heavy = HeavyWorkers(workers=1, queue_max=8, wait_seconds=WAIT_SECONDS, turns=turns)
        running = asyncio.create_task(heavy.run("a", lambda: opened.wait(WAIT_SECONDS)))
        await asyncio.sleep(0)
        gone = tuple(asyncio.create_task(heavy.run("a", lambda: True)) for _ in range(2))
        stays = asyncio.create_task(heavy.run("a", lambda: "served"))
        await asyncio.sleep(0)
        assert heavy.waiting == 3
        turns.gone = gone
        opened.set()
        assert await running
        async with asyncio.timeout(WAIT_SECONDS):
            assert await stays == "served"
            assert await heavy.run("a", lambda: "again") == "again"
        assert [type(fault) for fault in await asyncio.gather(*gone, return_exceptions=True)] == [asyncio.CancelledError] * 2
        await asyncio.sleep(0)
        assert (heavy.waiting, heavy._free, heavy._running.total()) == (0, 1, 0)
        heavy.close()

    asyncio.run(story())
    assert sys.getswitchinterval() == usual


def test_every_free_thread_is_given_out_at_once() -> None:
    async def story() -> None:
        heavy, both_run = workers(threads=4, queue=16), threading.Barrier(2)
        opened = threading.Event()
        others = [asyncio.create_task(heavy.run(name, lambda: opened.wait(WAIT_SECONDS))) for name in ("a", "a", "b", "b")]
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(heavy.run("c", lambda: both_run.wait(WAIT_SECONDS))) for _ in range(2)]
        held_up = asyncio.create_task(heavy.run("a", lambda: opened.wait(WAIT_SECONDS)))
        await asyncio.sleep(0)
        for _ in range(2):
            heavy._give_back("b")
        heavy._give_turns()
        assert heavy._running["c"] == 2, "a second account in the queue keeps no free thread from the first"
        opened.set()
        await asyncio.gather(*others, *waiting, held_up)
        heavy.close()

    asyncio.run(story())


def test_turns_are_short_while_work_is_under_way_and_as_before_afterwards() -> None:
    usual = sys.getswitchinterval()

    async def story() -> float:
        heavy = workers()
        seen = await heavy.run("a", sys.getswitchinterval)
        await asyncio.sleep(0)
        heavy.close()
        return seen

    assert asyncio.run(story()) == pytest.approx(SWITCH_SECONDS)
    assert sys.getswitchinterval() == usual


# ---- processes


def test_a_process_answers_as_this_one_would(held: SeparateProcesses) -> None:
    assert held.policies_as_json(POLICY) == policies_as_json(POLICY)
    assert held.laid_out(POLICY).strip()
    with pytest.raises(PolicySyntaxError):
        held.policies_as_json("permit (")
    pkcs8 = key_pairs.new_private_key("RSA_2048")
    assert held.rsa_key_from_outside("RSA_2048", pkcs8) == pkcs8
    with pytest.raises(ValueError, match="another kind"):
        held.rsa_key_from_outside("RSA_3072", pkcs8)
    assert held.started == 2, "one for policies, one for imported keys"


def test_an_import_that_takes_long_keeps_other_imports_waiting_for_a_bounded_time_and_no_policy() -> None:
    limits = Limits(heavy_process_wait_seconds=0.3)
    held = SeparateProcesses(
        ReportedEvents(), program=OF_KEYS_AND_POLICIES, most=1, wait_seconds=limits.heavy_process_wait_seconds, answer_seconds=WAIT_SECONDS
    )
    pkcs8 = key_pairs.new_private_key("RSA_2048")
    held.rsa_key_from_outside("RSA_2048", pkcs8)
    (child,) = held.pids
    os.kill(child, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as another:
        long = another.submit(held.rsa_key_from_outside, "RSA_2048", pkcs8)
        try:
            while held._places["imports"].idle:
                time.sleep(0.01)
            with pytest.raises(ThrottlingException):
                held.rsa_key_from_outside("RSA_2048", pkcs8)
            assert held.policies_as_json(POLICY) == policies_as_json(POLICY)
        finally:
            os.kill(child, signal.SIGCONT)
        assert long.result(WAIT_SECONDS) == pkcs8
    held.close()


def test_accounts_take_turns_at_a_process(held: SeparateProcesses) -> None:
    held.policies_as_json(POLICY)
    (child,) = held.pids
    os.kill(child, signal.SIGSTOP)
    places, order = held._places["policies"], list[str]()

    def ask(name: str) -> None:
        serving(name[0], lambda: held.policies_as_json(POLICY))
        order.append(name)

    with ThreadPoolExecutor(4) as threads:
        try:
            asked = [threads.submit(ask, "a1")]
            while places.idle:
                time.sleep(0.01)
            for number, name in enumerate(("a2", "a3", "b1"), 1):
                asked.append(threads.submit(ask, name))
                while sum(places.waiting.values()) < number:
                    time.sleep(0.01)
        finally:
            os.kill(child, signal.SIGCONT)
        for each in asked:
            each.result(WAIT_SECONDS)
    assert order.index("b1") <= 2, order
    assert (places.idle, places.waiting) == (1, {})


def test_work_in_a_thread_is_its_accounts() -> None:
    async def story() -> None:
        heavy = workers()
        assert await asyncio.gather(*(heavy.run(name, served_account) for name in "aabb")) == [*"aabb"]
        assert served_account() == NOBODY
        heavy.close()

    asyncio.run(story())


def test_a_process_that_ends_costs_one_call_and_is_told_and_another_comes() -> None:
    events = ReportedEvents()
    held = SeparateProcesses(events, program=OF_KEYS_AND_POLICIES, most=1, wait_seconds=WAIT_SECONDS, answer_seconds=WAIT_SECONDS)
    held.policies_as_json(POLICY)
    os.kill(held.pids[0], signal.SIGKILL)
    with pytest.raises(KMSInternalException):
        held.policies_as_json(POLICY)
    assert [(event, subject) for event, subject, _ in events.reported] == [(SecurityEvent.SEPARATE_PROCESS_ENDED, "policies_as_json")]
    assert held.policies_as_json(POLICY)
    assert held.started == 2
    assert len(held.pids) == 1
    held.close()
    with pytest.raises(KMSInternalException):
        held.policies_as_json(POLICY)
    assert len(events.reported) == 1, "the end of the Region is nothing to tell of"


def test_a_process_that_does_not_answer_is_ended() -> None:
    held = SeparateProcesses(ReportedEvents(), program=OF_KEYS_AND_POLICIES, most=1, wait_seconds=WAIT_SECONDS, answer_seconds=WAIT_SECONDS)
    held.policies_as_json(POLICY)
    (stopped,) = held.pids
    held._answer_seconds = 0.2
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(KMSInternalException):
        held.policies_as_json(POLICY)
    assert not _lives(stopped)
    held.close()


def test_a_process_answers_where_more_than_1024_files_are_open(held: SeparateProcesses) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2048
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    opened: list[int] = []
    try:
        while not opened or opened[-1] <= 1100:
            opened.append(os.open(os.devnull, os.O_RDONLY))
        assert held.policies_as_json(POLICY) == policies_as_json(POLICY)
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


AFTER_ITS_END = """
import ctypes, os, resource
from meridian.adapters.separate_process import TASKS, main
main(os.getppid(), TASKS)
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_process_leaves_no_core_file_and_lets_nobody_look_into_it() -> None:
    done = subprocess.run([sys.executable, "-c", AFTER_ITS_END], input="", capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["0", "0", "0"]


@pytest.mark.skipif(sys.platform != "linux", reason="the command line is read as Linux shows it")
def test_the_command_line_of_a_process_says_nothing(held: SeparateProcesses) -> None:
    held.rsa_key_from_outside("RSA_2048", key_pairs.new_private_key("RSA_2048"))
    shown = Path(f"/proc/{held.pids[0]}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    assert shown[1:] == [b"-m", b"meridian.adapters.separate_process", str(os.getpid()).encode()]


CHILD = """
import sys, time
from meridian.adapters.separate_processes import OF_KEYS_AND_POLICIES, SeparateProcesses
from tests.reported_events import ReportedEvents
held = SeparateProcesses(ReportedEvents(), program=OF_KEYS_AND_POLICIES, most=1, wait_seconds=20.0, answer_seconds=20.0)
held.policies_as_json("permit (principal, action, resource);")
print(held.pids[0], flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_ends_with_its_parent_however_that_ends(number: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert _lives(child)
    parent.send_signal(number)
    parent.wait(WAIT_SECONDS)
    parent.stdout.close()
    until = time.monotonic() + WAIT_SECONDS
    while _lives(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
