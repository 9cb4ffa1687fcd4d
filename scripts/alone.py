"""Cut every link between two Regions while callers use both, and tell what failed. For `make alone`.

python scripts/alone.py MINUTES
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.deployment import AWAY, HOME, Deployment
from tests.histories.alone import HEALED_SECONDS, KINDS, Alone, stand_alone


def wrong(found: Alone) -> list[str]:
    """What was promised and is not so: no call fails, each kind was made, and the Regions agree soon after the links' return."""
    unmade = [f"{kind}: no call" for kind in sorted(KINDS - set(found.calls))]
    apart = [] if found.healed < HEALED_SECONDS else [f"{HEALED_SECONDS:g} s after their return the Regions do not agree"]
    return [*unmade, *apart, *found.failed]


def main(minutes: float) -> int:
    """The answer is the exit code: 0 where all is as promised."""
    with tempfile.TemporaryDirectory(prefix="meridian-alone-") as folder:
        found = stand_alone(Deployment(Path(folder), [HOME, AWAY]).prepare(), minutes * 60)
    kinds = ", ".join(f"{name} {count}" for name, count in sorted(found.calls.items()))
    print(f"{minutes:g} minutes without links: {found.calls.total()} calls ({kinds}), {len(found.failed)} failed")
    print(f"longest {found.longest:.2f} s; {found.healed:.2f} s after their return both Regions agree")
    faults = wrong(found)
    for each in faults[:20]:
        print(each)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
