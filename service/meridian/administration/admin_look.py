"""What the admin listener of a running process says, for a command beside it."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass
from typing import Final

SECONDS: Final = 2.0
BYTES_MAX: Final = 4 << 20
LINES_MAX: Final = 100
SET_ASIDE: Final = re.compile(r'^meridian_rows_set_aside\{job="([^"]{1,100})"\} ([0-9.e+]{1,20})$', re.MULTILINE)
BEHIND: Final = re.compile(r'^meridian_audit_sink_behind_seconds\{sink="([^"]{1,100})"\} ([0-9.e+]{1,30})$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AdminLook:
    """Of one process."""

    serves: bool
    troubles: tuple[str, ...]
    """Why it is not ready."""
    set_aside: tuple[tuple[str, int], ...]
    """(job, rows) of each job that has rows set aside."""
    sinks_behind: tuple[tuple[str, float], ...]
    """(sink, seconds since it had the whole audit log) of each."""


def look_at_admin(listen: str) -> AdminLook:
    """Ask `host:port`; where nobody answers, nobody serves. Raises nothing."""
    try:
        status, body = _get(listen, "/readyz")
        _, metrics = _get(listen, "/metrics")
    except (OSError, http.client.HTTPException, ValueError):
        return AdminLook(False, (), (), ())
    troubles = tuple(line for line in body.splitlines() if line)[:LINES_MAX] if status != http.client.OK else ()
    rows = [(job, int(float(count))) for job, count in SET_ASIDE.findall(metrics)]
    behind = tuple((sink, float(seconds)) for sink, seconds in BEHIND.findall(metrics))
    return AdminLook(True, troubles, tuple((job, count) for job, count in rows if count), behind)


def _get(listen: str, path: str) -> tuple[int, str]:
    host, _, port = listen.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(BYTES_MAX).decode("utf-8", "replace")
    finally:
        connection.close()
