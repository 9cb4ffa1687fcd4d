"""Kill Regions at random moments under load and tell what was acknowledged, lost, duplicated. For `make kills`.

python scripts/kills.py KILLS [SEED]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.deployment import AWAY, HOME, Deployment
from tests.histories.kills import SETTINGS, kill_under_load


def main(kills: int, seed: int) -> int:
    """The answer is the exit code: 0 where nothing is wrong."""
    with tempfile.TemporaryDirectory(prefix="meridian-kills-") as folder:
        deployment = Deployment(Path(folder), [HOME, AWAY], SETTINGS).prepare()
        try:
            judged = kill_under_load(deployment, kills, seed, lambda line: print(line, flush=True))
        finally:
            deployment.stop_all()
    print(
        f"{kills} kills (seed {seed}): {judged.acknowledged} changes acknowledged, {judged.unknown} of unknown outcome, "
        f"{judged.blobs} ciphertexts, {len(judged.lost)} lost, {len(judged.without_story)} keys without a story, "
        f"{len(judged.two_primaries)} with other than one primary, {judged.twice_in_the_log} events twice in the audit log"
    )
    for fault in judged.faults:
        print(fault)
    return 1 if judged.faults else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())))
