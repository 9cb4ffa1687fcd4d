"""The Regions that `meridian dev` runs, each its own process with its own database."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from meridian.adapters.clock_system import cpu_seconds_of
from meridian.authorization.language.evaluator import SchemaHandle
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import PolicySetError, load_policies
from meridian.child_signals import send
from meridian.cli.dev_folder import DevFolder, free_port
from meridian.cli.dev_principals import sound_principals
from meridian.cli.exit_codes import OK, OTHER, SETUP
from meridian.cli.folder_lock import FolderTakenError, alone_in
from meridian.cli.private_files import append_private, write_private
from meridian.cli.region_place import RegionPlace
from meridian.cli.tables import print_table
from meridian.cli.terminal import say
from meridian.cli.waiting import USUAL, StalledError, while_it_moves
from meridian.domain.fault_places import file_fault
from meridian.engine.secret_files import FileFault
from meridian.process_memory import be_asked_to_end_with_parent

T = TypeVar("T")
LOOK_SECONDS = 0.2
STOP_SECONDS = 9.0
RENEW_SECONDS = 600.0
RETRY_SECONDS = 5.0
"""After files that could not be renewed."""
TAIL_LINES, TAIL_BYTES = 8, 65_536
PORT_TAKEN = os.strerror(errno.EADDRINUSE)


def run_deployment(root: Path, names: list[str], principals: Path | None, policies: Path | None, front: str, **ports: Any) -> int:
    """Run the Regions of a folder until the end is asked for. The answer is the exit code."""
    try:
        given = None if principals is None else sound_principals(principals, root)
    except FileFault as fault:
        say(f"--principals: {fault}", err=True)
        return SETUP
    if policies is not None:
        try:
            load_policies(policies, SchemaHandle(schema_text()))
        except (PolicySetError, OSError) as fault:
            faults = fault.faults if isinstance(fault, PolicySetError) else [str(fault)]
            say("\n".join(f"--policies: {each}" for each in faults), err=True)
            return SETUP
    try:
        with alone_in(root):
            folder = DevFolder(root, names, find_port=free_port, **ports)
            folder.prepare(given)
            if policies is not None:
                folder.follow_policies(policies)
            folder.answer_by(front)
            folder.write_settings({})
            return asyncio.run(Deployment(folder).run())
    except FolderTakenError as fault:
        say(f"--data: {fault}: is `meridian dev` running in it already?", err=True)
    except (FileFault, OSError) as fault:
        why = file_fault(fault) if isinstance(fault, OSError) else str(fault)
        say(f"--data: {root} cannot be used: {why}", err=True)
    return SETUP


class Deployment:
    """The processes of a development deployment."""

    def __init__(self, folder: DevFolder) -> None:
        self._folder = folder
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._ended = asyncio.Event()
        self._restart = asyncio.Event()
        self._fault = ""

    async def run(self) -> int:
        """Start every Region, wait for the end, stop them all. The answer is the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._ended.set)
        loop.add_signal_handler(signal.SIGHUP, self._restart.set)
        try:
            if not await self._until_the_end(self._start_all()):
                say("ended before every Region was ready", err=True)
                return OTHER
            self._print_table()
            say("ready")
            await self._until_the_end(self._watch())
        except (StartError, FileFault, OSError) as fault:
            say(str(fault), err=True)
            return SETUP
        finally:
            await self._stop_all()
        return OK

    async def _until_the_end(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether the work was done before the end was asked for."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(work), loop.create_task(self._ended.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                tasks[0].result()
            return tasks[0].done()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _start_all(self) -> None:
        places = self._folder.places
        if len(places) == 1:  # nobody is told its fingerprint: it makes by itself what it needs, and spares a process
            return await self._start(places[0], "--initialise")
        found = await asyncio.gather(*[self._fingerprint(place) for place in places])
        self._folder.write_settings({place.region: fingerprint for place, fingerprint in zip(places, found, strict=True)})
        await asyncio.gather(*[self._start(place) for place in places])
        return None

    async def _fingerprint(self, place: RegionPlace) -> str:
        process = await asyncio.create_subprocess_exec(
            *_meridian("region", "init", "--config", str(place.settings)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=be_asked_to_end_with_parent,
            start_new_session=True,
        )
        try:
            out, err = await self._while_it_moves(process.communicate(), process, place, "is made", None)
        finally:
            if process.returncode is None:
                send(process, signal.SIGKILL)
                await process.wait()
        if process.returncode != 0:
            raise StartError(f"{place.region}: {err.decode(errors='replace').strip()}")
        return out.decode().strip()

    async def _start(self, place: RegionPlace, *added: str) -> None:
        path = place.folder / "log"
        log = append_private(path)
        began = os.fstat(log).st_size
        process = await asyncio.create_subprocess_exec(
            *_meridian("serve", "--config", str(place.settings), "--allow-file-seal", "--verbose", "--processes", "1", *added),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            preexec_fn=be_asked_to_end_with_parent,  # a deployment that is killed leaves no Region behind
            start_new_session=True,  # Ctrl-C reaches this process, which then stops the Regions in order
        )
        os.close(log)
        self._processes[place.region] = process
        write_private(place.folder / "pid", f"{process.pid}\n".encode())
        line = await self._while_it_moves(_first_line(process), process, place, "starts", path)
        if not line.startswith(b"ready"):
            said = _tail(path, began)
            taken = ["other ports: --grpc-port, --admin-port, --aws-port"] if any(PORT_TAKEN in each for each in said) else []
            raise StartError("\n".join([f"{place.region} did not start:", *said, *taken]))

    async def _while_it_moves(
        self, work: Coroutine[Any, Any, T], process: asyncio.subprocess.Process, place: RegionPlace, what: str, log: Path | None
    ) -> T:
        """What comes of the work as long as the process works or writes to its log. Raises: StartError."""

        def moved() -> tuple[float, int]:
            return cpu_seconds_of(process.pid), 0 if log is None else log.stat().st_size

        def tell(seconds: float) -> None:
            say(f"{place.region} still {what}: {seconds:.0f} s, {cpu_seconds_of(process.pid):.1f} s of them at work", err=True)

        try:
            return await while_it_moves(work, moved, USUAL, tell)
        except StalledError as fault:
            raise StartError(f"{place.region} {what} no further: {fault}") from fault

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        renew_at = loop.time() + RENEW_SECONDS
        while True:
            if self._restart.is_set() or loop.time() >= renew_at:
                renew_at = loop.time() + (RENEW_SECONDS if self._renew() else RETRY_SECONDS)
            if self._restart.is_set():
                self._restart.clear()
                self._reload()
                await self._start_again()
            for region, process in list(self._processes.items()):
                if process.returncode is not None:
                    say(f"{region} has stopped ({process.returncode})")
                    del self._processes[region]
            await asyncio.sleep(LOOK_SECONDS)

    def _renew(self) -> bool:
        """Renew the files; Regions that serve look at theirs, and take new ones. What is wrong is told once, and what is there stays."""
        try:
            self._folder.renew()
        except (FileFault, OSError) as fault:
            if str(fault) != self._fault:
                say(f"nothing is renewed: {fault}", err=True)
            self._fault = str(fault)
            return False
        if self._fault:
            say("files are renewed again", err=True)
        self._fault = ""
        return True

    def _reload(self) -> None:
        for process in self._processes.values():
            send(process, signal.SIGHUP)

    async def _start_again(self) -> None:
        for place in self._folder.places:
            if place.region not in self._processes or self._processes[place.region].returncode is not None:
                try:
                    await self._start(place)
                    say(f"{place.region} serves again")
                except (StartError, OSError) as fault:
                    say(str(fault), err=True)

    async def _stop_all(self) -> None:
        running = [p for p in self._processes.values() if p.returncode is None]
        for process in running:
            send(process, signal.SIGTERM)
        if not running:
            return
        _, late = await asyncio.wait([asyncio.create_task(p.wait()) for p in running], timeout=STOP_SECONDS)
        if late:
            for process in running:
                send(process, signal.SIGKILL)
            await asyncio.gather(*late)

    def _print_table(self) -> None:
        host = "127.0.0.1"
        print_table(
            ["Region", "gRPC", "AWS", "health and metrics", "folder"],
            [
                [p.region, f"{host}:{p.grpc_port}", f"http://{host}:{p.aws_port}", f"http://{host}:{p.admin_port}/readyz", str(p.folder)]
                for p in self._folder.places
            ],
        )
        say(f"source {self._folder.root}/env")


class StartError(Exception):
    """A Region did not start."""


async def _first_line(process: asyncio.subprocess.Process) -> bytes:
    """What it prints first; nothing where it ends before."""
    return b"" if process.stdout is None else await process.stdout.readline()


def _tail(log: Path, began: int) -> list[str]:
    """The last lines of a log that has grown since it had `began` bytes."""
    with log.open("rb") as file:
        file.seek(max(began, file.seek(0, os.SEEK_END) - TAIL_BYTES))
        return file.read(TAIL_BYTES).decode(errors="replace").splitlines()[-TAIL_LINES:]


def _meridian(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "meridian", *arguments)
