"""The digests of one stream, each signed and linked to the one before it."""

from __future__ import annotations

from dataclasses import dataclass

from meridian.adapters.audit_retention import NO_RETENTION, Retention
from meridian.adapters.audit_segment import AuditDirectory
from meridian.audit.chain import Tree
from meridian.audit.digest import DigestLink, Extent, LogFile, Statement, signed_digest
from meridian.audit.ended import End, Kept
from meridian.audit.keys import AuditSigner, RegionNames
from meridian.audit.log_end import LogEnd
from meridian.audit.record import event_time
from meridian.audit.stream_files import digest_name
from meridian.ports.clock import Clock
from meridian.ports.store.audit_streams import StreamHead


@dataclass(frozen=True, slots=True)
class Opening:
    """What a stream says of itself in its first record."""

    names: RegionNames
    replica: str
    epoch: int
    stream: str
    registered: StreamHead | None
    """Where the database has last seen this replica's stream before."""


class SignedDigests:
    """What is signed so far. Used by the writing thread alone."""

    def __init__(self, directory: AuditDirectory, opening: Opening, stamp: str, signer: AuditSigner, clock: Clock) -> None:
        self._directory = directory
        self._opening = opening
        self._stamp = stamp
        self._clock = clock
        self._signed_size = 0
        self._signed_at = event_time(clock.now())
        self.signer = signer
        self.previous: DigestLink | None = None
        self._before: End | None = None
        self._missing: End | None = None
        self.retention: Retention = NO_RETENTION
        self.count = 0

    def follow_on(self, log: LogEnd) -> None:
        """The first digest says what its stream comes after."""
        self.previous, self._missing = log.digest, log.missing
        self._before = log.tail.end if log.tail is not None else None

    def sign(self, log_files: tuple[LogFile, ...], tree: Tree, last_hash: str) -> None:
        """Sign the stream as it stands, and what retention ends with it; the files of that are removed afterwards. Raises: OSError."""
        opening, names, size = self._opening, self._opening.names, tree.size
        name, now = digest_name(self._stamp, opening.stream, self.count), event_time(self._clock.now())
        due = self.retention.due()
        stated = Statement(
            name=name,
            start=self._signed_at,
            end=now,
            previous=self.previous,
            log_files=log_files,
            extent=Extent(
                stream=opening.stream,
                number=self.count,
                firstSeq=self._signed_size,
                lastSeq=size - 1,
                treeSize=size,
                rootHash=tree.root(),
                epoch=opening.epoch,
                deployment=names.deployment,
                partition=names.partition,
                region=names.region,
            ),
            kept=Kept(last_hash, tuple(tree.peaks()), due.ended, *((self._before, self._missing) if self.count == 0 else (None, None))),
        )
        data, link = signed_digest(self.signer, stated)
        self._directory.write(name, data)
        self.count += 1
        self.previous, self._signed_size, self._signed_at = link, size, now
        self.retention.remove(due)
