"""`meridian dev`: Regions on this machine, each its own process with its own database, with everything made for you."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import click

from meridian.cli.dev_files import DevFolder, RegionPlace, free_port
from meridian.cli.dev_principals import sound_principals
from meridian.cli.exit_codes import OK, SETUP
from meridian.cli.folder_lock import FolderTakenError, alone_in
from meridian.cli.private_files import append_private, write_private
from meridian.cli.tables import print_table
from meridian.engine.secret_files import FileFault
from meridian.process_memory import be_asked_to_end_with_parent
from meridian.settings import REGION_NAME

READY_SECONDS = 180.0
STOP_SECONDS = 9.0
RENEW_SECONDS = 600.0
RETRY_SECONDS = 5.0
"""After files that could not be renewed."""
TAIL_LINES, TAIL_BYTES = 8, 65_536


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the deployment; made if it is not there.")
@click.option("--regions", default="us-east-1,eu-west-1", show_default=True, help="Regions, separated by commas.")
@click.option("--grpc-port", default=7401, show_default=True, help="gRPC port of the first Region; the next has the next port.")
@click.option("--aws-port", type=int, help="AWS port of the first Region; the next has the next port. Free ports when not given.")
@click.option("--admin-port", default=7601, show_default=True, help="Health and metrics port of the first Region.")
@click.option("--principals", type=click.Path(path_type=Path), help="File of principals that takes the place of those in the folder.")
@click.option("--ephemeral", is_flag=True, help="Keep nothing: use a temporary folder that is removed at the end.")
def dev(data: Path | None, regions: str, principals: Path | None, ephemeral: bool, **ports: int | None) -> None:
    """Run Regions on loopback until Ctrl-C. SIGHUP starts stopped Regions again; the others read their files again."""
    names = [name.strip() for name in regions.split(",") if name.strip()]
    if len(set(names)) != len(names) or not names:
        raise click.BadParameter("name each Region once", param_hint="--regions")
    wrong = [name for name in names if not re.fullmatch(REGION_NAME, name, re.ASCII)]
    if wrong:
        raise click.BadParameter(f"{wrong[0]} is no name of a Region", param_hint="--regions")
    if ephemeral:
        with tempfile.TemporaryDirectory(prefix="meridian-") as folder:
            sys.exit(_run(Path(folder), names, principals, ports))
    if data is None:
        raise click.UsageError("give --data DIR, or --ephemeral")
    sys.exit(_run(data.resolve(), names, principals, ports))


def _run(root: Path, names: list[str], principals: Path | None, ports: dict[str, Any]) -> int:
    try:
        given = None if principals is None else sound_principals(principals, root)
    except FileFault as fault:
        click.echo(f"--principals: {fault}", err=True)
        return SETUP
    try:
        with alone_in(root):
            folder = DevFolder(root, names, find_port=free_port, **ports)
            folder.prepare(given)
            folder.write_settings({})
            return asyncio.run(Deployment(folder).run())
    except FolderTakenError as fault:
        click.echo(f"--data: {fault}: is `meridian dev` running in it already?", err=True)
    except (FileFault, OSError) as fault:
        click.echo(f"--data: {root} cannot be used: {fault}", err=True)
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
            self._folder.write_settings(await self._fingerprints())
            await asyncio.gather(*[self._start(place) for place in self._folder.places])
        except (StartError, FileFault, OSError) as fault:
            click.echo(str(fault), err=True)
            await self._stop_all()
            return SETUP
        self._print_table()
        click.echo("ready")
        sys.stdout.flush()
        await self._watch()
        await self._stop_all()
        return OK

    async def _fingerprints(self) -> dict[str, str]:
        found = {}
        for place in self._folder.places:
            process = await asyncio.create_subprocess_exec(
                *_meridian("region", "init", "--config", str(place.settings)),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                out, err = await asyncio.wait_for(process.communicate(), READY_SECONDS)
            except TimeoutError as late:
                process.kill()
                raise StartError(f"{place.region}: `region init` took longer than {READY_SECONDS:.0f} s") from late
            if process.returncode != 0:
                raise StartError(f"{place.region}: {err.decode().strip()}")
            found[place.region] = out.decode().strip()
        return found

    async def _start(self, place: RegionPlace) -> None:
        log = append_private(place.folder / "log")
        began = os.fstat(log).st_size
        process = await asyncio.create_subprocess_exec(
            *_meridian("serve", "--config", str(place.settings), "--allow-file-seal"),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            preexec_fn=be_asked_to_end_with_parent,  # a deployment that is killed leaves no Region behind
            start_new_session=True,  # Ctrl-C reaches this process, which then stops the Regions in order
        )
        os.close(log)
        self._processes[place.region] = process
        write_private(place.folder / "pid", f"{process.pid}\n".encode())
        try:
            line = await asyncio.wait_for(process.stdout.readline(), READY_SECONDS) if process.stdout else b""
        except TimeoutError:
            line = b""
        if not line.startswith(b"ready"):
            said = _tail(place.folder / "log", began)
            taken = ["other ports: --grpc-port, --admin-port, --aws-port"] if any(PORT_TAKEN in line for line in said) else []
            raise StartError("\n".join([f"{place.region} did not start:", *said, *taken]))

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        renew_at = loop.time() + RENEW_SECONDS
        while not self._ended.is_set():
            if self._restart.is_set() or loop.time() >= renew_at:
                renew_at = loop.time() + (RENEW_SECONDS if self._renew() else RETRY_SECONDS)
            if self._restart.is_set():
                self._restart.clear()
                self._reload()
                await self._start_again()
            for region, process in list(self._processes.items()):
                if process.returncode is not None:
                    click.echo(f"{region} has stopped ({process.returncode})")
                    sys.stdout.flush()
                    del self._processes[region]
            try:
                await asyncio.wait_for(self._ended.wait(), 0.2)
            except TimeoutError:
                continue

    def _renew(self) -> bool:
        """Renew the files; Regions that serve look at theirs, and take new ones. What is wrong is told once, and what is there stays."""
        try:
            self._folder.renew()
        except (FileFault, OSError) as fault:
            if str(fault) != self._fault:
                click.echo(f"nothing is renewed: {fault}", err=True)
            self._fault = str(fault)
            return False
        if self._fault:
            click.echo("files are renewed again", err=True)
        self._fault = ""
        return True

    def _reload(self) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                process.send_signal(signal.SIGHUP)

    async def _start_again(self) -> None:
        for place in self._folder.places:
            if place.region not in self._processes or self._processes[place.region].returncode is not None:
                try:
                    await self._start(place)
                    click.echo(f"{place.region} serves again")
                except (StartError, OSError) as fault:
                    click.echo(str(fault), err=True)
        sys.stdout.flush()

    async def _stop_all(self) -> None:
        running = [p for p in self._processes.values() if p.returncode is None]
        for process in running:
            process.terminate()
        if not running:
            return
        _, late = await asyncio.wait([asyncio.create_task(p.wait()) for p in running], timeout=STOP_SECONDS)
        if late:
            for process in running:
                if process.returncode is None:
                    process.kill()
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
        click.echo(f"source {self._folder.root}/env")


PORT_TAKEN: Final = os.strerror(errno.EADDRINUSE)


class StartError(Exception):
    """A Region did not start."""


def _tail(log: Path, began: int) -> list[str]:
    """The last lines of a log that has grown since it had `began` bytes."""
    with log.open("rb") as file:
        file.seek(max(began, file.seek(0, os.SEEK_END) - TAIL_BYTES))
        return file.read(TAIL_BYTES).decode(errors="replace").splitlines()[-TAIL_LINES:]


def _meridian(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "meridian", *arguments)
