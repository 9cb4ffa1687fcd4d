"""The process that tries out policies. Run as a module, by `adapters/separate_processes.py` alone."""

from __future__ import annotations

import os
import sys
from typing import Final

from meridian.adapters.separate_process import main
from meridian.policy_kit.trial import TASKS

LOWER_PRIORITY: Final = 5
"""As `nice` counts: calls that are answered now go before what somebody tries."""

if __name__ == "__main__":
    os.nice(LOWER_PRIORITY)
    main(int(sys.argv[1]), TASKS)
