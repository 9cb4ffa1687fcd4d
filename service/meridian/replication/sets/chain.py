"""Chains of signed states: which state may follow which, by signature alone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise

from meridian.domain.multi_region import SetRow, SetState, TermLink
from meridian.replication.sets.told import SetRefusal, Told

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
    """Whether the state before makes this signer the one to say this, within a generation."""
    state = told.state
    if state.term == before.term:
        speaks = told.signer == state.primary == before.primary and state.issuer == before.issuer
        return speaks and state.version > before.version
    if state.term != before.term._replace(number=before.term.number + 1) or state.version != 0 or told.signer != state.issuer:
        return False
    # A primary that was named and left without ever speaking has its role taken back by the Region that named it.
    return told.signer == before.primary or (before.version == 0 and told.signer == before.issuer)


def reached(starts: Iterable[Told], pool: Collection[Told], *, across_generations: bool = False) -> dict[Told, Path]:
    """Every state of the pool that a chain leads to from a start, with that chain; a start leads to itself."""
    paths: dict[Told, Path] = {}
    for start in starts:
        paths.setdefault(start, (start,))
    queue = list(paths)
    for known in queue:  # grows while it is walked
        for told in pool:
            if told not in paths and (follows(known.state, told) or (across_generations and told.goes_on_from(known))):
                paths[told] = (*paths[known], told)
                queue.append(told)
    return paths


def kept_links(links: Iterable[TermLink], path: Iterable[Told]) -> tuple[TermLink, ...]:
    """These links and those of a chain that others will ask for: the beginnings of terms, and the last states of generations."""
    steps = list(path)
    ends = {a for a, b in pairwise(steps) if a.state.term.reign != b.state.term.reign}
    found = dict.fromkeys(links)
    found.update(dict.fromkeys(each.link for each in steps if each.signed and (each.state.version == 0 or each in ends)))
    return tuple(found)
