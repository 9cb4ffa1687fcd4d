"""The end of a process is bounded, and a second word ends it at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from meridian.bootstrap.end_times import end_times
from meridian.bootstrap.listeners import CUT_SECONDS
from meridian.cli.dev_deployment import STOP_SECONDS
from meridian.cli.exit_codes import OTHER
from meridian.domain.limits import Limits
from meridian.settings import Settings

KUBERNETES_SECONDS = 30.0

HANGS = """
import asyncio, sys
from meridian.cli.ending import Ending
from meridian.cli.signals import LoopSignals

async def main(seconds):
    ending = Ending(seconds, LoopSignals())
    print("ready", flush=True)
    await ending.asked()
    print("asked", flush=True)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

asyncio.run(main(float(sys.argv[1])))
"""


def hanging(seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HANGS, str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_what_hangs_at_the_end_is_told_and_ended() -> None:
    process = hanging(1.0)
    process.send_signal(signal.SIGTERM)
    said, told = process.communicate(timeout=30)
    assert process.returncode == OTHER
    assert said == "asked\n"
    assert "Timeout (0:00:01)!" in told
    assert "Thread" in told


def test_a_word_that_is_repeated_is_one_word_and_a_second_one_ends_at_once() -> None:
    process = hanging(3600.0)
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    time.sleep(1.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == OTHER
    assert told == ""


def test_the_parts_of_an_end_fit_into_the_time_that_others_give_it() -> None:
    """30 seconds of Kubernetes with the pause of the defaults; under `meridian dev`, which kills what takes longer, less than its own."""
    served = end_times(Settings.model_construct(limits=Limits(), development=False))
    assert served.total <= KUBERNETES_SECONDS
    assert 10 <= served.calls <= 20
    developed = end_times(Settings.model_construct(limits=Limits(drain_pause_seconds=0.0), development=True))
    assert developed.total < STOP_SECONDS
    for times in (served, developed):
        assert times.stop > CUT_SECONDS * 2, "what is cut has its answer, and its record, before the log is closed"
