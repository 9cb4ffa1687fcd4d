"""A primary whose Region is given up just after it has made new material current, and before any other heard of that, is let in again: its
material is everybody's, and the set is one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.databases import migrated_sqlite
from tests.deployment import AWAY, HOME
from tests.region_in_process import InProcessRegion, regions

from meridian.administration import other_regions as words
from meridian.domain.multi_region import OperatorWord

THIRD = "ap-south-1"


@pytest.fixture(scope="module")
def empty() -> Path:
    return migrated_sqlite()


async def settle(*members: InProcessRegion) -> None:
    for _ in range(3):
        for region in members:
            await region.work()


def test_a_primary_that_switched_unheard_comes_back_while_another_member_is_silent(tmp_path: Path, empty: Path) -> None:
    async def steps() -> None:
        network = await regions(tmp_path, [HOME, AWAY, THIRD], empty)
        home, away, third = (network.regions[name] for name in (HOME, AWAY, THIRD))
        await home.create()
        for other in (away, third):
            await home.replicate(other)
            await settle(home, other)
        await home.rotate()
        await home.send()
        await away.send()  # it holds the new material, and says so
        network.cut |= {frozenset((HOME, AWAY)), frozenset((HOME, THIRD))}
        await home.say(words.asking(OperatorWord.DETACH), THIRD)
        await home.membership.settle()
        await home.schedule.settle_due()
        switched, waiting = await home.key(), await away.key()
        assert switched is not None
        assert waiting is not None
        assert waiting.pending_material_id == switched.current_material_id
        for other in (away, third):
            await other.say(words.declaring_lost(AWAY), HOME)
        await away.say(words.asking(OperatorWord.TAKE_OVER), HOME)
        await away.membership.settle()
        assert await away.acts()
        network.cut = {frozenset((HOME, THIRD)), frozenset((AWAY, THIRD))}
        await away.say(words.withdraw_lost, HOME)
        await settle(away, home)  # it is shown that others went on
        await home.say(words.rejoin, AWAY)
        await away.say(words.asking(OperatorWord.TAKE_BACK), HOME)
        await settle(home, away)
        one, other_row = await home.row(), await away.row()
        assert one is not None
        assert other_row is not None
        assert one.view == other_row.view
        keys = [await home.key(), await away.key()]
        held = [{m.material_id for m in key.materials if m.is_present} for key in keys if key is not None]
        assert held[0] >= {switched.current_material_id}
        assert held[1] >= {switched.current_material_id}

    asyncio.run(steps())
