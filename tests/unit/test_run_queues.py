"""What the kernel says of threads is read as it says it."""

from __future__ import annotations

import os
import threading

from run_queues import Spent, of_process, of_thread


def test_a_thread_that_works_has_worked_and_its_process_at_least_as_much() -> None:
    before = of_thread()
    sum(range(300_000))
    spent = of_thread().since(before)
    assert spent.working > 0
    assert spent.waiting >= 0
    assert of_process(os.getpid()).working >= before.working + spent.working


def test_another_thread_has_its_own() -> None:
    found: list[Spent] = []
    thread = threading.Thread(target=lambda: found.append(of_thread()))
    thread.start()
    thread.join()
    assert found[0].working < of_thread().working


def test_what_was_spent_between_two_readings_is_their_difference() -> None:
    assert Spent(3.0, 1.5).since(Spent(1.0, 1.0)) == Spent(2.0, 0.5)
