"""What must hold in every state of the protocol, X or no X. The numbers are those of docs/spec/multi-region.md.

I8 asks that every adopted view be reached by a chain from the view before it. What honest Regions sign within a generation is one chain,
for the one that signs next is the one that the state before names (I2 holds over all that was ever signed). So it is enough that a view was
truly signed, and by an honest Region: had a rule let another in, X would have signed it.
"""

from __future__ import annotations

from itertools import combinations, permutations

from tests.model.authority_attacker import EVIL, FORGED_SERIAL
from tests.model.authority_gate import HOSTILE, Row, State, signed_twice
from tests.model.handover_model import NONE, Term, View, entry, generation, stamp

Rows = dict[str, Row]


def live_of(rows: Rows) -> Rows:
    return {r: x for r, x in rows.items() if x.status == "live"}


def broken_by_the_hostile(s: State, rows: Rows, *, is_member: bool, is_trusted: bool) -> str | None:
    """What X must never bring about; `is_trusted` where it may be handed the role, and then say what a primary says."""
    if s.stolen & s.secret:
        return "I7: X holds material of a set that does not list it"
    live = live_of(rows).values()
    faults = {
        "I8: X is primary": not is_trusted and any(x.seen.primary == HOSTILE for x in live),
        "I8: material of X is planted": not is_trusted and any(EVIL in x.materials for x in live),
        "I8: a view that no chain leads to": any(x.shown not in s.signed for x in live),
        "I8: X is a member": not is_member and any(entry(x.seen, HOSTILE) for x in live),
        "I9: a Region is stale at a peer's word": any(x.stale and not x.incarnation for x in live),
        "I9: a stranger has a place here": any(is_claimed_by_a_stranger(x) for x in rows.values()),
        "I9: a row grows at a peer's word": any(FORGED_SERIAL in x.void for x in live),
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)


def is_claimed_by_a_stranger(row: Row) -> bool:
    """Whether X holds a place in a set that was here, and did not list it."""
    return row.status == "reserved" and row.prepared_by == HOSTILE and row.shown is not None and not entry(row.seen, HOSTILE)


def broken_among_the_honest(s: State, rows: Rows, names: set[str]) -> str | None:
    """What the honest Regions promise each other, as without X. `names` are the actions of the scenario."""
    live = live_of(rows)
    apart: frozenset[str] = NONE.union(*(x.lost for x in live.values())) | {r for r, x in live.items() if x.stale or x.rejoin}
    apart |= {e[0] for x in live.values() for e in x.seen.members if e[2] == "off"}
    said = s.signed.union(*(x.chain for x in live.values()))
    twice = signed_twice(said, said)
    # Between members of a generation in which X has said two things of one stamp, I1 to I3 hold again when their operators have spoken.
    split = {generation(twice.view)} if twice is not None else set()
    actors = [x.seen for r, x in live.items() if x.acts_as_primary(r)]
    for v, w in combinations(actors, 2):
        if not {generation(v), generation(w)} & split and (generation(v) == generation(w) or not {v.primary, w.primary} & apart):
            return "I1: two primaries"
    seen: dict[tuple[Term, int], View] = {}
    told = [z.view for z in s.signed if generation(z.view) not in split]
    if "restore" not in names and any(seen.setdefault(stamp(view), view) != view for view in told):
        return "I2: two contents under one stamp"
    apart |= {e[0] for x in live.values() for e in x.seen.members if e[2] == "back"}
    planted = {EVIL} if "trust" in names else NONE  # a primary may say that all have what it made; it reaches them later
    whole = [r for r, x in live.items() if generation(x.seen) not in split]
    for r, q in permutations(whole, 2):
        if not {r, q} & apart and not live[q].used - planted <= live[r].materials:
            return "I3: a member cannot open what another made"
    if any(x.seen.current not in x.materials for x in live.values()):
        return "I4: a current material is not in the store"
    listed = {e[0] for v in actors for e in v.members if e[0] != HOSTILE}
    if not {"delete", "restore", "lose"} & names and any(rows[r].status == "none" for r in listed):
        return "I5: an acknowledged replica vanished"
    return None


def is_settled(rows: Rows) -> bool:
    """I6: where a set comes to rest. X may be listed, detached or gone."""
    live = live_of(rows)
    view = max((x.seen for x in live.values()), key=stamp)
    used: frozenset[int] = NONE.union(*(x.used for x in live.values()))
    are_level = all(x.view == view and used <= x.materials and not (x.stale or x.lost or x.rejoin) for x in live.values())
    members = {e for e in view.members if e[0] != HOSTILE}
    return (
        are_level
        and view.pending is None
        and view.primary in live
        and all(x.status != "reserved" for x in rows.values())
        and members == {(r, x.serial, "on") for r, x in live.items()}
    )
