"""What the tests of the steps share: callers, calls, and a directory of keys that remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Any

from tests.reported_events import ReportedEvents
from tests.unit.domain.made_keys import ACCOUNT, HOME, OTHER_ACCOUNT

from meridian.call import Call, Evidence
from meridian.contract.catalog import served_rpcs
from meridian.domain.grant import Grant
from meridian.domain.key import Key
from meridian.domain.principal import Principal
from meridian.pipeline.authorize import Authorize

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALICE = Principal("User", ACCOUNT, "alice", f"arn:aws:iam::{ACCOUNT}:user/alice", ("g",))
BOB = Principal("User", OTHER_ACCOUNT, "bob", f"arn:aws:iam::{OTHER_ACCOUNT}:user/bob")


def call_of(operation: str, principal: Principal | None = ALICE, **fields: Any) -> Call:
    rpc = served_rpcs()[operation]
    call = Call(rpc, rpc.request_class(**fields), Evidence(), "request", NOW)
    call.principal = principal
    return call


def done(step: Callable[[Call], Awaitable[None] | None], call: Call) -> bool:
    """Walk the step to its end; whether it had to wait."""
    waiting = step(call)
    if waiting is None:
        return False

    async def wait() -> None:
        await waiting

    asyncio.run(wait())
    return True


class Directory:
    """Implements `ports.key_directory.KeyDirectory`. What is in memory is `cached`; `kept` is what the store has."""

    def __init__(self, *kept: Key, aliases: dict[str, Key] | None = None) -> None:
        self.kept, self.aliases = kept, aliases or {}
        self.cached: dict[tuple[str, str], Key] = {}
        self.grants: tuple[Grant, ...] = ()
        self.cached_grants: tuple[Grant, ...] | None = None
        self.asked: list[Any] = []
        self.fault: Exception | None = None

    def find_cached(self, account: str, text: str) -> Key | None:
        return self.cached.get((account, text))

    def find_cached_number(self, number: bytes, *, multi_region: bool) -> Key | None:
        return next((k for k in self.cached.values() if k.number == number and (k.multi_region is not None) == multi_region), None)

    async def find(self, account: str, key_id: str) -> Key | None:
        self.asked.append((account, key_id))
        return next((key for key in self.kept if (key.account, key.key_id) == (account, key_id)), None)

    async def find_abroad(self, caller: str, account: str, name: str) -> Key | None:
        self.asked.append((caller, account, name))
        if self.fault is not None:
            raise self.fault
        return self.aliases.get(name) or next((key for key in self.kept if (key.account, key.key_id) == (account, name)), None)

    async def find_by_number(self, caller: str, number: bytes, *, multi_region: bool) -> Key | None:
        self.asked.append((caller, number, multi_region))
        if self.fault is not None:
            raise self.fault
        return next((k for k in self.kept if k.number == number and (k.multi_region is not None) == multi_region), None)

    async def find_by_alias(self, account: str, alias_name: str) -> Key | None:
        self.asked.append((account, alias_name))
        found = self.aliases.get(alias_name)
        return found if found is not None and found.account == account else None

    def find_cached_grants(self, key: Key, principal_arn: str) -> tuple[Grant, ...] | None:
        self.asked.append((key.key_id, principal_arn))
        return self.cached_grants

    async def find_grants(self, key: Key, principal_arn: str, meant: Collection[str]) -> tuple[Grant, ...]:
        self.asked.append((key.key_id, principal_arn, tuple(meant)))
        return tuple(grant for grant in self.grants if grant.key_id == key.key_id and grant.grantee_principal in meant)

    def remember(self, account: str, text: str, key: Key) -> None:
        self.cached[account, text] = key

    def forget(self, account: str, key_id: str) -> None: ...


class AtOnce:
    """Implements `ports.heavy_work.HeavyWork`: whatever comes is done here."""

    def __init__(self) -> None:
        self.accounts: list[str] = []

    async def run(self, account: str, work: Callable[[], Any]) -> Any:
        self.accounts.append(account)
        return work()


def authorize(judge: Any, events: ReportedEvents | None = None, heavy: Any = None) -> Authorize:
    return Authorize(judge, region=HOME, region_labels={}, events=events or ReportedEvents(), heavy=heavy or AtOnce())


def with_keys(operation: str, keys: dict[str, Any], **fields: Any) -> Call:
    call = call_of(operation, **fields)
    call.keys = keys
    return call
