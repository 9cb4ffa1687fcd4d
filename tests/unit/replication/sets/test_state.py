"""The guards that keep a set of related keys one set."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meridian.domain.multi_region import MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Term
from meridian.replication.sets.state import SetRefusal, Told, acknowledge, add_member, adopt, found_set, reserve, resolve

ACCOUNT, KEY_ID = "111122223333", "mrk-1234abcd12ab34cd56ef1234567890ab"
HOME, AWAY = "us-east-1", "eu-west-1"
MATERIAL = "a" * 64
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def primary() -> SetRow:
    return found_set(ACCOUNT, KEY_ID, HOME, "s0", (SetMaterial(MATERIAL, 0),))


def told(view: SetState, signer: str = HOME) -> Told:
    return Told(view, signer, b"signed", b"key", 0)


def reserved() -> SetRow:
    return reserve(None, ACCOUNT, KEY_ID, "s1", HOME, "request", NOW)


def test_a_new_member_raises_the_version_and_is_counted_as_new() -> None:
    view = add_member(primary(), HOME, AWAY, "s1").view
    assert view is not None
    member = view.find_member(AWAY)
    assert view.version == 1
    assert member is not None
    assert member.status is MemberStatus.NEW


def test_a_second_member_in_one_region_is_refused() -> None:
    with pytest.raises(SetRefusal, match="has a member in that Region"):
        add_member(add_member(primary(), HOME, AWAY, "s1"), HOME, AWAY, "s2")


def test_a_region_that_is_not_primary_adds_nobody() -> None:
    with pytest.raises(SetRefusal, match="does not act as primary"):
        add_member(primary(), AWAY, "ap-south-1", "s1")


def test_a_place_refused_on_resolve_is_never_committed() -> None:
    row, committed = resolve(primary(), AWAY, "s1")
    assert not committed
    with pytest.raises(SetRefusal, match="was refused before"):
        add_member(row, HOME, AWAY, "s1")


def test_a_committed_place_resolves_as_committed() -> None:
    _, committed = resolve(add_member(primary(), HOME, AWAY, "s1"), AWAY, "s1")
    assert committed


def test_a_reserved_member_becomes_live_only_with_every_material() -> None:
    view = add_member(primary(), HOME, AWAY, "s1").view
    assert view is not None
    with pytest.raises(SetRefusal, match="neither stored nor enclosed"):
        adopt(reserved(), AWAY, told(view), [], "s1", stored=())
    row = adopt(reserved(), AWAY, told(view), [], "s1", stored=(MATERIAL,))
    assert row is not None
    assert row.status is RowStatus.LIVE


def test_the_same_or_an_older_state_changes_nothing() -> None:
    view = add_member(primary(), HOME, AWAY, "s1").view
    assert view is not None
    row = adopt(reserved(), AWAY, told(view), [], "s1", stored=(MATERIAL,))
    assert row is not None
    assert adopt(row, AWAY, told(view), [], "s1", stored=(MATERIAL,)) is None


def test_a_state_for_another_membership_is_refused() -> None:
    view = add_member(primary(), HOME, AWAY, "s2").view
    assert view is not None
    with pytest.raises(SetRefusal, match="does not list this membership"):
        adopt(reserved(), AWAY, told(view), [], "s1", stored=(MATERIAL,))


def test_an_acknowledgement_of_every_material_ends_the_creation() -> None:
    row = acknowledge(add_member(primary(), HOME, AWAY, "s1"), HOME, AWAY, "s1", Term(0, HOME, 0), [MATERIAL])
    assert row is not None
    assert row.view is not None
    member = row.view.find_member(AWAY)
    assert member is not None
    assert member.status is MemberStatus.ON
    assert row.view.version == 2


@pytest.mark.parametrize(("serial", "term"), [("s9", Term(0, HOME, 0)), ("s1", Term(0, HOME, 1))])
def test_an_acknowledgement_of_another_membership_or_term_is_of_no_consequence(serial: str, term: Term) -> None:
    assert acknowledge(add_member(primary(), HOME, AWAY, "s1"), HOME, AWAY, serial, term, [MATERIAL]) is None
