"""How long the Regions of a set differ after restarts, lost messages and words that are passed on. For `make convergence`.

python scripts/convergence.py RUNS
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.deployment import AWAY, HOME, Deployment
from tests.histories.convergence import SETTINGS, THIRD, converge

HEALTHY_SECONDS, LOST_SECONDS = 5.0, 30.0
"""Goals of the slowest percent: with healthy links, and where connections lost their way."""


def p99(seconds: list[float]) -> float:
    """Of so few runs as well: never more than the longest."""
    return quantiles(seconds, n=100, method="inclusive")[98] if len(seconds) > 1 else seconds[0]


def judged(taken: Mapping[str, list[float]]) -> tuple[list[str], bool]:
    """(lines to print, whether every goal is kept)."""
    lines = [f"{len(each):4} runs  p50 {median(each):5.2f} s  longest {max(each):5.2f} s  {name}" for name, each in taken.items()]
    kept = bool(taken)
    for links, goal in (("healthy links", HEALTHY_SECONDS), ("connections that lost their way", LOST_SECONDS)):
        every = [each for name, seconds in taken.items() if ("lost" in name) is (goal == LOST_SECONDS) for each in seconds]
        if every:
            kept &= p99(every) <= goal
            lines.append(f"{len(every):4} runs  p50 {median(every):5.2f} s  p99 {p99(every):5.2f} s of {goal:g} s  all with {links}")
    return lines, kept


def main(runs: int) -> int:
    """The answer is the exit code: 1 where a goal is missed, or a run did not end in its time."""
    with tempfile.TemporaryDirectory(prefix="meridian-convergence-") as folder:
        deployment = Deployment(Path(folder), [HOME, AWAY, THIRD], SETTINGS).prepare()
        taken = converge(deployment, runs, lambda line: print(line, flush=True))
    lines, kept = judged(taken)
    print("\n".join(lines))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
