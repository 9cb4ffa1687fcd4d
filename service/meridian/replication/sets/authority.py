"""Whose word counts about a set: THE gate that all that a peer says or asks passes, pure: from (row, claim) to what is believed.

It believes the row, bytes that this Region signed, a chain of signed states that begins at the row's own view, and an operator's word
kept in this Region. Names inside a message are what is checked, never what they are checked against.

Source: docs/spec/multi-region.md, whose word counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetRow, SetState, TermLink, ToldLost
from meridian.replication.sets.chain import Path, keeps_material, kept_links, listed_in, own_view, reached, speaks_next
from meridian.replication.sets.claims import DECLARED_LOST, NO_MEMBERSHIP, Answer, Believed, NotBelieved, Rule, Told
from meridian.replication.sets.successors import follows_the_lost, is_led_apart, joins_the_named

LINKS_MAX: Final = 32
"""Handovers and ends of generations that a row keeps and passes on."""


# ---- who may be heard, and shown anything


def hear(row: SetRow | None, sender: str, lost: Collection[str], incarnation: int | None, highest: int) -> None:
    """Whether this sender is listened to at all. `lost` are the Regions given up here, `highest` the sender's highest incarnation.

    `incarnation` is None where this Region has just asked. A sender that the row does not list is answered as if there were no row. Raises:
    NotBelieved.
    """
    is_here = row is not None and row.status in (RowStatus.RESERVED, RowStatus.LIVE) and may_ask_of_set(row, sender)
    if sender in (row.lost if row is not None and is_here else lost):
        raise NotBelieved(Rule.ROW, DECLARED_LOST)
    if incarnation is not None and incarnation < highest:
        raise NotBelieved(Rule.ROW, "The sender speaks from an earlier incarnation.")


def is_member(row: SetRow | None, sender: str) -> bool:
    """A7: whether this Region's row lists the sender, so that it may be told that there is a set. Detached members are listed."""
    return row is not None and row.view is not None and row.view.find_member(sender) is not None


def may_ask_of_set(row: SetRow, sender: str) -> bool:
    """A7: whether the sender's questions about the set are answered: the row lists it, or it prepared this place."""
    return is_member(row, sender) or (row.status is RowStatus.RESERVED and row.prepared_by == sender)


def has_place(row: SetRow | None, sender: str, serial: str) -> bool:
    """A7: whether there is a place that a state may be meant for, before anything that came along with it is opened. A member that
    this Region has not heard of names the place by its serial, which nobody outside the set was told. Raises: NotBelieved."""
    if row is None or row.status not in (RowStatus.RESERVED, RowStatus.LIVE):
        return False
    if not may_ask_of_set(row, sender) and row.serial != serial:
        raise NotBelieved(Rule.MEMBERS, NO_MEMBERSHIP)
    return True


def require_reader_of_material(row: SetRow | None, sender: str) -> None:
    """A7: material is sealed for a Region only if a live row lists it as one that counts, or as one whose generation was verified here,
    and the operator said to follow it: detached here, it takes this one back, and asks for what was made without it.

    Raises: NotBelieved.
    """
    member = row.view.find_member(sender) if row is not None and row.view is not None else None
    is_readable = row is not None and row.status is RowStatus.LIVE and sender not in row.lost
    is_followed = row is not None and row.rejoin == sender and not row.stale and waits_for(row, sender)
    if member is None or (member.status is MemberStatus.OFF and not is_followed) or not is_readable:
        raise NotBelieved(Rule.MEMBERS, NO_MEMBERSHIP)


def waits_for(row: SetRow, region: str) -> bool:
    """Whether a signed state, kept as `told_lost`, has shown that this set goes on with that Region alone, at its operator's word: a later
    generation; of a restored Region also what no chain reaches, and likewise where the set follows a Region that is lost, and the operator
    named that one to succeed it."""
    shown = [each for each in row.told_lost if each.region == region]
    needs_no_chain = row.stale or (row.successor == region and follows_the_lost(row))
    return row.view is not None and any(needs_no_chain or each.generation > row.view.term.generation for each in shown)


def membership(row: SetRow, sender: str, serial: str) -> Member | None:
    """The membership that a sender speaks for, of itself alone; None where this Region's row has another or none."""
    member = row.view.find_member(sender) if row.status is RowStatus.LIVE and row.view is not None else None
    return member if member is not None and member.serial == serial else None


def require_own_serial(row: SetRow | None, sender: str, serial: str, *, is_own: bool) -> None:
    """A8: only what this Region made, for this account, key and sender, is resolved. Raises: NotBelieved."""
    if not is_own and (row is None or membership(row, sender, serial) is None):
        raise NotBelieved(Rule.SERIAL, "No such place was prepared here.")
    if row is not None and row.stale:
        raise NotBelieved(Rule.OWN_BYTES, "This Region was restored and does not know yet what became of the place.")


def require_own_name(sender: str, primary: str) -> None:
    """A Region prepares in its own name alone. Raises: NotBelieved."""
    if sender != primary:
        raise NotBelieved(Rule.ROW, "Only the primary's Region may prepare.")


def require_known_preparer(row: SetRow, sender: str) -> None:
    """A2: where a membership has ended, only a Region that it knew as a member prepares another. Raises: NotBelieved."""
    if row.view is not None and row.view.find_member(sender) is None:
        raise NotBelieved(Rule.FIRST_STATE, "The set that was here does not list the sender.")


def require_primary(row: SetRow | None, sender: str) -> None:
    """A role is handed over by the Region that this one's row names as primary. Raises: NotBelieved."""
    is_primary = row is not None and row.status is RowStatus.LIVE and row.view is not None and row.view.primary == sender
    if row is None or not is_primary or row.stale or row.rejoin or sender in row.lost:
        raise NotBelieved(Rule.ROW, "The sender is not primary of this set.")


# ---- states


def believe_state(row: SetRow, region: str, told: Told, shown: Collection[Told]) -> tuple[TermLink, ...]:
    """The links that the row keeps once it has this state; `shown` came along, and what the row's own links say. A reserved place that
    was a member's before has the view of then, and chains begin there. Raises: NotBelieved where none leads to the state.
    """
    pool = frozenset((*shown, told))
    if row.view is None:
        path = _first_states(row, region, pool).get(told)
        if path is None:
            raise NotBelieved(Rule.FIRST_STATE, "the state does not come from the Region that prepared this place")
        return _kept(row, (*(each for each in shown if each.state.stamp < told.state.stamp), *path))
    if told.state.term.reign == row.view.term.reign:
        path = reached([own_view(row)], pool).get(told)
        if path is None and joins_the_named(row, told):
            return _kept(row, (told,))
        if path is None:
            raise NotBelieved(Rule.CHAIN, _why_no_chain(row.view, told))
        return _kept(row, path)
    return _kept(row, _another_generation(row, pool, _past(row, pool), told))


def _why_no_chain(view: SetState, told: Told) -> str:
    if speaks_next(view, told) and not keeps_material(view, told.state):
        return "the state leaves out key material of the set that this Region knows, or makes it pending again"
    return "no chain of signed states leads to it from what this Region knows"


def require_signer_heard(row: SetRow, sender: str, told: Told, highest: int) -> None:
    """The newest state itself must not come from a Region that is given up here, nor from before its signer was restored, whoever
    passes it on; the named successor alone may show the last word of a lost Region, as it goes on from there.

    `highest` is the highest incarnation of the signer that is known here. Raises: NotBelieved.
    """
    is_of_the_old = row.view is None or told.state.term.reign == row.view.term.reign
    if told.signer in row.lost and is_of_the_old and sender != row.successor:
        raise NotBelieved(Rule.CHAIN, "the state is signed by a Region that is declared lost")
    if told.incarnation < highest:
        raise NotBelieved(Rule.CHAIN, "the state was signed before its signer was restored")


def _first_states(row: SetRow, region: str, pool: Collection[Told]) -> dict[Told, Path]:
    """A2: states that list this place, by the Region that prepared it, and what follows from them."""
    begins = [t for t in pool if t.signer == row.prepared_by and t.speaks_for_its_term and listed_in(t.state, region, row.serial)]
    return reached(begins, pool)


def _past(row: SetRow, pool: Collection[Told]) -> list[Told]:
    """Where chains to another generation begin: the row's view; for a Region that rejoins also what its view came from."""
    own = own_view(row)
    if not row.rejoin:
        return [own]
    return [own, *(each for each in pool if each.speaks_for_its_term and own in reached([each], {*pool, own}))]


def _another_generation(row: SetRow, pool: Collection[Told], starts: Collection[Told], told: Told) -> Path:
    """A4: from the row to the end of the generation before, to the first state of the Region that the operator named, to this one."""
    named = row.rejoin or (row.successor if row.lost else "")
    if not named:
        raise NotBelieved(Rule.GENERATION, "the state is of another generation, and no operator of this Region named its Region")
    before = reached(starts, pool, across_generations=True)
    for first in pool:
        if first.state.term.reign != told.state.term.reign or first.signer != named or not first.begins_generation:
            continue
        follows = [each for each in before if first.goes_on_from(each) and keeps_material(each.state, first.state)]
        ends = [each for each in follows if row.rejoin or each.state.primary in row.lost]
        after = reached([first], pool).get(told)
        if ends and after is not None:
            return (*before[max(ends, key=lambda each: each.state.stamp)], *after)
    raise NotBelieved(Rule.GENERATION, f"no chain leads to a generation of {named}, which the operator named")


def _kept(row: SetRow, path: Iterable[Told]) -> tuple[TermLink, ...]:
    return kept_links(row.links, path)[-LINKS_MAX:]


# ---- answers


def believe_answers(row: SetRow, region: str, answers: Collection[Answer], kept: Collection[Told]) -> Believed:
    """A5: the states in the answers, as far as chains reach them from the row's view, whoever shows them. `kept` are the row's links.

    Raises: NotBelieved where a member shows something newer that no chain reaches, and nothing as new is reached.
    """
    if row.view is None:
        raise NotBelieved(Rule.ANSWERS, "this Region has no state")
    shown = [each for answer in answers for each in (*answer.earlier, *([answer.told] if answer.told else ()))]
    pool = frozenset((*kept, *shown))
    # The operator's word is for sets that nobody else leads on.
    is_led = any(answer.region != row.rejoin and _leads_on(row, region, pool, answer) for answer in answers)
    asking = replace(row, rejoin="") if is_led else row
    paths: dict[Told, Path] = {}
    refused: list[tuple[str, NotBelieved]] = []
    for answer in answers:
        told = answer.told if answer.status is RowStatus.LIVE else None
        if told is None or told.state.stamp <= row.view.stamp:
            continue
        try:
            paths[told] = _answered(asking, region, pool, told)
        except NotBelieved as refusal:
            refused.append((answer.region, refusal))
    newest = max(paths, key=lambda each: each.state.stamp, default=None)
    state = newest.state if newest is not None else row.view
    listed = {m.region for view in (row.view, state) for m in view.members}
    apart = {answer.region for answer in answers if is_led_apart(row, pool, answer)}
    for answer in answers:
        claims_newer = answer.told is not None and answer.told.state.stamp > state.stamp and answer.region not in apart
        if answer.region in listed and claims_newer and any(name == answer.region for name, _ in refused):
            raise NotBelieved(Rule.ANSWERS, f"no chain leads to what {answer.region} shows; the operator's rejoin ends that")
    links = _kept(row, paths[newest]) if newest is not None else row.links
    counted = tuple(a for a in answers if a.region in listed)
    return Believed(state, newest, links, counted, (row.view, *(each.state for each in paths)), tuple(refused), bool(apart & listed))


def _answered(row: SetRow, region: str, pool: Collection[Told], told: Told) -> Path:
    """The chain to a state in an answer. A restored Region knows its own signature again, and the word of its operator ends what no
    chain can end. Raises: NotBelieved."""
    starts = _starts(row, region, pool)
    path = reached(starts, pool).get(told)
    if path is not None:
        return path
    is_named = row.stale and row.rejoin == told.signer == told.state.primary
    if is_named and listed_in(told.state, region, row.serial):
        return (told,)
    if row.view is not None and told.state.term.reign == row.view.term.reign:
        raise NotBelieved(Rule.ANSWERS, "no chain of signed states leads to it from what this Region knows")
    return _another_generation(row, pool, [*_past(row, pool), *starts], told)


def _starts(row: SetRow, region: str, pool: Collection[Told]) -> list[Told]:
    return [own_view(row), *([each for each in pool if each.signer == region] if row.stale else [])]


def _leads_on(row: SetRow, region: str, pool: Collection[Told], answer: Answer) -> bool:
    """Whether a Region shows, in its own signature as primary, the state that this row has or one that a chain leads to."""
    told = answer.told if answer.status is RowStatus.LIVE else None
    if row.view is None or told is None or not told.signer == told.state.primary == answer.region:
        return False
    return told.state.stamp == row.view.stamp or told in reached(_starts(row, region, pool), pool)


def gone_on_with(row: SetRow, region: str, kept: Collection[Told], answer: Answer) -> ToldLost | None:
    """What an answer proves of how the set goes on without this Region, for its operator's `rejoin`: by a chain who began a later
    generation; or, where this Region was restored and no chain reaches it, that the answering Region signs as primary."""
    told = answer.told if answer.status is RowStatus.LIVE else None
    if row.view is None or told is None or not listed_in(told.state, region, row.serial) or told.state.stamp <= row.view.stamp:
        return None
    pool = frozenset((*kept, *answer.earlier, told))
    origin, generation = told.state.term.origin, told.state.term.generation
    if generation > row.view.term.generation:
        named = replace(row, rejoin=origin)
        with contextlib.suppress(NotBelieved):
            _another_generation(named, pool, [*_past(named, pool), *_starts(row, region, pool)], told)
            return ToldLost(origin, generation)
    is_primary = told.signer == told.state.primary == answer.region
    return ToldLost(answer.region, generation) if row.stale and is_primary else None


def believe_return(row: SetRow, kept: Collection[Told], answer: Answer) -> SetState | None:
    """The state of a member that comes back, where a chain leads to it from what this Region knows or has known; else None."""
    if answer.told is None or answer.status is not RowStatus.LIVE:
        return None
    pool = frozenset((*kept, *answer.earlier, answer.told))
    return answer.told.state if answer.told in reached([own_view(row), *kept], pool, across_generations=True) else None


# ---- a database that is older than what it has said


def is_older_than_its_word(row: SetRow, region: str, incarnation: int, shown: Iterable[Told]) -> bool:
    """A6: whether somebody shows bytes that this Region signed, in this incarnation and as this membership, and that its own database
    does not know."""
    view = row.view
    if view is None or row.stale:
        return False
    own = [t for t in shown if t.signer == region and t.incarnation >= incarnation and listed_in(t.state, region, row.serial)]
    return any(t.state.stamp > view.stamp for t in own)
