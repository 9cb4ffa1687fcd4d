"""How many connections each listener may have, so that none takes from the others what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FILES_KEPT: Final = 256
"""Open files that are no callers' connections: database, audit streams, other Regions, policies, the loop."""
CONNECTIONS_MIN: Final = 8


def fitting(wanted: Mapping[str, int], open_files: int) -> dict[str, int]:
    """Connections per listener: as the settings say, or all cut in proportion where the process may not have so many open files."""
    room, total = open_files - FILES_KEPT, sum(wanted.values())
    if total <= room:
        return dict(wanted)
    least = CONNECTIONS_MIN * len(wanted)
    share = max(room - least, 0) / (total - least)
    return {name: CONNECTIONS_MIN + int((count - CONNECTIONS_MIN) * share) for name, count in wanted.items()}
