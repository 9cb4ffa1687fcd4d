"""Whose word counts: the gate of the protocol model, as pure functions from (a Region's row, signed states) to belief.

A signature is a value here: `Signed` can only be made with the signer that the maker is, and passed on by whoever has it. The rules
carry the numbers of docs/spec/multi-region.md; `without` leaves one of them out, so that a search can show what it is for.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import NamedTuple

from tests.model.handover_model import NONE, Budget, View, entry, generation, next_term, stamp

HOSTILE = "X"
HONEST = "ABC"


class Signed(NamedTuple):
    """A set state as its issuer signed it. Only links and a newest state matter; what is passed on stays as it is."""

    signer: str
    incarnation: int
    view: View


Chain = frozenset[Signed]


class Row(NamedTuple):
    """What an honest Region keeps about the set."""

    status: str  # none | reserved | live | gone
    serial: int
    prepared_by: str
    shown: Signed | None  # the view and its signature
    links: Chain  # version 0 of each term, and the newest state of a generation that ended
    materials: frozenset[int]
    used: frozenset[int]  # materials that were ever current here, only for checking
    held: frozenset[tuple[str, int, int]]
    lost: frozenset[str]
    successor: str  # whom the operator named with `lost`
    rejoin: str  # whom the operator named with `rejoin`
    stale: bool
    incarnation: int
    known: tuple[tuple[str, int], ...]  # lowest incarnation that is still heard, where a Region was restored
    void: frozenset[int]  # serials refused for ever

    @property
    def view(self) -> View | None:
        return self.shown.view if self.shown else None

    @property
    def said(self) -> Signed:
        """What is shown by a row that shows something: each that is live, and each that was."""
        assert self.shown is not None
        return self.shown

    @property
    def seen(self) -> View:
        """The view of such a row."""
        return self.said.view

    @property
    def chain(self) -> Chain:
        """What this Region can show: its state and the links to it."""
        return self.links | {self.shown} if self.shown else self.links

    def acts_as_primary(self, region: str) -> bool:
        return bool(self.status == "live" and not self.stale and not self.rejoin and self.seen.primary == region)


class State(NamedTuple):
    """The rows of the honest Regions, what was signed, what X has, and the actions of callers and operators that are left."""

    rows: tuple[Row, ...]
    signed: Chain
    stolen: frozenset[int]  # materials that X has
    secret: frozenset[int]  # materials made while the set did not list X
    budget: Budget
    serials: int
    ids: int


def follows(known: Signed, told: Signed, without: str = "") -> bool:
    """A3, one step: whether the view before makes this signer the one to say this, within a generation."""
    before, view = known.view, told.view
    if without != "material" and not keeps_material(before, view):
        return False
    if view.term == before.term:
        return view.version > before.version and told.signer == view.primary == before.primary
    # A primary that was named and left without having heard of it has its role taken back by the Region that named it.
    heirs = {before.primary, before.by} if before.version == 0 and without != "taken back" else {before.primary}
    return bool(view.term == next_term(before) and view.version == 0 and told.signer == view.by and told.signer in heirs)


def signed_twice(known: Chain, shown: Chain) -> Signed | None:
    """Whose word leads members apart: one state of these, where its signer has signed another one of those under the same stamp."""
    said = {(each.signer, each.incarnation, stamp(each.view)): each.view for each in known}
    return next((each for each in shown if said.get((each.signer, each.incarnation, stamp(each.view)), each.view) != each.view), None)


def is_led_apart(lost: frozenset[str], known: Signed, row: Row, pool: Chain) -> bool:
    """Whether this member has what a Region that is given up led it to, beside what is known: no chain joins the two."""
    told = row.shown
    if row.status != "live" or told is None or generation(told.view) != generation(known.view):
        return False
    pool = pool | {told, known}
    return bool(lost & {told.view.primary, told.view.by}) and told not in reached(known, pool) and known not in reached(told, pool)


def keeps_material(before: View, view: View) -> bool:
    """A3: nothing is left out that somebody may have encrypted under, nor made pending again."""
    permanent = before.materials - {before.pending}
    return bool(permanent <= view.materials and view.pending not in permanent)


@lru_cache(maxsize=200_000)
def reached(start: Signed, pool: Chain, without: str = "") -> dict[Signed, tuple[Signed, ...]]:
    """Every state of the pool that a chain from `start` leads to, with that chain; the start leads to itself."""
    by_signer: dict[str, list[Signed]] = {}
    for told in pool:
        by_signer.setdefault(told.signer, []).append(told)
    paths: dict[Signed, tuple[Signed, ...]] = {start: ()}
    queue = [start]
    for known in queue:
        for signer in {known.view.primary, known.view.by}:  # nobody else can follow
            for told in by_signer.get(signer, ()):
                if told not in paths and follows(known, told, without):
                    paths[told] = (*paths[known], told)
                    queue.append(told)
    return paths


@lru_cache(maxsize=200_000)
def believed(row: Row, region: str, pool: Chain, without: str = "", *, is_answer: bool = False) -> dict[Signed, Chain]:
    """Of the states that are shown to a Region, those it takes for news, each with the links it keeps. Pass a row of `facts`.

    `is_answer` where this Region asked (takeover, reconcile): then the last word of a lost Region may be shown, and a restored Region
    knows its own signature again.
    """
    pool = pool | row.links
    if row.stale and row.rejoin and without != "leads on" and _is_led(row, region, pool):
        row = row._replace(rejoin="")
    news = [told for told in pool if _is_news(row, region, told, is_answer)]
    if is_answer and without == "A5":
        return {told: row.links | {told} for told in news}
    starts = _starts(row, region, pool, is_answer, without)
    chains = _of_this_generation(row, pool, starts, without)
    if row.lost or row.rejoin:
        chains |= _of_another_generation(row, pool, starts, without)
    if is_answer and row.stale and row.rejoin:  # the operator's word ends what no chain can end
        chains |= {told: (told,) for told in pool if told.signer == row.rejoin == told.view.primary and told not in chains}
    known = [row.shown] if row.shown else []
    return {
        told: row.links | _kept((*known, *chains[told]))
        for told in news
        if told in chains and (without == "signer" or _is_heard(row, region, told, is_answer, without))
    }


def _is_led(row: Row, region: str, pool: Chain) -> bool:
    """Whether another Region than the one that the operator named shows that it leads: the row's own view, or what a chain leads to."""
    leading = [told for told in pool if told.signer == told.view.primary and told.signer not in (region, row.rejoin)]
    return any(told == row.shown or told in reached(row.said, pool) for told in leading)


def own_past(row: Row, region: str, pool: Chain) -> Chain:
    """A6: states that this Region signed and that are newer than its database: it was restored without a word."""
    if row.view is None or row.stale:
        return NONE
    return frozenset(told for told in pool - row.links if told.signer == region and stamp(told.view) > stamp(row.view))


def facts(row: Row) -> Row:
    """The row without what no rule of the gate looks at."""
    return row._replace(materials=NONE, used=NONE, held=NONE, void=NONE)


def _is_news(row: Row, region: str, told: Signed, is_answer: bool) -> bool:
    if row.status not in ("reserved", "live") or (row.stale and not is_answer) or stamp(told.view) <= stamp(row.view):
        return False
    if row.rejoin and generation(told.view) == generation(row.seen):
        return False
    if told.signer == region and not row.stale:
        return False  # its own past: not to be adopted, but a reason to reconcile
    return (region, row.serial) in {e[:2] for e in told.view.members}


def _is_heard(row: Row, region: str, told: Signed, is_answer: bool, without: str) -> bool:
    """Whether the signer of the newest state, whoever passes it on, is neither given up here nor speaks from before its restore.

    In the successor's generation a Region that was given up speaks again: the successor has taken it back.
    """
    is_of_the_old = row.view is None or generation(told.view) == generation(row.view) or without == "speaks again"
    if told.signer in row.lost and is_of_the_old and not is_answer:
        return False
    return told.signer == region or told.incarnation >= dict(row.known).get(told.signer, 0)


def _kept(path: tuple[Signed, ...]) -> Chain:
    """Of a chain what others will ask for: beginnings of terms, and the last state of a generation."""
    ends = {a for a, b in itertools.pairwise(path) if generation(a.view) != generation(b.view)}
    return frozenset(ends | {each for each in path if each.view.version == 0})


def _speaks_for_itself(told: Signed) -> bool:
    """What is left of a check when names inside the message are believed."""
    return told.signer in (told.view.primary, told.view.by)


def _starts(row: Row, region: str, pool: Chain, is_answer: bool, without: str) -> list[Signed]:
    """Where chains may begin: the row's own view, or (A2) what the Region that prepared this place says of it."""
    if row.shown is None:
        mine = (region, row.serial)
        said = [p for p in pool if p.signer == row.prepared_by and _speaks_for_itself(p)]
        return [p for p in said if mine in {e[:2] for e in p.view.members}]
    # A Region that was restored, or that went on alone, meets its own past: its signature is as good as its row.
    asks_its_past = (row.stale and is_answer) or row.rejoin
    own = [p for p in pool if p.signer == region or p in row.links] if asks_its_past and without != "own signature" else []
    return [*sorted(own, key=lambda z: stamp(z.view), reverse=True), row.shown]


def _of_this_generation(row: Row, pool: Chain, starts: list[Signed], without: str) -> dict[Signed, tuple[Signed, ...]]:
    """A2 and A3: what chains lead to."""
    if without == ("A3" if row.shown else "A2"):
        present = row.view and generation(row.view)
        return {p: (p,) for p in pool if _speaks_for_itself(p) and present in (None, generation(p.view))}
    # A later start overrides: of several chains the one from furthest back has all links that others will ask for.
    return {told: (start, *path) for start in starts for told, path in reached(start, pool, without).items()}


def _of_another_generation(row: Row, pool: Chain, starts: list[Signed], without: str) -> dict[Signed, tuple[Signed, ...]]:
    """A4: a chain to an end of the old generation, then the first state of the successor that an operator named here, and on."""
    successor = row.rejoin or row.successor
    before = ((start, *path) for start in reversed(starts) for path in reached(start, pool, without).values())
    ends = [path for path in before if _is_end(row, successor, path[-1].view)]
    chains: dict[Signed, tuple[Signed, ...]] = {}
    for first in pool:
        view = first.view
        is_first = view.version == 0 and view.term[2] == 0 and first.signer == view.primary == view.by == view.term[1]
        if not is_first or (row.view and generation(view) == generation(row.view)):
            continue
        end = next((path for path in ends if without == "material" or keeps_material(path[-1].view, view)), None)
        if without == "A4" or (first.signer == successor and end is not None):
            chains |= {told: (*(end or ()), first, *path) for told, path in reached(first, pool, without).items()}
    return chains


def _is_end(row: Row, successor: str, view: View) -> bool:
    """Whether the successor could go on from here. Where a Region is to rejoin, nobody need be declared lost: it was itself, or it was
    restored to before it was told."""
    return entry(view, successor) is not None and (bool(row.rejoin) or view.primary in row.lost)
