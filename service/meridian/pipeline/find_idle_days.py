"""Before the policies are asked: how long a key has lain idle, for the calls whose policies may ask for it.

Source: AWS KMS Developer Guide, kms:TrailingDaysWithoutKeyUsage.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from meridian.call import Call
from meridian.contract.operation import Operation
from meridian.domain.key import Key
from meridian.ports.last_usage import UsageNotes

ASKED_BY: Final = frozenset({Operation.DISABLE_KEY, Operation.SCHEDULE_KEY_DELETION})


class FindIdleDays:
    """Fills `call.trailing_days_without_key_usage`. A key that was never used counts from its creation. Raises: KmsError."""

    def __init__(self, usage: UsageNotes, day_seconds: float) -> None:
        self._usage = usage
        self._day_seconds = day_seconds

    def __call__(self, call: Call) -> Awaitable[None] | None:
        key = call.keys.get("key_id")
        return self._find(call, key) if call.rpc.name in ASKED_BY and key is not None else None

    async def _find(self, call: Call, key: Key) -> None:
        use = await self._usage.find(key.account, key.key_id)
        since = use.used_at if use is not None else key.created_at
        call.trailing_days_without_key_usage = max(0, int((call.received_at - since).total_seconds() / self._day_seconds))
