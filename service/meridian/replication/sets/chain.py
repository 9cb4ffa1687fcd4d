"""Chains of signed states: which state may follow which, by signature alone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise

from meridian.domain.multi_region import SetRow, SetState, TermLink
from meridian.replication.sets.claims import SetRefusal, Told

Path = tuple[Told, ...]
"""States that follow from each other, first to last."""


def own_view(row: SetRow) -> Told:
    """The row's own view as the beginning of chains. Raises: SetRefusal where there is none."""
    view = row.view
    if view is None:
        raise SetRefusal("no state")
    return Told(view, view.issuer if view.version == 0 else view.primary, row.signed_view, row.signed_key, 0)


def listed_in(state: SetState, region: str, serial: str) -> bool:
    """Whether the state lists this membership."""
    member = state.find_member(region)
    return member is not None and member.serial == serial


def follows(before: SetState, told: Told) -> bool:
    """Whether this state may come after the one before, within a generation: by who signed it, and by what it still lists."""
    return speaks_next(before, told) and keeps_material(before, told.state)


def keeps_material(before: SetState, state: SetState) -> bool:
    """Whether nothing is left out that somebody may have encrypted under: all that the state before lists but for its pending material,
    which nobody used; and what is no more pending does not become so again."""
    permanent = before.material_ids - {before.pending}
    return permanent <= state.material_ids and state.pending not in permanent


def speaks_next(before: SetState, told: Told) -> bool:
    """Whether the state before makes this signer the one to say this, within a generation."""
    state = told.state
    if state.term == before.term:
        speaks = told.signer == state.primary == before.primary and state.issuer == before.issuer
        return speaks and state.version > before.version
    if state.term != before.term._replace(number=before.term.number + 1) or state.version != 0 or told.signer != state.issuer:
        return False
    # A primary that was named and left without ever speaking has its role taken back by the Region that named it.
    return told.signer == before.primary or (before.version == 0 and told.signer == before.issuer)


def left_unheard(state: SetState, told: Told) -> bool:
    """Whether this is the farewell of the primary of this state's term, from an earlier one: what it says as primary it made up."""
    primary, own = state.find_member(state.primary), told.state.find_member(told.signer)
    if primary is None or own is None or told.signer != state.primary or not told.is_farewell:
        return False
    return own.serial == primary.serial and told.state.term.reign == state.term.reign and told.state.term < state.term


def _begins_after(before: Told, told: Told) -> bool:
    return told.goes_on_from(before) and keeps_material(before.state, told.state)


def _taken_back(before: SetState, told: Told, pool: Collection[Told]) -> Path:
    """The steps to the term in which the Region that named this state's primary takes the role back, though the one that it named went on
    after its own farewell; nothing where it is no such term, or no farewell is shown."""
    state = told.state
    is_next = state.term == before.term._replace(number=before.term.number + 1) and state.version == 0
    if not is_next or not told.signer == state.issuer == state.primary == before.issuer:
        return ()
    shown = next((each for each in pool if left_unheard(before, each)), None)
    return (shown, told) if shown is not None and keeps_material(before, state) else ()


def reached(starts: Iterable[Told], pool: Collection[Told], *, across_generations: bool = False) -> dict[Told, Path]:
    """Every state of the pool that a chain leads to from a start, with that chain; a start leads to itself."""
    paths: dict[Told, Path] = {}
    for start in starts:
        paths.setdefault(start, (start,))
    queue = list(paths)
    for known in queue:  # grows while it is walked
        for told in pool:
            if told in paths:
                continue
            is_next = follows(known.state, told) or (across_generations and _begins_after(known, told))
            steps = (told,) if is_next else _taken_back(known.state, told, pool)
            if steps:
                paths[told] = (*paths[known], *steps)
                queue.append(told)
    return paths


def signed_twice(known: Iterable[Told], shown: Iterable[Told]) -> Told | None:
    """Of what is shown the state whose signer has signed another one that is known, under the same stamp and in the same life of its
    database: its word alone leads two members apart. Of a farewell nothing follows."""
    said = {(each.signer, each.incarnation, each.state.stamp): each.state for each in known if each.speaks_for_its_term}
    found = (each for each in shown if each.speaks_for_its_term)
    return next((each for each in found if said.get((each.signer, each.incarnation, each.state.stamp), each.state) != each.state), None)


def kept_links(links: Iterable[TermLink], path: Iterable[Told]) -> tuple[TermLink, ...]:
    """These links and those of a chain that others will ask for: the beginnings of terms, the last states of generations, farewells."""
    steps = list(path)
    ends = {a for a, b in pairwise(steps) if a.state.term.reign != b.state.term.reign}
    found = dict.fromkeys(links)
    kept = [each for each in steps if each.state.version == 0 or each in ends or each.is_farewell]
    found.update(dict.fromkeys(each.link for each in kept if each.signed))
    return tuple(found)
