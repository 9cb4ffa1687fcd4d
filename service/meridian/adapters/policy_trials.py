"""Trials of policies in a separate process, behind threads and a queue of their own: nobody else's heavy work waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from meridian.adapters.separate_processes import SeparateProcesses
from meridian.domain.policy_trial import Trial, Tried, read_tried, trial_as_json
from meridian.errors import KMSInternalException
from meridian.ports.heavy_work import HeavyWork


class SeparateTrials:
    """Implements `ports.policy_trials.PolicyTrialWork`."""

    def __init__(self, processes: SeparateProcesses, threads: HeavyWork) -> None:
        self._processes = processes
        self._threads = threads

    async def run(self, trial: Trial, lines: Sequence[bytes]) -> Tried:
        return await self._threads.run(trial.account, partial(self._try_out, trial, lines))

    def _try_out(self, trial: Trial, lines: Sequence[bytes]) -> Tried:
        # The records are a part of their own: megabytes in one text would be written while everybody waits.
        answer = self._processes.policy_trial(trial_as_json(trial), b"\n".join(lines))
        try:
            return read_tried(answer)
        except (ValueError, KeyError, TypeError) as fault:
            raise KMSInternalException(reason="the process of trials answers something else") from fault
