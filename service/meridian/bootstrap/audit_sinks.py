"""Where the audit log is shipped to beside its files, as the settings say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from meridian.adapters.audit_ended_replicas import EndedReplicas, ReplicaFolders
from meridian.adapters.audit_reader import WrittenLog
from meridian.adapters.audit_ship_files import FileReceiver, FileShipper
from meridian.adapters.audit_ship_records import RecordReceiver, RecordShipper, position_path
from meridian.adapters.audit_stdout import StdoutCopy
from meridian.adapters.clock_system import SystemClock
from meridian.bootstrap.otlp import collector_of, resource_names
from meridian.bootstrap.startup import naming
from meridian.ports.audit_sinks import AuditSink, SinkStanding
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.settings import Settings
from meridian.settings_audit import S3Settings
from meridian.settings_sections import OtlpSettings
from meridian.workers.audit_sinks import SinkWorker
from meridian.workers.periodic import Job

STDOUT: Final = 1
OTLP: Final = "otlp"
S3: Final = "s3"


@dataclass(frozen=True, slots=True)
class Receivers:
    """The other ends, of which none was spoken to yet."""

    otlp: RecordReceiver | None
    s3: FileReceiver | None


@dataclass(frozen=True, slots=True)
class Sinks:
    """What the log is shipped to, each apart from the others."""

    workers: tuple[SinkWorker, ...]
    stdout: StdoutCopy | None

    @property
    def standings(self) -> tuple[SinkStanding, ...]:
        """How far each has come."""
        return (*self.workers, *((self.stdout,) if self.stdout is not None else ()))

    def jobs(self) -> list[Job]:
        """One for each that the supervisor runs."""
        return [each.job() for each in self.workers]

    def holds(self, segment: str) -> bool:
        """Whether one that keeps the log does not yet have this segment; standard output keeps nothing. May be asked from any thread."""
        return any(each.holds(segment) for each in self.workers)

    async def close(self) -> None:
        """Ship what is left, all at once and for a bounded time."""
        stops = [each.finish() for each in self.workers]
        if self.stdout is not None:
            stops.append(asyncio.to_thread(self.stdout.stop))
        await asyncio.gather(*stops)


def open_receivers(settings: Settings, clock: SystemClock) -> Receivers:
    """Raises: StartupError, also where the client of a sink is not installed."""
    otlp, s3 = settings.audit.otlp, settings.audit.s3
    with naming("audit.otlp"):
        records = _collector(otlp, settings, clock, settings.replica) if otlp is not None else None
    with naming("audit.s3"):
        files = _bucket(s3, settings, settings.replica) if s3 is not None else None
    return Receivers(records, files)


def open_sinks(settings: Settings, receivers: Receivers, log: WrittenLog, clock: SystemClock, events: SecurityEvents) -> Sinks:
    """Each begins where it ended. Raises: StartupError."""
    workers = []
    if settings.audit.otlp is not None and receivers.otlp is not None:
        with naming("audit.otlp"):
            workers.append(SinkWorker(RecordShipper(OTLP, log, receivers.otlp), settings.audit.otlp.timeout_seconds, clock, events))
    if settings.audit.s3 is not None and receivers.s3 is not None:
        with naming("audit.s3"):
            workers.append(SinkWorker(FileShipper(S3, log, receivers.s3), settings.audit.s3.timeout_seconds, clock, events))
    with naming("audit.replicas"):
        workers += _ended(settings, clock, events)
    stdout = StdoutCopy(log, STDOUT, clock, _tell_of("stdout", events)) if settings.audit.stdout else None
    return Sinks(tuple(workers), stdout)


def _tell_of(name: str, events: SecurityEvents) -> Callable[[OSError], None]:
    return lambda fault: events.report(SecurityEvent.AUDIT_LOG_FAULT, subject=name, fault=fault.strerror or str(fault))


def _tell_of_replica(name: str, events: SecurityEvents) -> Callable[[str, Exception], None]:
    def tell(replica: str, fault: Exception) -> None:
        why = fault.strerror if isinstance(fault, OSError) else None
        events.report(SecurityEvent.AUDIT_LOG_FAULT, subject=f"{name}: {replica}", fault=why or str(fault))

    return tell


def _ended(settings: Settings, clock: SystemClock, events: SecurityEvents) -> list[SinkWorker]:
    """What ships the logs of replicas that ended, each sink apart."""
    audit, made = settings.audit, []
    if audit.replicas is None:
        return []
    otlp, s3 = audit.otlp, audit.s3

    def records(replica: str, log: WrittenLog) -> AuditSink | None:
        """A replica notes at its start where it begins: one without a note had no collector."""
        is_noted = otlp is not None and position_path(log.directory, OTLP).exists()
        return RecordShipper(OTLP, log, _collector(otlp, settings, clock, replica)) if otlp is not None and is_noted else None

    def files(replica: str, log: WrittenLog) -> AuditSink | None:
        return FileShipper(S3, log, _bucket(s3, settings, replica)) if s3 is not None else None

    for name, sink, open_sink in ((OTLP, otlp, records), (S3, s3, files)):
        if sink is not None:
            label = f"{name} of ended replicas"
            folders = ReplicaFolders(audit.replicas, audit.directory, audit.segment_seconds)
            of_all = EndedReplicas(label, folders, open_sink, clock, _tell_of_replica(label, events))
            made.append(SinkWorker(of_all, sink.timeout_seconds, clock, events))
    return made


def _collector(otlp: OtlpSettings, settings: Settings, clock: SystemClock, replica: str) -> RecordReceiver:
    collector = collector_of(otlp)
    from meridian.adapters.audit_otlp import OtlpLogs

    return OtlpLogs(collector, resource_names(settings, replica), clock)


def _bucket(s3: S3Settings, settings: Settings, replica: str) -> FileReceiver:
    try:
        from meridian.adapters.audit_s3 import S3Bucket, S3Place
    except ModuleNotFoundError as fault:
        raise ValueError(f"{fault.name} is not installed: install meridian[s3]") from fault
    return S3Bucket(
        S3Place(
            bucket=s3.bucket,
            prefix=f"{s3.prefix}{settings.region}/{replica}/",
            endpoint=s3.endpoint,
            region=s3.storage_region,
            timeout_seconds=s3.timeout_seconds,
        )
    )
