"""Up to when an audit log is signed: as far as the last of its open streams."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from meridian.audit.standing import StreamStanding, signed_until
from meridian.ports.audit_files import SeenDigest, StreamFiles
from meridian.ports.store.audit_streams import StreamHead, StreamRow

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def stream(minutes_ago: int | None, *, is_closed: bool = False, is_seen: bool = True) -> StreamStanding:
    digest = SeenDigest(NOW - timedelta(minutes=minutes_ago), 1, "f") if minutes_ago is not None else None
    row = StreamRow(1, "r", NOW, StreamHead("s", 0, "h", 1), is_closed)
    return StreamStanding(row, False, StreamFiles(1, 1, None, digest) if is_seen else None)


@pytest.mark.parametrize(
    ("streams", "minutes_ago"),
    [
        ([stream(1), stream(5)], 5),
        ([stream(1), stream(60, is_closed=True)], 1),
        ([stream(1), stream(None, is_closed=True)], 1),
        ([stream(1), stream(None)], None),
        ([stream(1), stream(1, is_seen=False)], None),
        ([stream(1, is_closed=True)], None),
        ([], None),
    ],
    ids=["the oldest", "closed", "closed without a digest", "no digest", "not seen", "none open", "none"],
)
def test_the_log_is_signed_as_far_as_its_open_stream_that_is_least(streams: list[StreamStanding], minutes_ago: int | None) -> None:
    assert signed_until(streams) == (NOW - timedelta(minutes=minutes_ago) if minutes_ago is not None else None)
