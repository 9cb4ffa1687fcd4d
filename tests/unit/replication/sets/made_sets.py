"""Sets of related keys for the tests of their rules: three Regions, and states that they sign."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Term
from meridian.replication.sets.claims import Answer, Believed, NotBelieved, Rule, Told
from meridian.replication.sets.loss import declare_lost
from meridian.replication.sets.state import adopt

ACCOUNT, KEY_ID = "111122223333", "mrk-" + "0" * 32
A, B, C, X = "us-east-1", "eu-west-1", "ap-south-1", "ca-central-1"
MATERIAL = "a" * 64
MATERIALS = (SetMaterial(MATERIAL, 0),)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def members(*regions: str) -> tuple[Member, ...]:
    return tuple(sorted(Member(region, f"s-{region}", MemberStatus.ON) for region in regions))


FIRST = SetState(Term(0, A, 0), 3, A, A, members(A, B, C), MATERIALS, MATERIAL)


def signed(state: SetState, signer: str, incarnation: int = 0) -> Told:
    """A state signed by this Region; the bytes stand for state and signer, as a signature does."""
    return Told(
        state, signer, f"{state.stamp} {state.primary} {len(state.members)} {signer} {incarnation}".encode(), signer.encode(), incarnation
    )


def later(state: SetState, versions: int = 1) -> SetState:
    return replace(state, version=state.version + versions)


def handed_to(state: SetState, primary: str, issuer: str) -> SetState:
    term = state.term._replace(number=state.term.number + 1)
    return replace(state, term=term, version=0, primary=primary, issuer=issuer)


def generation_of(state: SetState, region: str) -> SetState:
    return replace(state, term=Term(state.term.generation + 1, region, 0), version=0, primary=region, issuer=region)


NEW = generation_of(later(FIRST), C)
"""Begun by C."""


def row_of(region: str, view: SetState = FIRST, signer: str = A) -> SetRow:
    own = signed(view, signer)
    return SetRow(ACCOUNT, KEY_ID, RowStatus.LIVE, f"s-{region}", view, own.signed, own.public_key)


def adopted(row: SetRow, region: str, told: Told, *earlier: Told) -> SetRow:
    found = adopt(row, region, told, earlier, row.serial, [MATERIAL])
    assert found is not None
    assert found.view == told.state
    return found


def refused(row: SetRow, region: str, told: Told, *earlier: Told) -> Rule:
    with pytest.raises(NotBelieved) as caught:
        adopt(row, region, told, earlier, row.serial, [MATERIAL])
    return caught.value.rule


def answer(region: str, told: Told | None, *earlier: Told, **said: Any) -> Answer:
    values: dict[str, Any] = {
        "region": region, "status": RowStatus.LIVE if told else RowStatus.NONE, "serial": f"s-{region}", "told": told, "earlier": earlier,
        "lost": frozenset(), "successor": "", "stale": False, "rejoin": "", "material_ids": frozenset(),
    }  # fmt: skip
    return Answer(**(values | said))


def believed_of(row: SetRow, *answers: Any, **changes: Any) -> Believed:
    assert row.view is not None
    return replace(Believed(row.view, None, row.links, answers, (row.view,), (), False), **changes)


def lost(state: SetState = FIRST, **changes: Any) -> SetRow:
    return replace(declare_lost(row_of(B, state), A, B), **changes)
