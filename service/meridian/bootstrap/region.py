"""One running Region: start, supervise, stop. A configuration with a hole stops here, before anything listens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from meridian.adapters.audit_segment import AuditDirectory
from meridian.bootstrap.core import Core, open_core
from meridian.bootstrap.end_times import EndTimes
from meridian.bootstrap.envoy_front import EnvoyFront
from meridian.bootstrap.jobs import run_jobs
from meridian.bootstrap.listeners import Listeners, require_free_addresses
from meridian.bootstrap.metrics import register_metrics
from meridian.bootstrap.operations import build_use_cases
from meridian.bootstrap.pipelines import build_pipelines
from meridian.bootstrap.replication import build_inbound, build_outbound
from meridian.bootstrap.seat import Seat, settings_in
from meridian.bootstrap.start_steps import Done, Step
from meridian.bootstrap.startup import FAULTS, StartupError, naming, text_of, writing_to
from meridian.bootstrap.told_settings import told_settings
from meridian.errors import KmsError
from meridian.log import structlog
from meridian.release import RELEASE
from meridian.setbacks import Setbacks
from meridian.settings import Settings
from meridian.transport.envoy.front_values import FrontPlaces
from meridian.workers.certificate_expiry import certificate_troubles
from meridian.workers.reloaded_files import ReloadedFilesWorker

NOW: Final = EndTimes(pause=0.0, calls=0.0, stop=6.0, rest=0.0)
"""For a Region that has not served."""


class Region:
    """Built by `start` alone."""

    def __init__(self, core: Core, seat: Seat, places: FrontPlaces | None) -> None:
        self._core = core
        self._listeners = Listeners(core, seat, places)
        self._ready = False
        self._reloaded: list[Callable[[], None]] = []

    @classmethod
    async def start(cls, settings: Settings, seat: Seat, done: Done, places: FrontPlaces | None) -> Region:
        """A Region that serves, or one of its processes; `done` hears of each step. `places`: of the Envoy that this process is, None
        where it is not. Raises: StartupError."""
        settings = settings_in(settings, seat)
        log = structlog.get_logger("meridian.bootstrap")
        log.info("starts", release=RELEASE, region=settings.region, replica=settings.replica, settings=told_settings(settings))
        stack = contextlib.AsyncExitStack()
        try:
            # First of all: a second process on the same settings touches nothing.
            with naming("audit.directory"), writing_to(settings.audit.directory):
                audit_directory = AuditDirectory.take(settings.audit.directory)
            stack.callback(audit_directory.close)
            if not seat.is_shared:  # those that are shared, the parent has seen to be free, and holds
                require_free_addresses(settings)
            done(Step.LOCKS)
            region = cls(await open_core(settings, seat, audit_directory, stack, done), seat, places)
        except (*FAULTS, StartupError) as fault:
            await stack.aclose()
            raise StartupError(text_of(fault)) from fault
        try:
            await region._serve()
            done(Step.LISTENERS)
        except (*FAULTS, StartupError) as fault:
            await region.stop(NOW)
            raise StartupError(text_of(fault)) from fault
        return region

    @property
    def front(self) -> EnvoyFront | None:
        """What answers behind Envoy; None where grpcio answers."""
        return self._listeners.front

    def reload(self) -> None:
        """Read certificates, authorities, principals, the deny list and the policies again now."""
        if self._ready:
            # Before it begins: what comes of it is told by those who read.
            structlog.get_logger("meridian.identity").info("files are read again", because="SIGHUP")
            for read_again in self._reloaded:
                read_again()

    async def stop(self, times: EndTimes) -> None:
        """Be unready, stop listening, finish what is under way, close the audit stream, release everything.

        The admin listener says that the Region is unready until all of that is done. The audit stream is closed when nobody is left who
        writes to it.
        """
        self._ready = False
        log = structlog.get_logger("meridian.bootstrap")
        log.info("stops", pause_seconds=times.pause, calls_seconds=times.calls)
        await asyncio.sleep(times.pause)
        self._core.supervisor.begin_stop()
        try:
            await self._listeners.drain(times.calls)
            await self._core.supervisor.stop(times.stop / 2)
            await self._core.stack.aclose()
        finally:
            await self._listeners.close()
        left = self.left_undone()
        if left:
            log.error("stopped", but=left)
        else:
            log.info("stopped")

    def left_undone(self) -> str:
        """What a stop could not do, and its reason; nothing where all is well."""
        trouble = self._core.stream.trouble()
        return f"the audit stream is not closed: {trouble}" if trouble else ""

    async def ended(self) -> str:
        """Wait until the Region cannot go on; the answer is the reason."""
        return await self._core.supervisor.ended()

    async def _serve(self) -> None:
        core = self._core
        outbound = build_outbound(core)
        cases = build_use_cases(core, outbound, self._troubles)
        pipelines = build_pipelines(core, cases, outbound)
        inbound = build_inbound(core, outbound, pipelines)
        register_metrics(core, outbound, pipelines.policies)
        files = ReloadedFilesWorker(core.files.kinds(), core.clock, core.events, core.registry)
        self._reloaded = [files.reload, pipelines.policies.reload]
        await outbound.outbox.drop_unsendable()
        await self._listeners.open(pipelines, inbound.server, self._troubles, core.supervisor.deaths)
        run_jobs(core, cases, outbound, inbound, pipelines, files)
        core.stack.push_async_callback(self._write_usage)
        self._ready = True

    def _troubles(self) -> list[str]:
        """Why a call would not work now, a line each; empty while the Region is ready."""
        core = self._core
        starting = "" if self._ready else "not started, or stopping"
        certificates = certificate_troubles(core.files.certificate_ends(), core.clock.now())
        database = core.store.trouble()
        told = (
            starting,
            database and f"database: {database}",
            core.directory.trouble(),
            core.stream.trouble(),
            core.engine.region_keyring.trouble(),
        )
        return [*filter(None, told), *certificates, *core.supervisor.troubles()]

    async def _write_usage(self) -> None:
        with Setbacks("writing of last uses at the end").expected(KmsError):
            await self._core.usage.write()
