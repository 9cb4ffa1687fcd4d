"""Work in parts: the same outcomes on one core and on several, in order, whatever becomes of a process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from meridian.authorization.sets.packaged import policy_folder, schema_text
from meridian.policy_kit import cores as cores_module
from meridian.policy_kit.cores import Cores
from meridian.policy_kit.many import Deciding, decide_all
from meridian.policy_kit.policy_set import open_policy_set
from meridian.policy_kit.prove import prove
from meridian.policy_kit.suites import load_suites


@dataclass(frozen=True)
class Doubling:
    """Says which process doubled a number; ends the process that gets `fatal`, unless it is the one that asked."""

    asker: int
    fatal: int = -1

    def begin(self) -> Callable[[int], tuple[int, int]]:
        return self._double

    def _double(self, number: int) -> tuple[int, int]:
        if number == self.fatal and os.getpid() != self.asker:
            os._exit(9)
        return number * 2, os.getpid()


@dataclass(frozen=True)
class Failing:
    def begin(self) -> Callable[[int], int]:
        return self._fail

    def _fail(self, number: int) -> int:
        raise ValueError(f"no {number}")


def test_one_core_needs_no_process() -> None:
    with Cores(1) as cores:
        assert list(cores.each(Doubling(os.getpid()), range(3))) == [(0, os.getpid()), (2, os.getpid()), (4, os.getpid())]


def test_several_cores_work_elsewhere_and_answer_in_order_and_only_as_far_as_asked() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with Cores(2) as cores:
        outcomes = cores.each(Doubling(os.getpid()), numbers())
        first = [next(outcomes) for _ in range(10)]
        outcomes.close()  # type: ignore[attr-defined]  # a generator
        second = list(cores.each(Doubling(os.getpid()), range(5)))
        with pytest.raises(ValueError, match="no 0"):
            list(cores.each(Failing(), range(3)))
    assert [number for number, _ in first] == [number * 2 for number in range(10)]
    assert os.getpid() not in {place for _, place in first + second}
    assert len(taken) < 20
    assert [number for number, _ in second] == [0, 2, 4, 6, 8]


def test_what_a_process_left_undone_is_done_here() -> None:
    with Cores(2) as cores:
        outcomes = list(cores.each(Doubling(os.getpid(), fatal=3), range(8)))
    assert [number for number, _ in outcomes] == [number * 2 for number in range(8)]
    assert outcomes[3][1] == outcomes[7][1] == os.getpid()


def test_processes_are_as_many_as_cores_and_as_the_work_is_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores_module, "_cores", lambda: 4)
    worth = cores_module.CELLS_PER_PROCESS
    assert [Cores.for_cells(cells)._processes for cells in (0, worth, 2 * worth, 100 * worth)] == [0, 1, 2, 4]


@pytest.mark.thorough
def test_decisions_and_proofs_are_the_same_in_other_processes() -> None:
    policies = open_policy_set(policy_folder() / "policies", schema_text())
    (suite,) = load_suites(policy_folder() / "tests" / "defaults.yaml", policies.model)
    requests = [case.request for case in suite.cases]
    kept, broken = suite.invariants[1], replace(suite.invariants[1], never="deny")
    here, there = Cores(1), Cores(2)
    deciding = Deciding(policies, suite.fixtures.around)
    seen: list[int] = []
    with there:
        made: list[Any] = [list(decide_all(deciding, requests, cores, seen.append)) for cores in (here, there)]
        proofs = [prove(each, policies, suite.fixtures, cores) for each in (kept, broken) for cores in (here, there)]
    assert made[0] == made[1]
    assert sum(seen) == 2 * len(requests)
    assert proofs[0] == proofs[1]
    assert proofs[2] == proofs[3]
    assert proofs[0].holds
    assert proofs[2].counter_example is not None
    assert proofs[2].cells < proofs[0].cells
