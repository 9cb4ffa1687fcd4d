"""What a change makes of a key: the new one has it, and nothing else is different."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.domain.made_keys import (
    ACCOUNT,
    ARN,
    AWAY,
    FIRST,
    HOME,
    KEY_ID,
    MULTI_KEY_ID,
    NOW,
    PRIMARY,
    REPLICA,
    SECOND,
    THIRD,
    key_of,
)  # fmt: skip

from meridian.domain.deletion import is_deletion_due, with_deletion_cancelled, with_deletion_scheduled, with_window_begun
from meridian.domain.key import KeyState, MultiRegionKeyType, MultiRegionRole, Origin, RotationType

DAY = 86_400.0
LOST = replace(FIRST, sealed_bytes=b"")


def test_a_key_is_named_and_bound() -> None:
    key = key_of()
    assert (key.arn, key.identity) == (ARN, ARN)
    assert key.number.hex() == KEY_ID.replace("-", "")
    related = key_of(key_id=MULTI_KEY_ID, multi_region=REPLICA)
    assert related.identity == f"arn:aws:kms::{ACCOUNT}:key/{MULTI_KEY_ID}"
    assert related.arn == f"arn:aws:kms:{HOME}:{ACCOUNT}:key/{MULTI_KEY_ID}"


def test_the_role_of_a_key_is_told_by_where_its_primary_is() -> None:
    roles = [key_of(multi_region=role).multi_region_key_type for role in (None, PRIMARY, REPLICA)]
    assert roles == [None, MultiRegionKeyType.PRIMARY, MultiRegionKeyType.REPLICA]


def test_a_key_needs_its_current_and_earlier_material_and_no_pending_one() -> None:
    pending = key_of(materials=(FIRST, replace(SECOND, sealed_bytes=b"", expires_at=NOW)), pending_material_id=SECOND.material_id)
    assert pending.permanent_materials == (FIRST,)
    assert pending.is_complete
    assert not pending.has_expired(NOW)
    assert not key_of(materials=(LOST, SECOND)).is_complete
    assert not key_of(materials=()).is_complete


def test_material_has_expired_at_its_time_and_not_before() -> None:
    key = key_of(materials=(FIRST, replace(SECOND, expires_at=NOW)))
    assert key.has_expired(NOW)
    assert not key.has_expired(NOW - timedelta(microseconds=1))
    assert not key_of().has_expired(NOW + timedelta(days=9999))


def test_numbers_of_rotations_rise() -> None:
    assert key_of(materials=()).next_rotation_number == 0
    assert key_of(materials=(SECOND, FIRST)).next_rotation_number == 2


def test_a_material_is_found_by_its_id() -> None:
    assert key_of(materials=(FIRST, SECOND)).find_material(SECOND.material_id) == SECOND
    assert key_of().find_material(SECOND.material_id) is None


def test_a_material_is_added_once_and_becomes_current_where_it_is_meant_to() -> None:
    key = key_of()
    assert key.with_material(SECOND, current=False) == key_of(materials=(FIRST, SECOND))
    assert key.with_material(SECOND, current=True) == key_of(materials=(FIRST, SECOND), current_material_id=SECOND.material_id)
    again = replace(FIRST, sealed_bytes=b"other")
    assert key.with_material(again, current=True) == key


def test_a_material_takes_the_place_of_the_one_with_its_id() -> None:
    again = replace(SECOND, sealed_bytes=b"again")
    assert key_of(materials=(FIRST, SECOND, THIRD)).with_replaced(again).materials == (FIRST, again, THIRD)


def test_a_pending_material_waits_and_goes_without_a_trace() -> None:
    key = key_of()
    waiting = key.with_pending(SECOND)
    assert waiting == key_of(materials=(FIRST, SECOND), pending_material_id=SECOND.material_id)
    assert waiting.without_pending() == key


def test_a_rotation_makes_the_pending_material_the_current_one() -> None:
    done = key_of().with_pending(SECOND).with_rotation_done(RotationType.ON_DEMAND, NOW)
    rotated = replace(SECOND, rotated_at=NOW, rotation_type=RotationType.ON_DEMAND)
    assert done == key_of(materials=(FIRST, rotated), current_material_id=SECOND.material_id)


def test_small_changes_change_nothing_else() -> None:
    key = key_of()
    assert key.with_description("x") == key_of(description="x")
    assert key.with_multi_region(REPLICA) == key_of(multi_region=REPLICA)
    put = key.with_policy("permit", account_delegation=False, document="{}")
    assert put == key_of(policy="permit", account_delegation=False, policy_document="{}", policy_version=2)
    assert put.with_policy("forbid", account_delegation=True) == key_of(policy="forbid", policy_version=3)


def test_a_key_shows_unavailable_while_its_store_is_away_and_comes_back_as_it_was() -> None:
    key = key_of(state=KeyState.DISABLED, store_version=1)
    away = key.in_store(2, is_connected=False)
    assert (away.state, away.stored_state, away.store_version) == (KeyState.UNAVAILABLE, KeyState.DISABLED, 2)
    assert key.in_store(3, is_connected=True) == key_of(state=KeyState.DISABLED, store_version=3)
    enabled = away.with_state(KeyState.ENABLED)
    assert (enabled.state, enabled.stored_state) == (KeyState.UNAVAILABLE, KeyState.ENABLED)
    assert key.with_state(KeyState.ENABLED).state is KeyState.ENABLED
    assert key.stored_state is KeyState.DISABLED


def test_a_key_that_waits_for_its_end_waits_on_while_its_store_is_away() -> None:
    ending = key_of(state=KeyState.PENDING_DELETION).in_store(4, is_connected=False)
    assert (ending.state, ending.store_version, ending.state_once_connected) == (KeyState.PENDING_DELETION, 4, None)


def test_a_set_that_changed_its_primary_lets_the_key_work_again() -> None:
    assert key_of(state=KeyState.UPDATING, updating_until=NOW).with_updating_ended() == key_of()
    assert key_of(state=KeyState.DISABLED, updating_until=NOW).with_updating_ended() == key_of(state=KeyState.DISABLED)


@pytest.mark.parametrize("state", KeyState)
def test_material_that_came_revives_and_material_that_went_halts_keys_in_the_right_states(state: KeyState) -> None:
    gained = key_of(state=state).with_material_gained()
    revived = state in (KeyState.PENDING_IMPORT, KeyState.DISABLED)
    assert gained.state is (KeyState.ENABLED if revived else state)
    assert key_of(state=state, materials=(LOST,)).with_material_gained().state is state
    lost = key_of(state=state, materials=(LOST,)).with_material_lost()
    halted = state in (KeyState.ENABLED, KeyState.DISABLED, KeyState.UPDATING)
    assert lost.state is (KeyState.PENDING_IMPORT if halted else state)
    assert key_of(state=state).with_material_lost().state is state


def test_caches_tell_versions_of_a_key_and_of_its_store_apart() -> None:
    names = {key_of(**changes).cache_identity for changes in ({}, {"version": 2}, {"store_version": 1}, {"created_at": NOW + timedelta(1)})}
    assert len(names) == 4
    assert key_of(description="x").cache_identity == key_of().cache_identity


def test_what_policies_read_of_a_key_is_what_decisions_are_kept_by() -> None:
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"policy": "x"},
        {"account_delegation": False},
        {"tags": (("a", "b"),)},
        {"aliases": ("alias/a",)},
        {"multi_region": PRIMARY},
    )
    assert len({key_of(**change).decided_on for change in changes}) == len(changes)
    assert key_of(version=9, description="x").decided_on == key_of().decided_on


# ---- the end of a key


def test_a_key_ends_after_its_window_of_whole_days() -> None:
    waiting = with_deletion_scheduled(key_of(), 7, NOW, DAY)
    ends = NOW + timedelta(days=7)
    assert waiting == key_of(state=KeyState.PENDING_DELETION, deletion_at=ends, deletion_window_in_days=7)
    assert [is_deletion_due(waiting, ends + timedelta(seconds=late)) for late in (-1, 0, 1)] == [False, True, True]
    assert not is_deletion_due(key_of(deletion_at=NOW), NOW)
    assert not is_deletion_due(key_of(state=KeyState.PENDING_DELETION), NOW)


@pytest.mark.parametrize("alone", [None, MultiRegionRole(HOME), REPLICA])
def test_a_primary_with_replicas_waits_for_them_first_and_no_other_key_does(alone: MultiRegionRole | None) -> None:
    waiting = with_deletion_scheduled(key_of(multi_region=PRIMARY), 7, NOW, DAY)
    expected = key_of(multi_region=PRIMARY, state=KeyState.PENDING_REPLICA_DELETION, deletion_window_in_days=7)
    assert waiting == expected
    begun = with_window_begun(waiting, NOW, DAY)
    assert (begun.state, begun.deletion_at) == (KeyState.PENDING_DELETION, NOW + timedelta(days=7))
    assert with_deletion_scheduled(key_of(multi_region=alone), 7, NOW, DAY).state is KeyState.PENDING_DELETION


def test_the_window_begins_whatever_the_store_of_the_key_does() -> None:
    away = key_of().in_store(1, is_connected=False)
    assert with_window_begun(away, NOW, DAY).state_once_connected is None


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, KeyState.DISABLED),
        ({"materials": (LOST,)}, KeyState.DISABLED),
        ({"origin": Origin.EXTERNAL}, KeyState.DISABLED),
        ({"origin": Origin.EXTERNAL, "materials": (LOST,)}, KeyState.PENDING_IMPORT),
        ({"origin": Origin.EXTERNAL, "materials": ()}, KeyState.PENDING_IMPORT),
        ({"materials": (), "multi_region": REPLICA}, KeyState.CREATING),
        ({"multi_region": REPLICA}, KeyState.DISABLED),
        ({"materials": (), "multi_region": MultiRegionRole(HOME, (AWAY,))}, KeyState.DISABLED),
    ],
)
def test_a_key_that_is_rescued_is_in_the_state_that_its_material_allows(changes: dict[str, object], state: KeyState) -> None:
    waiting = with_deletion_scheduled(key_of(**changes), 7, NOW, DAY)
    assert with_deletion_cancelled(waiting) == key_of(**changes, state=state)
