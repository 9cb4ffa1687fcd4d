"""Use two Regions for long, with a fault every five minutes, and tell what went wrong and what grew. For `make soak`.

python scripts/soak.py MINUTES [SEED]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.deployment import AWAY, HOME, Deployment
from tests.histories.soak import SETTINGS, soak

FAULT_SECONDS, SETTLED_SECONDS, GROWTH_MAX = 300.0, 600.0, 0.02


def main(minutes: float, seed: int) -> int:
    """The answer is the exit code: 0 where nothing is wrong and nothing grew by more than the bound."""
    with tempfile.TemporaryDirectory(prefix="meridian-soak-") as folder:
        deployment = Deployment(Path(folder), [HOME, AWAY], SETTINGS).prepare()
        try:
            found = soak(deployment, minutes * 60, FAULT_SECONDS, SETTLED_SECONDS, seed, lambda line: print(line, flush=True))
        finally:
            deployment.stop_all()
    grown = ", ".join(f"{kind} {share:+.1%}" for kind, share in found.growth.items())
    print(f"{minutes:g} minutes (seed {seed}): {found.calls} calls, {found.faults} faults, {len(found.wrong)} things wrong")
    print(f"refusals: {found.outcomes or 'none'}\ngrowth after ten minutes: {grown or 'not measured'}")
    for each in found.wrong:
        print(each)
    return 1 if found.wrong or any(share > GROWTH_MAX for share in found.growth.values()) else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())))
