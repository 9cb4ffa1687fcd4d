"""What keeps a Region from its next start, or will soon: its files, its addresses, and the other Regions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from meridian.adapters.clock_system import SystemClock
from meridian.administration.doctor_peers import look_at_peers
from meridian.administration.finding import Finding, Seen
from meridian.authorization.language.evaluator import SchemaHandle
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import PolicySetError, load_policies
from meridian.bootstrap.listeners import require_free_addresses
from meridian.bootstrap.startup import FAULTS, StartupError, text_of
from meridian.engine.secret_files import FileFault
from meridian.identity import Identity
from meridian.settings import Settings
from meridian.workers.certificate_expiry import WARN_BEFORE, WARN_SHARE

RENEW: Final = "renew it in its place; a serving process takes it without a restart"


PEERS: Final = "other Regions"
NEITHER: Final = "mend the file, or the clock where that is what is wrong; what is in force in a serving process stays"


async def look_at_start(settings: Settings, *, serves: bool) -> tuple[list[Finding | Seen], frozenset[str]]:
    """What was found, and the areas that could not be looked at. `serves`: a process of these settings does, so its addresses are taken.
    Raises nothing of what it looks for."""
    found: list[Finding | Seen] = [] if serves else [*_addresses(settings)]
    found += _policies(settings)
    try:
        identity = Identity(settings, SystemClock())
    except FileFault as fault:
        found.append(Finding("identity files", "settings", text_of(fault), NEITHER))
        return found, frozenset({PEERS}) if settings.peers else frozenset()
    found += _certificates(identity, SystemClock().now())
    found += await look_at_peers(settings.peers, identity.peer.files, SystemClock())
    return found, frozenset()


def _addresses(settings: Settings) -> list[Finding]:
    try:
        require_free_addresses(settings)
    except StartupError as fault:
        do = "end the program that has it, or give the listener another address"
        return [Finding("address", str(fault).partition(":")[0], str(fault), do)]
    return []


def _policies(settings: Settings) -> list[Finding]:
    try:
        load_policies(settings.policies, SchemaHandle(schema_text()))
    except (PolicySetError, *FAULTS) as fault:
        do = "mend them: `meridian policy validate` names each fault; a serving process goes on with those before"
        return [Finding("policies", str(settings.policies), text_of(fault), do)]
    return []


def _certificates(identity: Identity, now: datetime) -> list[Finding]:
    return [
        Finding(
            "certificate",
            f"{listener} {file}",
            f"ends in {_left(life.not_after - now)}, at {life.not_after:%Y-%m-%dT%H:%M:%SZ}",
            RENEW,
        )
        for listener, file, life in identity.certificates()
        if life.not_after - now < min(WARN_BEFORE, life.length / WARN_SHARE)
    ]


def _left(left: timedelta) -> str:
    return f"{left / timedelta(days=1):.1f} days" if left >= timedelta(days=1) else f"{left / timedelta(minutes=1):.0f} minutes"
