"""The options of calls whose effect comes later. What they do is in `waits.py`, which help does without."""

from __future__ import annotations

from typing import Final

import click

from meridian.cli.numbers import SECONDS

WAITED: Final = frozenset({"ConnectCustomKeyStore", "ReplicateKey", "RotateKeyOnDemand", "UpdatePrimaryRegion"})
"""THE operations that have them; `waits.WAITS` says what is waited for."""
WAIT: Final = (
    click.Option(["--wait"], is_flag=True, help="End when the effect is there, not when it is accepted."),
    click.Option(["--wait-seconds"], type=SECONDS, default=300.0, show_default=True, help="How long --wait may take."),
)
