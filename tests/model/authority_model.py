"""The protocol of a set of related keys among Regions that need not trust each other, searched exhaustively.

Three honest Regions at most, and X, which is hostile: a STRANGER where the set does not list it, else a HOSTILE MEMBER. X signs what it
likes as itself, passes on every state that was ever signed, and answers every question falsely or not at all; what honest Regions send
each other may be lost or late. It is not drawn which honest message X saw: it saw all. `handover_model.py` covers what an attacker adds
nothing to (deletion after deletion, detached members), and its search is used here.

Safety is checked in every state. Liveness asks, from every state that X can bring about, for a way to a settled state by steps that the
honest Regions and their operators take, X giving no help at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import permutations
from typing import Any

from tests.model.authority_attacker import EVIL, FORGED_SERIAL, forgeries
from tests.model.authority_gate import (
    HOSTILE,
    Chain,
    Row,
    Signed,
    State,
    believed,
    facts,
    follows,
    is_led_apart,
    own_past,
    reached,
    signed_twice,
)
from tests.model.authority_invariants import broken_among_the_honest, broken_by_the_hostile, is_settled
from tests.model.handover_model import NONE, Member, View, entry, generation, next_term, spent, stamp
from tests.model.search import Search


class AuthorityModel(Search[State]):
    """One scenario; `members` begin in the set, `honest` are the Regions that keep a row; `without` is the rule left out."""

    def __init__(self, budget: dict[str, int], members: str, honest: str = "ABC", without: str = "") -> None:
        self.without, self.honest, self.is_member = without, honest, HOSTILE in members
        view = View((0, "A", 0), 0, "A", "A", frozenset((r, 0, "on") for r in members), frozenset({1}), 1, None)
        first, one = Signed("A", 0, view), frozenset({1})
        live = Row("live", 0, "", first, NONE, one, one, NONE, NONE, "", "", False, 0, (), NONE)
        absent = live._replace(status="none", shown=None, materials=NONE, used=NONE)
        self.backup = tuple(live if r in members else absent for r in honest)
        known = (one, NONE) if self.is_member else (NONE, one)
        self.start = State(self.backup, frozenset({first}), *known, tuple(sorted(budget.items())), 0, 1)
        self.names = set(budget)

    def row(self, s: State, r: str) -> Row:
        return s.rows[self.honest.index(r)]

    def put(self, s: State, r: str, **fields: Any) -> State:
        return s._replace(rows=tuple(x._replace(**fields) if q == r else x for q, x in zip(self.honest, s.rows, strict=True)))

    def spend(self, s: State, name: str) -> State:
        return s._replace(budget=spent(s.budget, name))

    def each(self, s: State) -> list[tuple[str, Row]]:
        return list(zip(self.honest, s.rows, strict=True))

    def acting(self, s: State, r: str) -> bool:
        return self.row(s, r).acts_as_primary(r)

    def publish(self, s: State, r: str, view: View) -> State:
        """Commit a new view, signed; whoever asks or compares is shown it."""
        row = self.row(s, r)
        shown = Signed(r, row.incarnation, view)
        links = row.links
        if view.version == 0:
            links |= {shown} if generation(view) == generation(row.seen) else {shown, row.said}
        held = row.held if view.term == row.seen.term else NONE
        s = self.put(s, r, shown=shown, links=links, materials=row.materials | view.materials, used=row.used | {view.current}, held=held)
        return s._replace(signed=s.signed | {shown})

    def change(self, s: State, r: str, **fields: Any) -> State:
        view = self.row(s, r).seen
        return self.publish(s, r, view._replace(version=view.version + 1, **fields))

    # ---- what callers and operators begin

    def begins(self, s: State) -> Iterator[State]:
        left = {name for name, n in s.budget if n > 0}
        for p in (r for r in self.honest if self.acting(s, r)):
            yield from self.begins_at_primary(s, p, left)
        for (r, row), old in zip(self.each(s), self.backup, strict=True):
            if "claim" in left and row.shown and self.may_prepare(row, HOSTILE):
                yield self.reserve(self.spend(s, "claim"), r, HOSTILE)
            if row.status != "live":
                continue
            if "delete" in left and row.seen.primary != r and not row.stale and self.is_drained(s, r):
                yield self.put(self.spend(s, "delete"), r, status="gone", materials=NONE, used=NONE, held=NONE)
            if "restore" in left and old.status == "live":
                fields = old._replace(stale=True, incarnation=row.incarnation + 1)._asdict()
                yield self.put(self.spend(s, "restore"), r, **fields)
            if "name" in left and row.seen.primary != r and entry(row.seen, HOSTILE) and (row.stale or self.without == "waits"):
                # The operator's `rejoin`, for the sake of other sets. Only a set that was shown to wait for X has it.
                yield self.put(self.spend(s, "name"), r, rejoin=HOSTILE)
            if "lose" in left and row.seen.primary != r:
                for successor in (q for q in self.honest if q != row.seen.primary):
                    yield self.put(self.spend(s, "lose"), r, lost=frozenset({row.seen.primary}), successor=successor)
        yield from self.attacks(s)

    def begins_at_primary(self, s: State, p: str, left: set[str]) -> Iterator[State]:
        row, view = self.row(s, p), self.row(s, p).seen
        if "rotate" in left and view.pending is None:
            t = self.spend(s, "rotate")._replace(ids=s.ids + 1)
            listed = entry(view, HOSTILE)
            if not listed or listed[2] == "off":
                t = t._replace(secret=t.secret | {t.ids})
            yield self.change(t, p, pending=t.ids, materials=row.materials | {t.ids})
        for e in view.members:
            if e[0] not in (p, HOSTILE) and e[2] == "on" and "handover" in left:
                told = view._replace(term=next_term(view), version=0, primary=e[0], by=p, materials=row.materials)
                yield self.publish(self.spend(s, "handover"), p, told)
            if e[0] == HOSTILE and e[2] == "on" and "trust" in left:  # handed the role in good faith, it is hostile from now on
                told = view._replace(term=next_term(view), version=0, primary=HOSTILE, by=p, materials=row.materials)
                yield self.publish(self.spend(s, "trust"), p, told)
            if e[0] == HOSTILE and e[2] == "on" and "detach" in left:
                yield self.change(self.spend(s, "detach"), p, members=view.members - {e} | {(*e[:2], "off")})
        for r, x in self.each(s):
            if "replicate" in left and not entry(view, r) and p not in x.lost and self.may_prepare(x, p):
                yield self.reserve(self.spend(s, "replicate"), r, p)

    def may_prepare(self, row: Row, preparer: str) -> bool:
        """A2: where a membership has ended, only a Region that it knew prepares another."""
        is_known = row.shown is None or entry(row.seen, preparer) or self.without in ("preparer", "tombstone")
        return bool(row.status in ("none", "gone") and is_known)

    def reserve(self, s: State, r: str, preparer: str) -> State:
        """A new membership begins above what the one before it knew."""
        known = {"shown": None, "links": NONE} if self.without == "tombstone" else {}
        s = s._replace(serials=s.serials + 1)
        return self.put(s, r, status="reserved", serial=s.serials, prepared_by=preparer, **known)

    def is_drained(self, s: State, r: str) -> bool:
        """A former primary keeps its key until its successor has spoken."""
        row = self.row(s, r)
        return bool(row.seen.by != r or stamp(self.row(s, row.seen.primary).view) >= (row.seen.term, 0))

    # ---- what X does

    def attacks(self, s: State) -> Iterator[State]:
        shown = s.signed.union(*(row.links for row in s.rows))
        for r, row in self.each(s):
            yield from self.persuade(s, r, shown)
            if row.status == "live":
                yield from self.asks(s, r, row)
            if self.without == "A6" and row.status == "live" and not row.stale:
                yield self.put(s, r, stale=True)  # a stamp is quoted that this Region never issued
            if row.stale and (self.without == "A5" or row.rejoin == HOSTILE):
                yield from self.reconcile(s, r, self.lies(s, r, shown))
        if "trust" not in self.names:  # there X alone is ever lost, and who is lost is not asked
            yield from self.take_over(s, shown)

    def remember(self, s: State, r: str, shown: Chain) -> Iterator[State]:
        """Its own signature makes a Region reconcile, and is kept for that: whoever showed it may hide it again."""
        row = self.row(s, r)
        for told in own_past(row, r, shown) if row.status == "live" else ():
            yield self.put(s, r, stale=True, incarnation=row.incarnation + 1, links=row.links | {told})

    def asks(self, s: State, r: str, row: Row) -> Iterator[State]:
        """Questions, and what X says of itself. It cannot say anything of another Region: the connection names the sender."""
        listed = entry(row.seen, HOSTILE)
        is_followed = row.rejoin == HOSTILE and not row.stale
        is_served = listed and (listed[2] != "off" or is_followed) and HOSTILE not in row.lost
        if is_served or self.without == "A7":
            yield s._replace(stolen=s.stolen | row.materials)
        if listed and self.acting(s, r):
            yield self.put(s, r, held=row.held | {(*listed[:2], m) for m in row.materials})
        if self.without == "A8":
            yield self.put(s, r, void=row.void | {FORGED_SERIAL})
            for q in (q for q, x in self.each(s) if x.status == "reserved" and x.prepared_by == r and not entry(row.seen, q)):
                yield self.put(s, r, void=row.void | {self.row(s, q).serial})

    def lies(self, s: State, r: str, shown: Chain) -> Chain:
        row = self.row(s, r)
        view = row.view or max((x.view for x in s.rows if x.view), key=stamp)
        forged = forgeries(view, r, row.serial)
        if "trust" in self.names:  # whom a primary strikes is out of the set, by whatever right
            regions = {e[0] for e in view.members}
            forged = frozenset(told for told in forged if {e[0] for e in told.view.members} == regions)
        return shown | forged

    def by_right(self, s: State, told: Signed, links: Chain) -> State | None:
        """With one word less to say, where X signs as a primary that was made one in good faith; None where it has none left, of those
        that say something new (`speak`) or of those that say another thing of the same stamp (`twice`). What it signs without right is
        left to the invariants."""
        pool = links | {told}
        if told.signer != HOSTILE or told in s.signed or not any(told in reached(known, pool, self.without) for known in s.signed):
            return s
        if not any(follows(known, told, self.without) for known in s.signed):
            return None  # that would take several words
        word = "twice" if any(stamp(known.view) == stamp(told.view) for known in s.signed) else "speak"
        if not dict(s.budget).get(word):
            return None
        return self.spend(s, word)._replace(signed=s.signed | {told})

    def persuade(self, s: State, r: str, shown: Chain) -> Iterator[State]:
        """X shows all that it can to a Region, and encloses what material it has."""
        row = self.row(s, r)
        if row.status in ("reserved", "live"):
            have = row.materials | s.stolen | {EVIL}
            for told, links in believed(facts(row), r, self.lies(s, r, shown), self.without).items():
                said = self.by_right(s, told, links)
                if said is not None and told.view.materials <= have:
                    yield from self.adopt(said, r, told, links)
            yield from self.remember(s, r, shown)

    # ---- what goes on by itself, or is finished by an operator

    def goes_on(self, s: State) -> Iterator[State]:
        for r, q in permutations(self.honest, 2):
            yield from self.compare(s, r, q)
            yield from self.speak_to_primary(s, r, q)
        lost = NONE.union(*(x.lost for x in s.rows if x.status == "live"))
        named = next((x.successor for x in s.rows if x.status == "live" and x.lost), "")
        newest = max((generation(x.seen) for x in s.rows if x.status == "live" and x.lost), default=None)
        for r, row in self.each(s):
            if row.status == "reserved":
                yield from self.resolve(s, r)
            if self.acting(s, r):
                yield from self.advance(s, r)
            if row.stale:
                yield from self.reconcile(s, r, NONE)
            if lost and r not in lost and row.lost != lost and (row.status != "live" or generation(row.seen) == newest):
                status = "none" if row.status == "reserved" and row.prepared_by in lost else row.status
                yield self.put(s, r, lost=lost, successor=named, status=status)
            is_given_up = row.status == "live" and (row.seen.primary == HOSTILE or self.hears_of_two_words(s, r))
            if "trust" in self.names and is_given_up and not (row.lost or row.stale):
                first = next(q for q, x in self.each(s) if x.status == "live")
                yield self.put(s, r, lost=frozenset({HOSTILE}), successor=first)  # the operators give it up, and agree on who goes on
            if row.lost and self.acting(s, r) and any(self.leads_later(s, q, row) for q in self.honest):
                yield self.put(s, r, lost=NONE, successor="")  # X made this one primary, too: `found`, and it comes back as a lost one
        if not lost:
            yield from self.end_words(s)
        if named and self.row(s, named).status != "live":  # no member can be made one now: the operators take their words back
            yield s._replace(rows=tuple(x._replace(lost=NONE, successor="") for x in s.rows))
        yield from self.take_over(s, NONE)

    def hears_of_two_words(self, s: State, r: str) -> bool:
        """Whether what this Region and another show each other has X's signature under two states of one stamp: both are told."""
        mine = self.row(s, r)
        others = [x for q, x in self.each(s) if q != r and x.status == "live" and generation(x.seen) == generation(mine.seen)]
        return self.without != "twice" and any(signed_twice(mine.chain, x.chain) for x in others)

    def leads_later(self, s: State, q: str, row: Row) -> bool:
        return self.acting(s, q) and generation(self.row(s, q).seen) > generation(row.seen)

    def compare(self, s: State, r: str, q: str) -> Iterator[State]:
        """Whoever is ahead passes on the signed state, its links and the materials that the other lacks."""
        x, y = self.row(s, r), self.row(s, q)
        listed = entry(x.seen, q) if x.status == "live" and not x.stale else None
        if not listed or listed[2] == "off" or r in y.lost or x.incarnation < dict(y.known).get(r, 0):
            return
        yield from self.remember(s, q, frozenset({x.said}))
        links = believed(facts(y), q, x.chain, self.without).get(x.said)
        if links is not None and x.seen.materials <= x.materials | y.materials:
            yield from self.adopt(s, q, x.said, links)

    def adopt(self, s: State, r: str, told: Signed, links: Chain) -> Iterator[State]:
        row, view = self.row(s, r), told.view
        is_other = row.view is None or generation(view) != generation(row.view)
        s = self.put(
            s,
            r,
            status="live",
            shown=told,
            links=links,
            materials=view.materials,  # what is not listed any more is forgotten
            used=row.used | {view.current},
            held=NONE,
            rejoin="",
            prepared_by="",
            lost=NONE if is_other and view.term[0] else row.lost,
            successor="" if is_other and view.term[0] else row.successor,
        )
        yield self.change(s, r) if view.primary == r and view.version == 0 and view.by != r else s

    def speak_to_primary(self, s: State, r: str, p: str) -> Iterator[State]:
        """Held and Gone: of the speaker's own membership, heard by the primary, or by the one that named the speaker primary."""
        row, view = self.row(s, r), self.row(s, p).view
        if view is None:
            return
        listed = entry(view, r)
        if not listed or r in self.row(s, p).lost or self.row(s, p).status != "live":
            return
        if listed[1] != row.serial:
            if row.status != "live" and self.acting(s, p):  # the membership that is listed has ended
                yield self.change(s, p, members=view.members - {listed})
            return
        if row.status == "live" and self.acting(s, p) and row.seen.term == view.term:
            yield self.put(s, p, held=self.row(s, p).held | {(r, row.serial, m) for m in row.materials})
        if row.status in ("none", "gone") and self.acting(s, p):
            yield self.change(s, p, members=view.members - {listed})
        if row.status == "gone" and view[1:4] == (0, r, p) and row.seen.term < view.term:
            yield self.publish(s, p, view._replace(term=next_term(view), primary=p, members=view.members - {listed}))

    def resolve(self, s: State, r: str) -> Iterator[State]:
        """A place ends by its preparer's commit or by its durable refusal. The preparer made the serial, and for this Region."""
        row, p = self.row(s, r), self.row(s, r).prepared_by
        if p == HOSTILE:  # it says nothing: the operator gives it up
            yield self.put(s, r, status="none", prepared_by="")
            return
        x = self.row(s, p)
        if x.status != "live" or x.stale or (r, row.serial) in {e[:2] for e in x.seen.members} or self.without == "resolve":
            return
        if self.acting(s, p) and row.serial not in x.void and not entry(x.seen, r):
            yield self.change(s, p, members=x.seen.members | {(r, row.serial, "new")})
        yield self.put(self.put(s, p, void=x.void | {row.serial}), r, status="none", prepared_by="")

    def advance(self, s: State, p: str) -> Iterator[State]:
        row, view = self.row(s, p), self.row(s, p).seen
        count = [e for e in view.members if e[0] != p and e[2] != "off"]
        if view.pending and all((*e[:2], view.pending) in row.held for e in count):
            yield self.change(s, p, current=view.pending, pending=None)
        for e in view.members - {entry(view, p)}:
            rest = view.members - {e}
            if e[2] in ("new", "back") and all((*e[:2], m) in row.held for m in view.materials):
                yield self.change(s, p, members=rest | {(*e[:2], "on")})
            if e[0] == HOSTILE and (e[2] == "back" or (view.pending and e[2] != "off")):
                yield self.change(s, p, members=rest | {(*e[:2], "off")})  # it says nothing: the operator detaches it
            if e[0] != HOSTILE:
                yield from self.take_back(s, p, e)

    def take_back(self, s: State, p: str, e: Member) -> Iterator[State]:
        """Operators let a member of an earlier generation in: `rejoin` there, consent here; its own materials come first."""
        row, view, x = self.row(s, p), self.row(s, p).seen, self.row(s, e[0])
        if e[2] == "off" and x.status == "gone":
            yield self.change(s, p, members=view.members - {e})
        is_let_in = not x.lost or (x.lost == {HOSTILE} and not self.acting(s, e[0]))  # X led it apart, and it follows X
        is_behind = x.status == "live" and generation(x.seen) < generation(view) and is_let_in and (e[2] == "off" or not x.rejoin)
        if is_behind or (x.status == "live" and e[2] == "off" and generation(x.seen) == generation(view)):
            t = self.put(s, e[0], rejoin=view.term[1] if is_behind else "", stale=x.stale and not is_behind)
            t = self.put(t, p, held=frozenset(h for h in row.held if h[0] != e[0]))
            yield self.change(t, p, members=view.members - {e} | {(*e[:2], "back")}, materials=view.materials | x.used)

    def end_words(self, s: State) -> Iterator[State]:
        """All members are of one generation again: the operators of other Regions hear everybody. And where a successor was restored
        to before its generation, and nobody has it, there is nothing to rejoin."""
        generations = {generation(x.seen) for x in s.rows if x.status == "live"}
        if len(generations) > 1 or any(x.stale for x in s.rows):
            return
        for r, row in self.each(s):
            if row.lost or row.rejoin:
                yield self.put(s, r, lost=NONE, successor="", rejoin="")

    # ---- a Region is restored, or lost

    def reconcile(self, s: State, r: str, lies: Chain) -> Iterator[State]:
        """Every Region that is not lost answers and from then on refuses the earlier incarnation. `lies` is what X answers with."""
        number, asked = self.row(s, r).incarnation, self.row(s, r)
        rows = tuple(
            x._replace(known=tuple(sorted({**dict(x.known), r: number}.items())), held=frozenset(h for h in x.held if h[0] != r))
            for x in s.rows
        )
        s = s._replace(rows=rows)
        answers = [x for q, x in self.each(s) if q not in asked.lost and x.status == "live"]
        pool = lies.union(*(x.chain for x in answers))
        for told, links, have in self.newest(s, r, pool, {x.shown for x in answers if x.shown} | lies):
            if told is None and any(stamp(x.view) > stamp(asked.view) for x in answers):
                yield s  # others went on and no chain leads there: it stays as it is until an operator speaks
                continue
            t = self.put(s, r, stale=False, rejoin="")
            if told is not None:
                t = self.put(t, r, shown=told, links=links, materials=have, used=asked.used | {told.view.current}, held=NONE)
            view = self.row(t, r).seen
            if view.primary == r:  # versions that nobody kept may still be on their way: a new term
                yield self.publish(t, r, view._replace(term=next_term(view), version=0, by=r))
            elif self.row(t, r).said.signer == r and self.without != "sign again":
                again = Signed(r, number, view)
                yield self.put(t, r, shown=again)._replace(signed=t.signed | {again})
            else:
                yield t

    def newest(self, s: State, r: str, pool: Chain, answers: AbstractSet[Signed]) -> Iterator[tuple[Signed | None, Chain, frozenset[int]]]:
        """What the answers come to: the highest state that counts, its links and materials. Each lie of X makes one outcome more."""
        row = self.row(s, r)
        true = {x.shown for x in s.rows}
        stored = row.materials.union(*(x.materials for x in s.rows))
        counts = believed(facts(row), r, pool, self.without, is_answer=True)
        for lie in {None, *(told for told in answers if told not in true)}:
            heard = [told for told in answers if told in counts and (told in true or told == lie)]
            best = max(heard, key=lambda z: stamp(z.view), default=None)
            have = best.view.materials if best else NONE
            if have <= stored | (s.stolen | {EVIL} if lie else NONE):
                yield best, counts[best] if best else row.links, row.materials | have

    def take_over(self, s: State, lies: Chain) -> Iterator[State]:
        """The named successor, when all that stay have the same word. `lies` is what X answers with, nothing where it is empty."""
        lost = NONE.union(*(x.lost for x in s.rows if x.status == "live"))
        named = {x.successor for x in s.rows if x.status == "live" and x.lost}
        if not lost or len(named) != 1:
            return
        r = named.pop()
        stay = [(q, x) for q, x in self.each(s) if q not in lost]
        if any(x.lost != lost or x.successor != r or x.stale for q, x in stay):
            return
        row = self.row(s, r)
        if row.status != "live":
            return
        shown = lies and self.lies(s, r, lies)
        answers = {x.shown for q, x in stay if x.status == "live" and x.shown}
        pool = shown.union(*(x.chain for q, x in stay))
        for told, links, have in self.newest(s, r, pool, answers | shown):
            t, best = s, row.said
            if told is not None:
                best = told
                t = self.put(t, r, shown=told, links=links, materials=have, used=row.used | {told.view.current}, held=NONE)
            is_own = best.view.primary == r and any(is_led_apart(lost, best, x, pool) for q, x in stay)
            yield from self.begin_generation(t, r, best, lost) if best.view.primary in lost or is_own else self.withdraw(t, r, best)

    def withdraw(self, s: State, r: str, best: Signed) -> Iterator[State]:
        """The Region that the newest state names is not lost: nothing is to be forced."""
        is_same = [x.view is not None and generation(x.view) == generation(best.view) for x in s.rows]
        rows = tuple(x._replace(lost=NONE, successor="") if same else x for x, same in zip(s.rows, is_same, strict=True))
        s, view = s._replace(rows=rows), best.view
        yield self.change(s, r) if view.primary == r and view.version == 0 and view.by != r else s

    def begin_generation(self, s: State, r: str, best: Signed, lost: frozenset[str]) -> Iterator[State]:
        view = best.view
        survivors = {q for q, x in self.each(s) if x.status == "live" and q not in lost} | {HOSTILE}
        standing = {q: "on" if q == r else "back" for q in survivors} | dict.fromkeys(lost, "off")
        members = frozenset((*e[:2], "off" if e[2] == "off" else standing.get(e[0], e[2])) for e in view.members)
        s = self.put(s, r, lost=NONE, successor="")
        yield self.publish(
            s,
            r,
            view._replace(term=(view.term[0] + 1, r, 0), version=0, primary=r, by=r, members=members, materials=self.row(s, r).materials),
        )

    # ---- what must hold

    def broken(self, s: State) -> str | None:
        rows = dict(self.each(s))
        is_trusted = "trust" in self.names
        hostile = broken_by_the_hostile(s, rows, is_member=self.is_member, is_trusted=is_trusted)
        return hostile or broken_among_the_honest(s, rows, self.names)

    def settled(self, s: State) -> bool:
        return is_settled(dict(self.each(s)))

    def prune(self, s: State) -> State:
        """Forget signed states that are news to nobody; not where a restore can move a row down."""
        if "restore" in self.names:
            return s
        lowest = min(stamp(x.view) for x in s.rows if x.status in ("live", "reserved"))
        kept = {x.shown for x in s.rows if x.status == "live"}
        return s._replace(signed=frozenset(z for z in s.signed if stamp(z.view) >= lowest or z in kept))
