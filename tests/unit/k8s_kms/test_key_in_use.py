"""One key in several Regions: who is asked, what is told, and under which name."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from tests.unit.k8s_kms.fake_regions import KEY, World

from meridian import errors
from meridian.k8s_kms import key_in_use, regions
from meridian.k8s_kms.endpoints import read_places
from meridian.k8s_kms.key_in_use import NotReadBackError, UnreadableError
from meridian.k8s_kms.materials import HOLD_SECONDS
from meridian.k8s_kms.regions import AWAY, BehindError, RegionError
from meridian.transport.error_table import TABLE

SEED = b"32 bytes that no Region may keep"
SECONDS = 2.0
A, B = KEY.name_of("a"), KEY.name_of("b")
pytestmark = pytest.mark.asyncio


@pytest.fixture
def always_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_in_use, "FRESH_SECONDS", 0.0)


async def test_a_seed_is_closed_and_opened_under_the_name_that_status_gives() -> None:
    world = World()
    name = await world.key.name(SECONDS)
    closed = await world.key.close(SEED, "uid-1", SECONDS)
    assert closed.key_id == name == A
    assert await world.key.open(closed.ciphertext, closed.key_id, "uid-2", SECONDS) == SEED
    assert [caller for caller in world.near.callers if caller] == ["uid-1", "uid-1", "uid-2"]
    with pytest.raises(RegionError, match=r"us-east-1: InvalidCiphertextException.*request-2"):
        await world.key.open(closed.ciphertext, B, "", SECONDS)


async def test_a_key_that_was_just_used_is_not_looked_at_and_many_who_ask_are_one_look() -> None:
    world = World()
    assert set(await asyncio.gather(*(world.key.name(SECONDS) for _ in range(20)))) == {A}
    assert world.near.calls == ["encrypt", "decrypt"]
    await world.key.close(SEED, "", SECONDS)
    assert await world.key.name(SECONDS) == A
    assert world.near.calls == ["encrypt", "decrypt"] * 2
    assert world.far.calls == []


async def test_what_is_closed_while_the_key_rotates_has_the_name_of_its_material() -> None:
    world = World()
    await world.key.name(SECONDS)
    world.near.before_encrypt = lambda: world.rotate("b")
    closed = await world.key.close(SEED, "", SECONDS)
    assert closed.key_id == B
    assert await world.key.name(SECONDS) == B, "and the next status tells the same"
    assert await world.key.open(closed.ciphertext, B, "", SECONDS) == SEED
    assert world.value("rotations_total") == 1


@pytest.mark.usefixtures("always_looks")
async def test_a_rotation_is_seen_without_traffic() -> None:
    world = World()
    before = await world.key.name(SECONDS)
    world.rotate("b")
    assert (before, await world.key.name(SECONDS)) == (A, B)


async def test_nothing_is_given_out_that_does_not_come_back() -> None:
    world = World()
    await world.key.name(SECONDS)
    world.near.spoils = True
    with pytest.raises(NotReadBackError, match="us-east-1"):
        await world.key.close(SEED, "", SECONDS)


@pytest.mark.parametrize("code", sorted(AWAY))
async def test_another_region_answers_for_one_that_is_away(code: str) -> None:
    world = World()
    closed = await world.key.close(SEED, "", SECONDS)
    world.near.says = code
    assert await world.key.open(closed.ciphertext, closed.key_id, "", SECONDS) == SEED
    assert world.value("region_up", region="us-east-1", endpoint="near:1") == 0
    asked = len(world.near.calls)
    assert await world.key.open(closed.ciphertext, closed.key_id, "", SECONDS) == SEED
    assert len(world.near.calls) == asked, "the Region that is away is not asked again"


@pytest.mark.parametrize("code", ["AccessDeniedException", "DisabledException", "ThrottlingException", "NotFoundException", "INTERNAL"])
async def test_a_refusal_is_an_answer(code: str) -> None:
    world = World()
    world.near.says = code
    with pytest.raises(RegionError, match=f"us-east-1: {code}: what the Region says .request id request-1"):
        await world.key.name(SECONDS)
    assert world.far.calls == []
    assert world.value("healthy") == 0


def _unavailable() -> set[str]:
    return {kind.__name__ for kind, code in TABLE.items() if code.name == "UNAVAILABLE"}


async def test_what_a_region_calls_unavailable_another_may_answer() -> None:
    of_key_stores = {name for name in _unavailable() if name.startswith("Xks")}
    assert {name for name in AWAY if hasattr(errors, name)} == _unavailable() - of_key_stores


async def test_a_region_that_says_nothing_leaves_time_for_the_next() -> None:
    world = World()
    world.near.hangs = True
    assert await world.key.name(1.0) == A


async def test_where_nobody_answers_it_is_told_in_time_and_why() -> None:
    world = World()
    world.near.hangs = True
    world.far.says = "EndpointConnectionError"
    with pytest.raises(RegionError, match=r"EndpointConnectionError|DEADLINE_EXCEEDED"):
        await world.key.name(1.0)
    assert len(world.far.calls) > 1, "within its time it tries again"


async def test_a_region_is_asked_again_once_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "LOOK_SECONDS", 0.01)
    world = World()
    world.near.says = "EndpointConnectionError"
    closed = await world.key.close(SEED, "", SECONDS)
    looking = asyncio.create_task(world.regions.look_for_lost(world.key.look))
    try:
        while len(world.near.calls) < 5:
            await asyncio.sleep(0.01)
        assert world.value("region_up", region="us-east-1", endpoint="near:1") == 0, "it was asked, and is not back"
        world.near.says = ""
        async with asyncio.timeout(5):
            while not world.value("region_up", region="us-east-1", endpoint="near:1"):
                await asyncio.sleep(0.01)
    finally:
        looking.cancel()
    asked = len(world.far.calls)
    await world.key.open(closed.ciphertext, closed.key_id, "", SECONDS)
    assert len(world.far.calls) == asked


@pytest.mark.usefixtures("always_looks")
class TestARegionThatIsBehind:
    """It has not rotated the key yet, as another has."""

    async def after_a_rotation(self) -> World:
        world = World()
        assert await world.key.name(SECONDS) == A
        world.near.material = "b"
        assert await world.key.name(SECONDS) == B
        return world

    async def test_it_does_not_undo_a_rotation_and_nothing_is_closed_there(self) -> None:
        world = await self.after_a_rotation()
        world.near.says = "EndpointConnectionError"
        for asked in (world.key.name(SECONDS), world.key.close(SEED, "", SECONDS)):
            with pytest.raises(BehindError, match="eu-west-1 has not rotated"):
                await asked
        assert world.value("healthy") == 0, "nothing can be encrypted, and nobody says that it can"
        assert world.value("behind_total", region="eu-west-1") == 2
        world.far.material = "b"
        assert (await world.key.close(SEED, "", SECONDS)).key_id == B

    async def test_the_next_region_is_asked_where_it_is_the_first(self) -> None:
        world = await self.after_a_rotation()
        world.near.material, world.far.material = "a", "b"
        assert (await world.key.close(SEED, "", SECONDS)).key_id == B

    async def test_it_still_opens_what_was_closed_before(self) -> None:
        world = World()
        closed = await world.key.close(SEED, "", SECONDS)
        world.near.material = "b"
        await world.key.name(SECONDS)
        world.near.says = "EndpointConnectionError"
        assert await world.key.open(closed.ciphertext, closed.key_id, "", SECONDS) == SEED


async def test_a_status_after_an_encrypt_that_failed_looks_again() -> None:
    world = World()
    await world.key.name(SECONDS)
    world.near.says = "AccessDeniedException"
    with pytest.raises(RegionError):
        await world.key.close(SEED, "", SECONDS)
    with pytest.raises(RegionError):
        await world.key.name(SECONDS)


@pytest.mark.usefixtures("always_looks")
async def test_both_regions_encrypt_again_once_the_newer_material_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that rotated first is cut off, the other is followed, and then has rotated too."""
    world, clock = World(), [1000.0]
    monkeypatch.setattr(key_in_use.KeyInUse, "_now", staticmethod(lambda: clock[0]))
    await world.key.name(SECONDS)
    world.near.material = "b"
    await world.key.name(SECONDS)
    world.near.says = "EndpointConnectionError"
    clock[0] += HOLD_SECONDS
    assert await world.key.name(SECONDS) == A
    world.near.says, world.far.material = "", "b"
    clock[0] += 5
    assert await world.key.name(SECONDS) == B
    assert (await world.key.close(SEED, "", SECONDS)).key_id == B


@pytest.mark.parametrize("call", ["encrypt", "decrypt"])
async def test_an_answer_of_another_key_is_not_taken(call: str) -> None:
    world = World()
    closed = await world.key.close(SEED, "", SECONDS)
    world.near.names = f"{KEY.arn_in('us-east-1')}0"
    with pytest.raises(NotReadBackError, match="us-east-1: answers with another key"):
        await (world.key.close(SEED, "", SECONDS) if call == "encrypt" else world.key.open(closed.ciphertext, closed.key_id, "", SECONDS))


async def test_an_endpoint_counts_as_up_once_it_has_answered_and_every_one_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def ups() -> list[float]:
        return [world.value("region_up", region=place.region, endpoint=place.target) for place in world.places]

    assert ups() == [0, 0]
    await world.key.name(SECONDS)
    assert ups() == [1, 0], "nobody has asked the other"
    monkeypatch.setattr(regions, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(regions, "LOOK_AT_ALL_SECONDS", 0.05)
    looking = asyncio.create_task(world.regions.look_for_lost(world.key.look))
    try:
        async with asyncio.timeout(5):
            while ups() != [1, 1]:
                await asyncio.sleep(0.01)
            world.far.says = "EndpointConnectionError"
            while ups() != [1, 0]:
                await asyncio.sleep(0.01)
    finally:
        looking.cancel()


@pytest.mark.parametrize(
    "text", ["EU WEST=h:1", "=h:1", "eu=h:1", "https://h:1", "a b:1", "h:\u0661", "u@h:1", "eu-west-1=h:70000", "eu-west-1=::1:7402"]
)
async def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        read_places([text], KEY)


async def test_endpoints_of_ipv6_are_taken() -> None:
    assert read_places(["eu-west-1=[::1]:7402"], KEY)[0].target == "[::1]:7402"


@pytest.mark.parametrize("foreign", [b"", b"\x02rest", b"k8s:enc"])
async def test_what_was_not_made_here_is_sent_to_no_region(foreign: Any) -> None:
    world = World()
    with pytest.raises(UnreadableError):
        await world.key.open(foreign, A, "", SECONDS)
    assert world.near.calls == []
