"""A Region in this process, from its start to its end, whatever answers its callers."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meridian.bootstrap.seat import Seat
from meridian.bootstrap.start_steps import Done, Step
from meridian.cli.ending import Ending
from meridian.cli.exit_codes import OK, OTHER, SETUP
from meridian.cli.output import OutputError
from meridian.cli.resting_collector import resting_collector
from meridian.cli.signals import Signals
from meridian.cli.terminal import say
from meridian.log import structlog
from meridian.settings import Settings

if TYPE_CHECKING:
    from meridian.bootstrap.region import Region
    from meridian.transport.envoy.front_values import FrontPlaces

GC_ALLOCATIONS: Final = 10_000
Opened = Callable[["Region", Ending], Awaitable[None]]
"""Awaited when the Region answers; returns when its callers can reach it."""


async def run_region(settings: Settings, seat: Seat, done: Done, signals: Signals, *, places: FrontPlaces | None, opened: Opened) -> int:
    """Serve until the process is told to end; the answer is its exit code."""
    from meridian.bootstrap.end_times import end_times

    times = end_times(settings)
    ending = Ending(times.total, signals)
    with resting_collector():
        from meridian.bootstrap.region import Region
        from meridian.bootstrap.startup import StartupError

        done(Step.IMPORTS)
        try:
            region = await Region.start(settings, seat, done, places)
        except StartupError as fault:
            structlog.get_logger("meridian.cli").critical("cannot start", region=settings.region, reason=str(fault))
            say(f"cannot start: {fault}", err=True)
            if seat.is_shared:
                say(f"cannot start: {fault}")  # the parent hears it here
            return SETUP
        # What was built at start lives as long as the process; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_ALLOCATIONS, 20, 50)
    loop = asyncio.get_running_loop()
    signals.hear(signal.SIGHUP, region.reload)
    await opened(region, ending)
    done(Step.READY)
    structlog.get_logger("meridian.cli").info("ready", region=settings.region)
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
