"""`meridian serve`: what the process is made ready with, and which front it gets."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from typing import NoReturn

from meridian import fault_points, lean_libraries  # noqa: F401 - before all that loads them whole
from meridian.adapters.clock_system import process_age
from meridian.bootstrap.start_steps import Done, StartSteps, Step, untold
from meridian.cli.ending import Ending
from meridian.cli.exit_codes import SETUP
from meridian.cli.json_log import log_as_json
from meridian.cli.running_region import run_region
from meridian.cli.signals import LoopSignals
from meridian.cli.start import Start
from meridian.cli.terminal import say
from meridian.log import structlog
from meridian.process_memory import protect_memory
from meridian.settings import FileSealSettings, Settings


def _raise_open_files() -> None:
    """Every connection is an open file: take as many as the machine allows, and tell how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # some kernels name a limit that they do not grant
        hard = soft
    structlog.get_logger("meridian.cli").info("open files", limit=hard, was=soft)


def serve_region(start: Start, *, allow_file_seal: bool) -> NoReturn:
    """Serve until the end of the process."""
    log_as_json()
    require_allowed(start.settings, allow_file_seal=allow_file_seal)
    serve(start, steps(verbose=start.verbose))


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


def serve(start: Start, done: Done) -> NoReturn:
    """Serve until the end of the process, alone or as one of several."""
    done(Step.SETTINGS)
    _raise_open_files()
    if start.settings.front.kind == "envoy":
        from meridian.cli.envoy_process import become_envoy

        become_envoy(start)
    protect_memory()
    serving = run_region(start.settings, start.seat, done, LoopSignals(), places=None, opened=_at_once)
    if start.settings.uvloop:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            sys.exit(runner.run(serving))
    sys.exit(asyncio.run(serving))


async def _at_once(_region: object, _ending: Ending) -> None:
    """Its listeners are open when the Region answers."""
