"""How both ends of a gRPC connection find out that it lost its way: it looks alive, and nothing that is sent on it arrives.

Without this, calls time out on such a connection until the system gives it up, a quarter of an hour later.
"""

from __future__ import annotations

from typing import Final

ANSWER_MS: Final = 2_500
"""Longer than any network takes that calls succeed over, and within the time of the shortest call."""
KEEPALIVE: Final = (
    ("grpc.keepalive_time_ms", 1_000),
    ("grpc.keepalive_timeout_ms", ANSWER_MS),
    ("grpc.http2.ping_timeout_ms", ANSWER_MS),
    ("grpc.http2.max_pings_without_data", 0),
)
"""Options of a channel. After a second without a word while a call waits, the other end is asked whether it is there. Where it stays silent
the calls end as unavailable, and the next one makes a new connection."""

PING_SECONDS_MIN: Final = 0.5
"""How often a server lets a client ask; who asks more often is sent away."""
