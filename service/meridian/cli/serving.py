"""One Region in this process, from its start to its end."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import structlog

from meridian import fault_points
from meridian.adapters.clock_system import process_age
from meridian.bootstrap.seat import ALONE, Seat
from meridian.bootstrap.start_steps import Done, StartSteps, Step, untold
from meridian.cli.ending import Ending
from meridian.cli.exit_codes import OK, OTHER, SETUP
from meridian.cli.json_log import log_as_json
from meridian.cli.one_region import settings_or_exit
from meridian.cli.output import OutputError
from meridian.cli.resting_collector import resting_collector
from meridian.cli.terminal import say
from meridian.process_memory import protect_memory
from meridian.settings import FileSealSettings, Settings

GC_ALLOCATIONS = 10_000


def _raise_open_files() -> None:
    """Every connection is an open file: take as many as the machine allows, and tell how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # some kernels name a limit that they do not grant
        hard = soft
    structlog.get_logger("meridian.cli").info("open files", limit=hard, was=soft)


def serve_region(config: Path, *, allow_file_seal: bool, verbose: bool) -> NoReturn:
    """Serve until the end of the process."""
    log_as_json()
    done = steps(verbose=verbose)
    settings = settings_or_exit(config)
    require_allowed(settings, allow_file_seal=allow_file_seal)
    serve_settings(settings, ALONE, done)


def steps(*, verbose: bool) -> Done:
    """Who hears of each step of this process's start."""
    return StartSteps(process_age(), time.process_time).done if verbose else untold


def require_allowed(settings: Settings, *, allow_file_seal: bool) -> None:
    """What settings ask for is allowed on the command line and in the environment, or the process ends."""
    if not allow_file_seal and any(isinstance(s, FileSealSettings) for s in settings.seals):
        say("seals: a file seal needs --allow-file-seal", err=True)
        sys.exit(SETUP)
    if fault_points.VARIABLE in os.environ and not settings.development:
        say(f"{fault_points.VARIABLE}: ends the process in tests; it is for `development = true` alone", err=True)
        sys.exit(SETUP)


def serve_settings(settings: Settings, seat: Seat, done: Done) -> NoReturn:
    """Serve until the end of the process, alone or as one of several."""
    done(Step.SETTINGS)
    protect_memory()
    _raise_open_files()
    if settings.uvloop:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            sys.exit(runner.run(_serve(settings, seat, done)))
    sys.exit(asyncio.run(_serve(settings, seat, done)))


async def _serve(settings: Settings, seat: Seat, done: Done) -> int:
    from meridian.bootstrap.end_times import end_times

    times = end_times(settings)
    ending = Ending(times.total)
    with resting_collector():
        from meridian.bootstrap.region import Region
        from meridian.bootstrap.startup import StartupError

        done(Step.IMPORTS)
        try:
            region = await Region.start(settings, seat, done)
        except StartupError as fault:
            say(f"cannot start: {fault}", err=True)
            if seat.is_shared:
                say(f"cannot start: {fault}")  # the parent hears it here
            return SETUP
        # What was built at start lives as long as the process; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_ALLOCATIONS, 20, 50)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, region.reload)
    done(Step.READY)
    try:
        say(f"ready {settings.region}")
    except OutputError as fault:
        say(f"serves, but cannot say so: {fault.message}", err=True)
    asked = loop.create_task(ending.asked())
    unasked = loop.create_task(region.ended())
    await asyncio.wait({asked, unasked}, return_when=asyncio.FIRST_COMPLETED)
    if unasked.done():
        say(f"ends: {unasked.result()}", err=True)
        ending.ask()
        times = replace(times, pause=0.0)  # a Region that cannot go on serves nobody meanwhile
    await asyncio.wait_for(region.stop(times), times.in_order)
    left = region.left_undone()
    if left:
        say(f"ended, but {left}", err=True)
    return OTHER if left or unasked.done() else OK
