"""Regions that are killed at random moments while callers change their keys."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial
from random import Random

from tests.deployment import AWAY, HOME, Deployment
from tests.histories.load import Judged, Load, judge

SETTINGS = "limits.rotation_conflict_seconds = 0.0\nlimits.updating_seconds = 3.0\nlimits.reservation_seconds = 3.0\n"
LIVES_SECONDS = (0.2, 2.0)
CHANGES_A_LIFE, CHANGES_SECONDS = 10, 60.0
"""Acknowledged before the moment is drawn at which a Region is killed, so that there is a load on any machine."""


def kill_under_load(deployment: Deployment, kills: int, seed: int, told: Callable[[str], None]) -> Judged:
    """Kill a Region `kills` times under load, each time start it again; then say what became of everything that was acknowledged."""
    random = Random(seed)  # noqa: S311 - a repeatable run
    deployment.start()
    load = Load(deployment, seed)
    load.start()
    try:
        for number in range(kills):
            wanted = load.seen.acknowledged + CHANGES_A_LIFE
            deployment.wait_until(partial(load.has_acknowledged, wanted), CHANGES_SECONDS)
            time.sleep(random.uniform(*LIVES_SECONDS))
            region = random.choice([HOME, HOME, AWAY])
            deployment.stop(region, signal.SIGKILL)
            deployment.start(region)
            told(f"{number + 1} of {kills} kills, {load.seen.acknowledged} changes acknowledged")
    finally:
        load.stop()
    return judge(deployment, load)
