"""Churn before Envoy for long, beside honest callers, while certificates are renewed and processes killed. For `make churn`.

python scripts/churn.py MINUTES

The exit code is 1 where anything is wrong, where an honest caller's slowest percent takes more than 1.2 × of what it took before, or where
a process that lived on grew by more than 2 % after the first minute (5 % where there are less than five to judge by).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.histories.churn import AUDIT, CHURN, PROCESSES, QUIET, SETTINGS, Churned, churn, quantile
from tests.several import served

RATIO_MAX = 1.2
QUIET_PART, SETTLED_PART, QUIET_SECONDS_MAX, SETTLED_SECONDS_MAX = 1 / 5, 1 / 2, 60.0, 60.0
LONG_MINUTES, GROWTH_MAX, GROWTH_MAX_OF_SHORT = 5.0, 0.02, 0.05


def main(minutes: float) -> int:
    seconds = minutes * 60
    quiet, settled = min(seconds * QUIET_PART, QUIET_SECONDS_MAX), min(seconds * SETTLED_PART, SETTLED_SECONDS_MAX)
    with tempfile.TemporaryDirectory(prefix="meridian-churn-") as folder:
        for several in served(Path(folder), PROCESSES, SETTINGS, AUDIT):
            found = churn(several, quiet, seconds, settled, lambda line: print(line, flush=True))
    growth_max = GROWTH_MAX if minutes >= LONG_MINUTES else GROWTH_MAX_OF_SHORT
    for each in found.wrong:
        print(each)
    if not all(found.waited.values()):
        print("no honest call was answered")
        return 1
    report(found, minutes, growth_max)
    held = found.ratio(0.99, on_its_core=False) <= RATIO_MAX and all(growth <= growth_max for _, _, growth in found.memory.values())
    return 0 if held and not found.wrong else 1


def report(found: Churned, minutes: float, growth_max: float) -> None:
    """Tables that can stand in a document."""
    print(f"\n{minutes:g} minutes: " + ", ".join(f"{name} {count}" for name, count in found.done.items()))
    print(f"honest calls: {len(found.waited[CHURN])} answered, {found.lost} lost with a killed process; {len(found.wrong)} things wrong")
    print("\n| honest caller | before | under churn | ratio | without his own waits for a core | wanted |\n" + "|---" * 6 + "|")
    for name, part, bound in (("p50", 0.5, ""), ("p99", 0.99, f"≤ {RATIO_MAX}"), ("longest", 1.0, "")):
        before, under = (f"{quantile(found.waited[phase], part) * 1e3:.1f} ms" for phase in (QUIET, CHURN))
        ratios = [found.ratio(part, on_its_core=own) for own in (False, True)]
        print(f"| {name} | {before} | {under} | {ratios[0]:.2f} | {ratios[1]:.2f} | {bound} |")
    print("\n| memory of | settled | at the end | growth by the straight line | wanted |\n" + "|---" * 5 + "|")
    for name, (first, last, growth) in found.memory.items():
        print(f"| {name} | {first / 2**20:.1f} MiB | {last / 2**20:.1f} MiB | {growth:+.1%} | ≤ {growth_max:.0%} |", flush=True)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
