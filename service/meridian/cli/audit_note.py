"""What a verification came to, noted in the Region's database, where DescribeAudit tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from meridian.administration.audit_evidence import note_verification
from meridian.audit.findings import Report
from meridian.bootstrap.startup import StartupError
from meridian.cli.terminal import say
from meridian.settings import Settings


def note_or_say(settings: Settings, reports: Sequence[Report]) -> None:
    """Note it, or say why it is not: the verdict is the same."""
    try:
        asyncio.run(note_verification(settings, reports))
    except StartupError as fault:
        say(f"the outcome is not noted in the database: {fault}", err=True)
