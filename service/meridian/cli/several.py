"""`meridian serve --processes`: the parent of several processes of one Region. It holds no keys and opens no seal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

from meridian import lean_libraries  # noqa: F401 - before all that loads them whole
from meridian.adapters.security_events import EventsOfCommand
from meridian.bootstrap.end_times import end_times
from meridian.bootstrap.held_place import held_place
from meridian.bootstrap.seat import faults_of_sharing, name_in
from meridian.bootstrap.startup import StartupError, naming, text_of
from meridian.cli.ending import Ending
from meridian.cli.envoy_process import require_envoy
from meridian.cli.exit_codes import OK, OTHER, SETUP
from meridian.cli.json_log import log_as_json
from meridian.cli.output import OutputError
from meridian.cli.serving import require_allowed
from meridian.cli.signals import LoopSignals
from meridian.cli.start import Start
from meridian.cli.terminal import say
from meridian.log import structlog
from meridian.parent.all_processes import KILL_SECONDS, AllProcesses
from meridian.parent.one_process import OneProcess
from meridian.process_memory import protect_memory
from meridian.settings import Settings
from meridian.settings_sections import HttpSettings
from meridian.transport.admin_app import AdminApp
from meridian.transport.http1.connection import ARRIVING_BYTES_MAX, ConnectionBounds
from meridian.transport.http1.server import HttpServer
from meridian.transport.http1.trust import NO_TRUST
from meridian.transport.listening import listening_socket

CHILD: Final = "meridian.cli.one_of_several"
ADMIN_SECONDS: Final = 1.0
REST_SECONDS: Final = 3.0


def serve_by_several(start: Start, processes: int, *, allow_file_seal: bool) -> NoReturn:
    """Serve until the end of this process, which ends the others."""
    log_as_json()
    config, settings = start.config, start.settings
    if sys.platform != "linux":
        say("--processes: this system does not share connections between processes; leave it out", err=True)
        sys.exit(SETUP)
    require_allowed(settings, allow_file_seal=allow_file_seal)
    faults = faults_of_sharing(settings, processes)
    if faults:
        say("\n".join(f"{config}: {line}, or leave --processes out" for line in faults), err=True)
        sys.exit(SETUP)
    if settings.front.kind == "envoy":
        require_envoy()
    protect_memory()
    given = ["--config", str(config.absolute()), "--of", str(processes), "--parent", str(os.getpid())]
    given += ["--allow-file-seal"] * allow_file_seal + ["--verbose"] * start.verbose
    try:
        with held_place(settings), _own_folder() as folder:
            several = [_one(settings, start.text, number, given, folder) for number in range(1, processes + 1)]
            code = asyncio.run(_serve(settings, several))
    except StartupError as fault:
        say(f"cannot start: {fault}", err=True)
        code = SETUP
    sys.exit(code)


@contextlib.contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder that nobody else can look into, for the admin sockets of the processes. Raises: StartupError."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="meridian-")
    except OSError as fault:
        raise StartupError(
            f"--processes: no folder for sockets can be made: {text_of(fault)}; set TMPDIR to one that can be written"
        ) from fault
    with folder as name:
        yield Path(name)


def _one(settings: Settings, text: bytes, number: int, given: Sequence[str], folder: Path) -> OneProcess:
    admin = folder / str(number)
    command = [sys.executable, "-m", CHILD, *given, "--number", str(number), "--admin", str(admin)]
    return OneProcess(name_in(settings, number), command, text, admin)


async def _serve(settings: Settings, several: Sequence[OneProcess]) -> int:
    loop = asyncio.get_running_loop()
    times = end_times(settings)
    ending = Ending(times.total + KILL_SECONDS + REST_SECONDS, LoopSignals())
    processes = AllProcesses(several)
    admin = _admin(settings.admin, processes)
    with naming("admin.listen"):
        admin.start(listening_socket(settings.admin.listen, is_shared=False))
    loop.add_signal_handler(signal.SIGHUP, processes.send, signal.SIGHUP)
    kept = [loop.create_task(each.keep()) for each in several]
    beside = [loop.create_task(processes.look()), loop.create_task(_announce(settings, processes))]
    asked = loop.create_task(ending.asked())
    try:
        code = await _until_the_end(asked, beside, kept)
    finally:
        ending.ask()
        processes.stop()
        ended, late = await asyncio.wait(kept, timeout=times.total + KILL_SECONDS)
        processes.kill()
        await asyncio.gather(*late, return_exceptions=True)
        for each in (asked, *beside):
            each.cancel()
        await admin.stop(ADMIN_SECONDS)
    if late or any(each.exception() is not None or each.result() != OK for each in ended):
        return code or OTHER
    return code


async def _until_the_end(asked: asyncio.Task[None], beside: Sequence[asyncio.Task[None]], kept: Sequence[asyncio.Task[int]]) -> int:
    """Until somebody asks for it, no process can be started, or what nobody foresaw happens. The answer is the exit code."""
    waiting: set[asyncio.Task[None] | asyncio.Task[int]] = {asked, *beside, *kept}
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if asked in done:
            return OK
        for each in done:
            fault = each.exception()
            if isinstance(fault, StartupError):
                say(f"cannot start: {fault}", err=True)
                return SETUP
            if fault is not None:
                EventsOfCommand().report_fault(fault, during="the parent of processes")
                return OTHER


async def _announce(settings: Settings, processes: AllProcesses) -> None:
    """Say that the Region serves, once each process has tried. Raises: StartupError where none could."""
    if not await processes.have_tried():
        raise StartupError("no process of the Region could: " + "; ".join(processes.first_faults()))
    for line in processes.first_faults():
        structlog.get_logger("meridian.parent").warning("serves without a process", why=line)
    await processes.look_now()  # who hears that it is ready finds it so
    try:
        say(f"ready {settings.region}")
    except OutputError as fault:
        say(f"serves, but cannot say so: {fault.message}", err=True)


def _admin(settings: HttpSettings, processes: AllProcesses) -> HttpServer:
    bounds = ConnectionBounds(
        connections=settings.connections,
        head_seconds=settings.head_seconds,
        body_seconds=settings.head_seconds,
        idle_seconds=settings.idle_seconds,
        body_bytes=0,
        arriving_bytes=ARRIVING_BYTES_MAX,
    )
    return HttpServer(
        AdminApp(processes, processes.troubles, processes.deaths),
        name="admin",
        bounds=bounds,
        trust=NO_TRUST,
        events=EventsOfCommand(),
    )
