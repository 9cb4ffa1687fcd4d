"""Keys in tokens that no KMS key has: those of a process that died while it made one, and those that could not be removed with theirs.

They open nothing, for the half that was here is gone or never was. They are told to the operators and left alone: another Region may have
made them in the same token. A key is told that had no KMS key at two looks, so none that is being made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from meridian.domain.key_store import ConnectionState, KeyStoreType
from meridian.log import structlog
from meridian.ports.key_store import HeldKey
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.ports.store.store import Store
from meridian.workers.periodic import PATIENT_SECONDS, Job
from meridian.workers.set_aside import SetAside, UnreadableRowError

LOOKS_A_DAY: Final = 24
SECONDS_MIN: Final = 1.0
STORES_MAX: Final = 1000
LEFT_KEYS: Final = "keys left in tokens"
"""What the job is called."""
TOLD_MAX: Final = 100
"""Keys of one look that the log names; how many there are is counted all the same."""

Left = tuple[str, bytes]
"""Id of a store, and number of a key in it."""


class KeysHeld(Protocol):
    """Tokens that can be asked which keys they hold."""

    async def held(self, row: KeyStoreRow) -> Sequence[HeldKey] | None:
        """Keys of ours in the token of a store; None where it did not tell, which is in the log."""
        ...


class LeftKeys:
    """The job."""

    def __init__(self, store: Store, tokens: KeysHeld, day_seconds: float, aside: SetAside) -> None:
        self.aside = aside
        self._store = store
        self._tokens = tokens
        self._seconds = max(day_seconds / LOOKS_A_DAY, SECONDS_MIN)
        self._suspected: frozenset[Left] = frozenset()
        self._told: frozenset[Left] = frozenset()
        self._log = structlog.get_logger("meridian.key_stores")

    @property
    def count(self) -> int:
        """How many keys are left in tokens, as far as the last look has shown."""
        return len(self._told)

    def job(self) -> Job:
        return Job(LEFT_KEYS, self.look, self._seconds, PATIENT_SECONDS)

    async def look(self) -> bool:
        """One round; there is never more to do at once. Raises: KmsError if the database fails."""
        async with self._store.reading() as uow:
            rows = await uow.key_stores.list_in({ConnectionState.CONNECTED}, after=("", ""), limit=STORES_MAX)
        found: dict[Left, HeldKey] = {}
        silent: set[str] = set()
        for unreadable in rows.unreadable:
            self.aside.set_aside_once(unreadable.name, UnreadableRowError(unreadable.fault))
        for row in rows:
            if row.kind == KeyStoreType.AWS_CLOUDHSM:
                held = await self._held(row)
                if held is None:
                    silent.add(row.store_id)
                else:
                    found |= {(row.store_id, key.number): key for key in await self._without_row(held)}
        # What was known of a token that did not tell stays so.
        known = frozenset(found) & self._suspected
        for store_id, number in sorted(known - self._told)[:TOLD_MAX]:
            label = found[store_id, number].key_id
            self._log.warning("key in a token that no KMS key has", store=store_id, label=label, cka_id=number.hex())
        self._told = known | {left for left in self._told if left[0] in silent}
        self._suspected = frozenset(found) | {left for left in self._suspected if left[0] in silent}
        return False

    async def _held(self, row: KeyStoreRow) -> Sequence[HeldKey] | None:
        """What the token of this store holds. A store that no code foresaw is set aside, and keeps no other from being asked."""
        try:
            held = await self._tokens.held(row)
        except Exception as fault:
            self.aside.set_aside_once((row.account, row.store_id), fault)
            return None
        self.aside.release((row.account, row.store_id))
        return held

    async def _without_row(self, held: Sequence[HeldKey]) -> list[HeldKey]:
        async with self._store.reading() as uow:
            return [key for key in held if await uow.keys.locate_number(key.number, multi_region=False) is None]
