"""How many changes of keys are kept, and for how long messages of other Regions are remembered: each setting moved, beside its default."""

from __future__ import annotations

import contextlib
import sqlite3
import time

from tests.deployment import AWAY, DATABASE, HOME, Deployment

KEPT = "limits.change_feed_rows = 1000\nlimits.inbox_days = 1\n"
WRITTEN = 1500
AGES = {1: 0, 2: 2, 3: 8}
"""Days since a message was applied, by its number; a week is the default."""
DAY_MICROSECONDS = 86_400 * 1_000_000


def rows(regions: Deployment, region: str, question: str) -> list[int]:
    with contextlib.closing(sqlite3.connect(regions.place(region).folder / DATABASE, timeout=20)) as database:
        return [int(row[0]) for row in database.execute(question)]


def fill(regions: Deployment, region: str) -> None:
    """What a Region writes as time goes by."""
    now = int(time.time() * 1_000_000)
    with contextlib.closing(sqlite3.connect(regions.place(region).folder / DATABASE, timeout=20)) as database, database:
        database.executemany("insert into changes (account, key_id) values ('111122223333', ?)", [(f"{n}",) for n in range(WRITTEN)])
        messages = [(number, now - days * DAY_MICROSECONDS) for number, days in AGES.items()]
        database.executemany("insert into inbox values ('ap-south-1', 0, ?, x'00', ?)", messages)


def remembered(regions: Deployment, region: str) -> list[int]:
    return rows(regions, region, "select sequence from inbox where source_region = 'ap-south-1' order by sequence")


def test_changes_and_messages_stay_as_change_feed_rows_and_inbox_days_say(own_regions: Deployment) -> None:
    settings = own_regions.place(HOME).settings
    settings.write_text(KEPT + settings.read_text())
    for region in (HOME, AWAY):
        fill(own_regions, region)
    own_regions.start()
    own_regions.wait_until(lambda: all(3 not in remembered(own_regions, region) for region in (HOME, AWAY)))
    assert remembered(own_regions, HOME) == [1]
    assert remembered(own_regions, AWAY) == [1, 2]
    (newest,) = rows(own_regions, HOME, "select max(number) from changes")
    oldest = min(rows(own_regions, HOME, "select number from changes"))
    assert newest >= WRITTEN
    assert WRITTEN - 1000 < oldest <= newest - 1000 + 1
    assert rows(own_regions, AWAY, "select count(*) from changes where number <= 1000") == [1000]
