"""How long calls stand still while a Region reads a thousand new policies: the longest call before, and during the change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.deployment import HOME, Deployment

CALLERS = 4
POLICIES = 1000
QUIET_SECONDS = 3.0
CHANGE_SECONDS_MAX = 60.0
AFTER_SECONDS = 2.0

Call = Callable[[int], Awaitable[None]]


def many_policies(count: int, mark: str) -> str:
    """Policies of another team; each mark makes a set that differs in every one."""
    return "".join(
        f'@id("reload.{number}") @layer("account") @reason("{mark}") permit (principal == KMS::Role::"111122223333/r{number}", '
        f'action == KMS::Action::"Encrypt", resource in KMS::AliasPath::"111122223333/alias/team-{number}") '
        f'when {{ context.encryptionContext.hasTag("team") && context.encryptionContext.getTag("team") == "{number}" }};\n'
        for number in range(count)
    )


def extra_policy(number: int) -> str:
    """One policy of many that concern nobody who is measured."""
    return (
        f'@id("extra.{number}") @layer("account") @reason("one of many") permit (principal == KMS::Role::"111122223333/r{number}", '
        f'action == KMS::Action::"Encrypt", resource in KMS::AliasPath::"111122223333/alias/team-{number}");\n'
    )


def extra_principal(number: int) -> str:
    """One principal of many who never call."""
    spiffe = f"spiffe://dev.meridian.internal/111122223333/extra-{number}"
    return f'\n[[principals]]\nkind = "Service"\naccount = "111122223333"\nname = "extra-{number}"\nspiffe_id = "{spiffe}"\n'


async def longest_calls(deployment: Deployment, call: Call, rounds: int) -> tuple[list[float], list[float]]:
    """Longest call in milliseconds, per round: in quiet, and from the change of the files until after it counts."""
    quiet, changing = [], []
    file = deployment.root / "policies" / "reload.cedar"
    await _longest(call, lambda since: time.perf_counter() - since > 1.0)  # the first calls open and warm what the others use
    for number in range(rounds):
        quiet.append(await _longest(call, lambda since: time.perf_counter() - since > QUIET_SECONDS))
        before = _digest(deployment)
        draft = file.with_suffix(".draft")
        draft.write_text(many_policies(POLICIES, f"round {number}"))
        draft.replace(file)
        changing.append(await _longest(call, _Changed(deployment, before)))
    file.unlink()
    return quiet, changing


class _Changed:
    """Done a little after other policies are in force; looks four times a second, and gives up in the end."""

    def __init__(self, deployment: Deployment, before: str) -> None:
        self._deployment = deployment
        self._before = before
        self._looked = 0.0
        self._changed = 0.0

    def __call__(self, since: float) -> bool:
        now = time.perf_counter()
        if now - since > CHANGE_SECONDS_MAX:
            raise AssertionError("the new policies never came into force")
        if not self._changed and now - self._looked > 0.25:
            self._looked = now
            self._changed = now if _digest(self._deployment) != self._before else 0.0
        return bool(self._changed) and now - self._changed > AFTER_SECONDS


async def _longest(call: Call, is_done: Callable[[float], bool]) -> float:
    began, longest, number = time.perf_counter(), 0.0, 0
    done = False

    async def caller() -> None:
        nonlocal longest, number
        while not done:
            number += 1
            since = time.perf_counter()
            await call(number)
            longest = max(longest, time.perf_counter() - since)

    callers = [asyncio.create_task(caller()) for _ in range(CALLERS)]
    while not await asyncio.to_thread(is_done, began):  # noqa: ASYNC110 - a look now and then, until the load has ended
        await asyncio.sleep(0.05)
    done = True
    await asyncio.gather(*callers)
    return longest * 1000


def _digest(deployment: Deployment) -> str:
    return next(name for name in deployment.metrics(HOME) if name.startswith("meridian_policy_set_info"))
