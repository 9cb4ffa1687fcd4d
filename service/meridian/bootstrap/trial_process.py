"""The process that tries out policies. Run as a module, by `adapters/separate_processes.py` alone."""

from __future__ import annotations

import sys

from meridian.adapters.separate_process import main
from meridian.policy_kit.trial import TASKS

if __name__ == "__main__":
    main(int(sys.argv[1]), TASKS)
