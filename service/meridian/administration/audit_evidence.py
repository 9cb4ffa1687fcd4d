"""What a Region's database knows of its audit log, read for whoever verifies the log."""

from __future__ import annotations

from collections.abc import Sequence

from meridian.administration.database import open_store
from meridian.audit.against_database import Evidence, read_evidence
from meridian.audit.findings import Report, word
from meridian.audit.keys import AuditKeys
from meridian.engine.audit_keys import published_keys
from meridian.engine.seals import SealError
from meridian.ports.store.audit_streams import Verification
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import UnitOfWork
from meridian.settings import Settings


async def read_audit_keys(settings: Settings) -> AuditKeys:
    """The public halves of the Region's audit keys. Raises: StartupError."""
    async with open_store(settings) as store, store.reading() as uow:
        return await published_keys(uow, await _identity_in(uow))


async def read_evidence_of(settings: Settings) -> tuple[Evidence, AuditKeys]:
    """What the database knows of the audit log, and the keys that it is signed with. Raises: StartupError."""
    async with open_store(settings) as store, store.reading() as uow:
        return await read_evidence(uow), await published_keys(uow, await _identity_in(uow))


async def note_verification(settings: Settings, reports: Sequence[Report]) -> None:
    """Keep in the database what a verification of these directories came to. Raises: StartupError."""
    async with open_store(settings) as store, store.transaction() as uow:
        made = Verification(
            verified_at=await uow.region.now(),
            verdict=word(list(reports)),
            findings=sum(len(report.findings) for report in reports),
            unproven=sum(len(report.unproven) for report in reports),
            records=sum(report.records for report in reports),
            streams=sum(len(report.streams) for report in reports),
        )
        await uow.audit_streams.note_verification(made)


async def _identity_in(uow: UnitOfWork) -> RegionIdentity:
    """Raises: SealError."""
    identity = await uow.region.identity()
    if identity is None:
        raise SealError("the database belongs to no Region yet: run `meridian region init`")
    return identity
