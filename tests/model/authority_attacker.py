"""What a hostile Region can sign, as a finite set, and what it can do with it.

Signatures are perfect: X signs anything as X and nothing as another. So of the infinitely many states it could make, two that pass and
fail the same comparisons are the same to every rule, and one of each kind is enough:
    term        the present one, the next, the next generation, a far generation: a rule looks at "equal", "next", "other", "later"
    primary     X, or the victim; naming a third Region gives X nothing that naming the victim does not
    members     those that are, X added, or only X and the victim: a rule asks who is listed, and whether a Region is left out
    materials   the set's, its current one alone, the set's and one that X made, or that alone, which is all that a stranger has to enclose
A message that lists the victim under a serial that it has not is refused by the first comparison and is left out.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from tests.model.authority_gate import HOSTILE, Signed
from tests.model.handover_model import View, entry, next_term

EVIL = 0
"""The id of a material that X made."""

FORGED_SERIAL = -1
"""A serial that no honest Region made."""


@lru_cache(maxsize=20_000)
def forgeries(view: View, victim: str, serial: int) -> frozenset[Signed]:
    """States signed by X, made from a true one, that the victim could take for news."""
    terms = (
        (view.term, view.version + 1),
        (next_term(view), 0),
        (next_term(view), 1),
        ((view.term[0] + 1, HOSTILE, 0), 0),
        ((view.term[0] + 9, HOSTILE, 0), 0),
    )
    place = entry(view, victim) or (victim, serial, "on")
    own = entry(view, HOSTILE) or (HOSTILE, 0, "on")
    others = view.members - {entry(view, victim), entry(view, HOSTILE)}
    members = (others | {place}, others | {place, (*own[:2], "on")}, frozenset({place, (*own[:2], "on")}))
    rolled_back = frozenset({view.current})
    materials = ((view.materials, view.current), (rolled_back, view.current), (view.materials | {EVIL}, EVIL), (frozenset({EVIL}), EVIL))
    return frozenset(
        Signed(HOSTILE, 0, View(term, version, primary, HOSTILE, listed, have, current, None))
        for (term, version), primary, listed, (have, current) in product(terms, (HOSTILE, victim), members, materials)
    )
