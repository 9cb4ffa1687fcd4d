"""Many mixed calls of a Region, changes of keys among them, and what its process holds as they go by. For `make mixed`.

python scripts/mixed.py CALLS [SEED]

The exit code is 1 where anything is wrong, where the caches were not full for half of the looks, or where memory has grown by more than 5 %
since they were.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.deployment import HOME, Deployment
from tests.histories.mixed import SETTINGS, Look, Mixed, mixed

LOOKS, GROWTH_MAX = 40, 0.05


def main(calls: int, seed: int) -> int:
    with tempfile.TemporaryDirectory(prefix="meridian-mixed-") as folder:
        deployment = Deployment(Path(folder), [HOME], SETTINGS).prepare()
        try:
            deployment.start()
            print("| calls | memory, MiB | of it anonymous | in caches | threads | files |\n" + "|---" * 6 + "|", flush=True)
            found = asyncio.run(mixed(deployment, calls, LOOKS, seed, show))
        finally:
            deployment.stop_all()
    report(found, seed)
    held = len(found.full) > len(found.looks) // 2 and found.growth["memory"] <= GROWTH_MAX
    return 0 if held and not found.wrong else 1


def show(look: Look) -> None:
    sizes = [f"{each / 2**20:.1f}" for each in (look.held.memory, look.anonymous, look.in_caches)]
    print(f"| {look.calls:,} | {' | '.join(sizes)} | {look.held.threads} | {look.held.files} |", flush=True)


def report(found: Mixed, seed: int) -> None:
    kinds = ", ".join(f"{name} {count:,}" for name, count in found.calls.most_common())
    print(f"\n{found.calls.total():,} calls (seed {seed}): {kinds}; {len(found.wrong)} things wrong")
    print(f"refused: {dict(found.refused) or 'none'}")
    if found.full:
        first, last = found.full[0], found.full[-1]
        print("\n| cache | when they were full, KiB | at the end |\n" + "|---" * 3 + "|")
        for name, size in sorted(last.caches.items(), key=lambda each: -each[1]):
            print(f"| {name} | {first.caches[name] >> 10:,} | {size >> 10:,} |")
        grown = ", ".join(f"{kind} {share:+.1%}" for kind, share in found.growth.items())
        print(f"\ngrowth since the caches were full, after {first.calls:,} calls: {grown or 'not measured'}; ≤ {GROWTH_MAX:.0%} wanted")
    for each in found.wrong[:20]:
        print(each)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())))
