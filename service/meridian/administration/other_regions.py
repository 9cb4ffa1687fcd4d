"""What an operator says in one Region about others: stored with its audit event, in one transaction.

Source: docs/operate.md, when a Region is lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from meridian.adapters.entropy_os import OsEntropy
from meridian.administration.database import open_store
from meridian.audit.operator_events import OperatorEvents, record_operator_event
from meridian.domain.multi_region import OperatorWord, RowStatus, SetRow
from meridian.log import structlog
from meridian.ports.entropy import Entropy
from meridian.ports.store.faults import ROW_FAULTS
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.erase_key import erase_reserved_key
from meridian.replication.sets.authority import waits_for
from meridian.replication.sets.loss import declare_lost as lost_to
from meridian.replication.sets.loss import withdraw
from meridian.settings import Settings

ROWS_PER_READING: Final = 500
Word = Callable[[Store, Entropy, str], Awaitable[int]]


async def say_word(settings: Settings, word: Callable[[Store, Entropy, str], Awaitable[int]], about: str) -> int:
    """An operator's word about another Region, kept in this one. Raises: StartupError."""
    async with open_store(settings) as store:
        return await word(store, OsEntropy(), about)


def declaring_lost(successor: str) -> Word:
    """The Region is given up, and this one succeeds it, as every other that is lost here."""

    async def declare(store: Store, entropy: Entropy, region: str) -> int:
        """Refuse what this Region says from now on; the answer counts the sets that know it. Raises: ValueError."""
        events = OperatorEvents(entropy)
        async with store.transaction() as uow:
            if successor == region or successor in await uow.operator_words.regions(OperatorWord.LOST):
                raise ValueError(f"{successor} is lost itself and succeeds nobody")
            await uow.operator_words.say_lost(region, successor, now=await uow.region.now())
            rows = await _rows(uow)
            known = [row for row in rows if _knows(row, region)]
            for row in known:
                await uow.key_sets.update(lost_to(row, region, successor))
                await _release_key(uow, events, row, region)
            for row in rows:
                if row.lost and row not in known and row.successor != successor:
                    await uow.key_sets.update(replace(row, successor=successor))
            await record_operator_event(uow, entropy, "DeclareRegionLost", {"region": region, "successor": successor, "sets": len(known)})
        return len(known)

    return declare


async def withdraw_lost(store: Store, entropy: Entropy, region: str) -> int:
    """Take back whatever was said about this Region and is not done: it is heard again, under whatever incarnation, or waited for no more.

    The answer counts the sets that differ.
    """
    async with store.transaction() as uow:
        await uow.inbox.forget_incarnations(region)
        for word in OperatorWord:
            await uow.operator_words.unsay(word, region)
        rows = [row for row in await _rows(uow) if region in row.lost or row.rejoin == region]
        for row in rows:
            await uow.key_sets.update(withdraw(row, region))
        await record_operator_event(uow, entropy, "WithdrawRegionLost", {"region": region, "sets": len(rows)})
    return len(rows)


async def rejoin(store: Store, entropy: Entropy, successor: str) -> int:
    """Let this Region's sets join the successor that a signed state has shown to go on with it alone; the answer counts them."""
    async with store.transaction() as uow:
        rows = [row for row in await _rows(uow) if row.status is RowStatus.LIVE and waits_for(row, successor)]
        for row in rows:
            await uow.key_sets.update(replace(row, rejoin=successor))
        await record_operator_event(uow, entropy, "RejoinRegion", {"region": successor, "sets": len(rows)})
    return len(rows)


async def note_restored(store: Store, entropy: Entropy, _: str) -> int:
    """Begin a new incarnation whose sets all have to reconcile; the answer is its number."""
    async with store.transaction() as uow:
        incarnation = await uow.region.begin_incarnation()
        sets = await uow.key_sets.mark_stale()
        await record_operator_event(uow, entropy, "RestoreRegion", {"incarnation": incarnation, "sets": sets})
    return incarnation


def asking(word: OperatorWord) -> Word:
    """The Region shall do this about another one, and forget the word when it is done everywhere."""

    async def ask(store: Store, entropy: Entropy, region: str) -> int:
        async with store.transaction() as uow:
            if word is OperatorWord.TAKE_OVER and region not in await uow.operator_words.regions(OperatorWord.LOST):
                raise ValueError(f"{region} is not declared lost here")
            if word in OPPOSITES:
                await uow.operator_words.unsay(OPPOSITES[word], region)
            await uow.operator_words.say(word, region, now=await uow.region.now())
            await record_operator_event(uow, entropy, EVENTS[word], {"region": region})
        return 1

    return ask


EVENTS: Final = {
    OperatorWord.TAKE_OVER: "TakeOverRegion",
    OperatorWord.DETACH: "DetachRegion",
    OperatorWord.TAKE_BACK: "TakeBackRegion",
}


OPPOSITES: Final = {OperatorWord.DETACH: OperatorWord.TAKE_BACK, OperatorWord.TAKE_BACK: OperatorWord.DETACH}
"""The later of these two words counts."""


def is_still_said(word: OperatorWord) -> Word:
    """1 while the word is not done, else 0."""

    async def ask(store: Store, _entropy: Entropy, region: str) -> int:
        async with store.reading() as uow:
            return int(region in await uow.operator_words.regions(word))

    return ask


def _knows(row: SetRow, region: str) -> bool:
    return row.prepared_by == region or (row.view is not None and row.view.find_member(region) is not None)


async def _release_key(uow: UnitOfWork, events: OperatorEvents, row: SetRow, region: str) -> None:
    """A place that only the lost Region could have committed is given up with its key."""
    if row.prepared_by != region:
        return
    try:
        await erase_reserved_key(uow, events, row)
    except ROW_FAULTS as fault:  # the word is said about every other set all the same
        log = structlog.get_logger("meridian.membership")
        log.error(  # noqa: TRY400 - a traceback could show what the row holds
            "key cannot be read, and its place stays", account=row.account, key_id=row.key_id, fault=type(fault).__name__
        )


async def _rows(uow: UnitOfWork) -> list[SetRow]:
    found: list[SetRow] = []
    after = ("", "")
    while True:
        page = await uow.key_sets.list_members(after=after, limit=ROWS_PER_READING)
        found.extend(page.rows)
        for account, key_id, fault in page.unreadable:
            structlog.get_logger("meridian.membership").error("set cannot be read", account=account, key_id=key_id, fault=fault)
        if page.next is None:
            return found
        after = page.next
