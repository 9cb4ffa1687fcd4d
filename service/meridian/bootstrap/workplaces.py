"""Where work runs that would hold up the event loop."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry

from meridian.adapters.heavy_workers import HeavyWorkers
from meridian.adapters.key_threads import KeyThreads
from meridian.adapters.policy_trials import SeparateTrials
from meridian.adapters.ready_key_pairs import ANSWER_SECONDS, ReadyKeyPairs
from meridian.adapters.security_events import ReportedSecurityEvents
from meridian.adapters.separate_processes import OF_KEYS_AND_POLICIES, SeparateProcesses
from meridian.bootstrap.cores import cores
from meridian.bootstrap.seat import Seat
from meridian.ports.heavy_work import Beside
from meridian.settings import Settings
from meridian.short_turns import ShortTurns

OF_TRIALS: Final = "meridian.bootstrap.trial_process"
"""Named, not imported: a Region that serves does not try policies itself."""
LOOKS_AT_ONCE: Final = 1
LOOKS_WAITING: Final = 64
TRIALS_AT_ONCE: Final = 2
TRIALS_WAITING: Final = 4


@dataclass(frozen=True, slots=True)
class Workplaces:
    """Where work runs that would hold up the event loop."""

    turns: ShortTurns
    heavy: HeavyWorkers
    looks: HeavyWorkers
    """For looks at what was recorded, which can be long and many: nobody else waits for them."""
    held: SeparateProcesses
    trials: SeparateTrials
    keys: KeyThreads
    pairs: ReadyKeyPairs
    cores: int

    @property
    def beside(self) -> Beside:
        """What most work needs of it."""
        return Beside(self.heavy, self.held)


def open_workplaces(
    settings: Settings, seat: Seat, events: ReportedSecurityEvents, registry: CollectorRegistry, stack: AsyncExitStack
) -> Workplaces:
    """What is started when it is first needed ends with the stack."""
    limits, turns = settings.limits, ShortTurns()
    held = SeparateProcesses(
        events,
        program=OF_KEYS_AND_POLICIES,
        most=limits.heavy_processes,
        wait_seconds=limits.heavy_process_wait_seconds,
        answer_seconds=limits.heavy_answer_seconds,
    )
    heavy = HeavyWorkers(workers=limits.heavy_workers, queue_max=limits.heavy_queue, wait_seconds=limits.heavy_wait_seconds, turns=turns)
    looks = HeavyWorkers(workers=LOOKS_AT_ONCE, queue_max=LOOKS_WAITING, wait_seconds=limits.heavy_wait_seconds, turns=turns)
    share = max(1, cores() // seat.of)
    keys = KeyThreads(threads=share, turns=turns)
    maker = SeparateProcesses(events, program=OF_KEYS_AND_POLICIES, most=1, wait_seconds=ANSWER_SECONDS, answer_seconds=ANSWER_SECONDS)
    trying = HeavyWorkers(workers=TRIALS_AT_ONCE, queue_max=TRIALS_WAITING, wait_seconds=limits.heavy_wait_seconds, turns=turns)
    trials = SeparateProcesses(
        events,
        program=OF_TRIALS,
        most=limits.heavy_processes,
        wait_seconds=limits.heavy_process_wait_seconds,
        answer_seconds=limits.heavy_answer_seconds,
    )
    for each in (heavy, looks, held, keys, maker, trying, trials):
        stack.callback(each.close)
    return Workplaces(turns, heavy, looks, held, SeparateTrials(trials, trying), keys, ReadyKeyPairs(maker, registry), share)
