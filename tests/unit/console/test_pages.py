"""What pages ask and show, of answers that a test makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from tests.unit.console.console_in_process import ANN, Stage

from meridian.console.pages.writes import WRITES
from meridian.console.receipts import SECONDS
from meridian.contract.fields import enum_text_of
from meridian.errors import AccessDeniedException, NotFoundException
from meridian.kms.v1.aliases_pb2 import ListAliasesResponse
from meridian.kms.v1.grants_pb2 import ListGrantsResponse
from meridian.kms.v1.key_policies_pb2 import GetKeyPolicyResponse
from meridian.kms.v1.keys_pb2 import DescribeKeyResponse, GetKeyLastUsageResponse, ListKeysRequest, ListKeysResponse
from meridian.kms.v1.rotation_pb2 import GetKeyRotationStatusResponse, ListKeyRotationsResponse
from meridian.kms.v1.tags_pb2 import ListResourceTagsResponse
from meridian.kms.v1.types_pb2 import (
    GRANT_OPERATION_DECRYPT,
    KEY_STATE_ENABLED,
    AliasListEntry,
    GrantListEntry,
    KeyListEntry,
    KeyMetadata,
    KeyState,
    Tag,
)

pytestmark = pytest.mark.asyncio
HOSTILE = '"><script>alert(1)</script>'
TURNED = "\u200f\u202e\u2066\u2069\u061c"
ESCAPED = "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"


def metadata(key_id: str, state: Any = KEY_STATE_ENABLED, **more: Any) -> KeyMetadata:
    return KeyMetadata(key_id=key_id, arn=f"arn:aws:kms:us-east-1:111122223333:key/{key_id}", key_state=state, **more)


def denied(request: Any) -> Any:
    raise AccessDeniedException("not for you")


def missing(request: Any) -> Any:
    raise NotFoundException(f"Key '{request.key_id}' does not exist")


def whole_key(**more: Any) -> dict[str, Any]:
    """Answers of a key all of whose parts are empty."""
    return {
        "DescribeKey": lambda request: DescribeKeyResponse(key_metadata=metadata(request.key_id)),
        "GetKeyRotationStatus": lambda request: GetKeyRotationStatusResponse(),
        "ListKeyRotations": lambda request: ListKeyRotationsResponse(),
        "ListAliases": lambda request: ListAliasesResponse(),
        "ListResourceTags": lambda request: ListResourceTagsResponse(),
        "ListGrants": lambda request: ListGrantsResponse(),
        "GetKeyPolicy": lambda request: GetKeyPolicyResponse(),
        "GetKeyLastUsage": lambda request: GetKeyLastUsageResponse(),
        **more,
    }


async def test_a_list_shows_what_may_be_described_and_says_what_may_not() -> None:
    def describe(request: Any) -> Any:
        if request.key_id == "two":
            raise AccessDeniedException("not for you")
        return DescribeKeyResponse(key_metadata=metadata("one", description=HOSTILE))

    listed = ListKeysResponse(keys=[KeyListEntry(key_id="one"), KeyListEntry(key_id="two")], truncated=True, next_marker="a b")
    stage = Stage(answers={"ListKeys": lambda request: listed, "DescribeKey": describe})
    html = (await stage.get("/keys")).body.decode()
    assert ESCAPED in html
    assert HOSTILE not in html
    assert "Not shown: not for you" in html
    assert 'href="/keys?marker=a+b"' in html
    await stage.get("/keys?marker=a+b")
    assert [call.asks(ListKeysRequest).marker for call in stage.asked if call.rpc.name == "ListKeys"] == ["", "a b"]
    assert {call.caller.name for call in stage.asked} == {"ann"}


async def test_a_list_that_may_not_be_read_is_refused_in_the_services_words() -> None:
    answer = await Stage(answers={"ListKeys": denied}).get("/keys")
    assert answer.status == 403
    assert b"not for you" in answer.body


async def test_a_search_for_a_whole_name_asks_for_that_key_alone() -> None:
    stage = Stage(answers={"DescribeKey": missing})
    html = (await stage.get("/keys?q=arn:aws:kms:no%26where")).body.decode()
    assert "Key &#39;arn:aws:kms:no&amp;where&#39; does not exist" in html
    assert [call.rpc.name for call in stage.asked] == ["DescribeKey"]


async def test_the_beginning_of_an_alias_finds_it_too() -> None:
    aliases = ListAliasesResponse(aliases=[AliasListEntry(alias_name="alias/shop", target_key_id="one")])

    def describe(request: Any) -> Any:
        return missing(request) if request.key_id != "one" else DescribeKeyResponse(key_metadata=metadata("one"))

    stage = Stage(answers={"DescribeKey": describe, "ListKeys": lambda request: ListKeysResponse(), "ListAliases": lambda request: aliases})
    html = (await stage.get("/keys?q=alias/sh")).body.decode()
    assert 'href="/keys/one"' in html
    assert "alias/shop" in html


async def test_a_search_says_how_far_it_looked() -> None:
    keys = [KeyListEntry(key_id=f"abc-{at}") for at in range(30)]
    aliases = ListAliasesResponse(aliases=[AliasListEntry(alias_name="alias/abc", target_key_id="z")], truncated=True, next_marker="on")
    stage = Stage(
        answers=whole_key(ListKeys=lambda request: ListKeysResponse(keys=keys, truncated=True), ListAliases=lambda request: aliases)
    )
    html = (await stage.get("/keys?q=abc")).body.decode()
    assert "The first 25 of 31 are shown." in html
    assert "Only the first 1000 keys and aliases were looked through" in html
    names = [str(call.rpc.name) for call in stage.asked]
    assert (names.count("ListAliases"), names.count("DescribeKey")) == (10, 25)


async def test_each_part_of_a_key_is_shown_or_refused_by_itself() -> None:
    parts = whole_key(
        ListGrants=denied,
        GetKeyPolicy=lambda request: GetKeyPolicyResponse(policy="permit(everything)" if request.cedar else '{"Version": "2012-10-17"}'),
        ListResourceTags=lambda request: ListResourceTagsResponse(tags=[Tag(tag_key="residency", tag_value=HOSTILE)]),
    )
    html = (await Stage(answers=parts).get("/keys/one")).body.decode()
    assert html.count("Not shown: not for you") == 1
    assert "permit(everything)" in html
    assert "&#34;2012-10-17&#34;" in html
    assert ESCAPED in html


async def test_a_grant_is_shown_with_its_constraints() -> None:
    grant = GrantListEntry(grant_id="g" * 64, grantee_principal="arn:aws:iam::1:user/b", operations=[GRANT_OPERATION_DECRYPT])
    grant.constraints.encryption_context_equals["tenant"] = "a"
    html = (await Stage(answers=whole_key(ListGrants=lambda request: ListGrantsResponse(grants=[grant]))).get("/keys/one")).body.decode()
    for shown in ("gggggggggggg…", "arn:aws:iam::1:user/b", "Decrypt", "tenant = a"):
        assert shown in html


@pytest.mark.parametrize("name", WRITES)
async def test_a_change_is_one_call_once_the_id_is_typed(name: str) -> None:
    write = WRITES[name]
    stage = Stage(writes=True, answers=whole_key(**{write.operation: lambda request: None}))
    days = {"days": "30"} if write.asks_days else {}
    wrong = await stage.post(f"/keys/one/{name}", typed="two", **days)
    assert wrong.status == 400
    assert write.operation not in [call.rpc.name for call in stage.asked]
    done = await stage.post(f"/keys/one/{name}", typed=" one ", **days)
    place = dict(done.headers)["location"]
    assert (done.status, place.partition("?done=")[0]) == (303, "/keys/one")
    assert f"{write.label}: done".encode() in (await stage.get(place)).body
    (call,) = [each for each in stage.asked if each.rpc.name == write.operation]
    assert getattr(call.request, "key_id") == "one"  # noqa: B009 - of five requests


async def test_marks_that_turn_the_direction_of_writing_are_shown_as_escapes() -> None:
    described = DescribeKeyResponse(key_metadata=metadata("one", description=f"safe{TURNED}efas"))
    stage = Stage(writes=True, answers=whole_key(DescribeKey=lambda request: described))
    for place in ("/keys/one", "/keys/one/rotate"):
        html = (await stage.get(place)).body.decode()
        assert r"safe\u200f\u202e\u2066\u2069\u061cefas" in html
        assert not set(TURNED) & set(html)


async def test_what_a_viewer_typed_comes_back_to_his_field_as_it_is() -> None:
    place = f"/keys?q={quote(HOSTILE + TURNED)}"
    html = (await Stage(answers={"ListKeys": lambda request: ListKeysResponse()}).get(place)).body.decode()
    assert f'value="{ESCAPED}{TURNED}"' in html


async def test_a_link_says_of_no_change_that_it_was_made() -> None:
    """Only the page after a change of this viewer does, of this key, and for a minute."""
    stage = Stage(writes=True, answers=whole_key(RotateKeyOnDemand=lambda request: None))
    place = dict((await stage.post("/keys/one/rotate", typed="one")).headers)["location"]
    receipt = place.partition("?")[2]

    async def says_done(place: str) -> bool:
        return b"Rotate now: done" in (await stage.get(place)).body

    assert await says_done(place)
    assert not await says_done("/keys/one?done=rotate")
    assert not await says_done(f"/keys/two?{receipt}")
    stage.viewer = replace(ANN, arn="arn:aws:iam::111122223333:user/bob")
    assert not await says_done(place)
    stage.viewer, stage.now_ = ANN, stage.now_ + timedelta(seconds=SECONDS)
    assert not await says_done(place)


@pytest.mark.parametrize("days", ["", "x", "-1", "1.5", "99999", "٣"])
async def test_days_are_a_number(days: str) -> None:
    stage = Stage(writes=True, answers=whole_key())
    assert (await stage.post("/keys/one/schedule-deletion", typed="one", days=days)).status == 400
    assert stage.asked == []


async def test_changes_are_off_where_they_are_not_switched_on() -> None:
    stage = Stage(answers=whole_key())
    assert b"/keys/one/disable" not in (await stage.get("/keys/one")).body
    before = len(stage.asked)
    assert (await stage.get("/keys/one/disable")).status == 403
    assert (await stage.post("/keys/one/disable", typed="one")).status == 403
    assert len(stage.asked) == before


async def test_every_state_of_a_key_is_offered_what_fits_it() -> None:
    states = {enum_text_of(metadata("x", state), "key_state") for state in KeyState.values() if state}
    assert {state for write in WRITES.values() for state in write.states} <= states
    stage = Stage(writes=True, answers=whole_key())
    html = (await stage.get("/keys/one")).body.decode()
    assert [name for name in WRITES if f"/keys/one/{name}" in html] == ["disable", "rotate", "schedule-deletion"]
