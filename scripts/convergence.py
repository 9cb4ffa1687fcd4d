"""How long the Regions of a set differ after restarts, lost messages and words that are passed on. For `make convergence`.

python scripts/convergence.py RUNS
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.deployment import AWAY, HOME, Deployment
from tests.histories.convergence import SETTINGS, THIRD, converge

HEALTHY_SECONDS, LOST_SECONDS = 5.0, 30.0
"""Goals: with healthy links, and where connections lost their way."""


def main(runs: int) -> int:
    """The answer is the exit code: 1 where a kind took longer than its goal."""
    with tempfile.TemporaryDirectory(prefix="meridian-convergence-") as folder:
        deployment = Deployment(Path(folder), [HOME, AWAY, THIRD], SETTINGS).prepare()
        taken = converge(deployment, runs, lambda line: print(line, flush=True))
    late = False
    for name, seconds in taken.items():
        late |= max(seconds) > (LOST_SECONDS if "lost" in name else HEALTHY_SECONDS)
        print(f"{len(seconds):4} runs  p50 {median(seconds):5.2f} s  longest {max(seconds):5.2f} s  {name}")
    every = sorted(each for seconds in taken.values() for each in seconds)
    print(f"{len(every):4} runs  p50 {median(every):5.2f} s  p99 {quantiles(every, n=100)[98]:5.2f} s  all kinds together")
    return int(late)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
