"""Where work stands in a trace: the value of the header `traceparent`.

Source: W3C Trace Context (Recommendation of 23 November 2021), section 3.2.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

TRACEPARENT: Final = "traceparent"
FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]{0,512})?")
NO_VERSION: Final = "ff"
FIRST_VERSION: Final = "00"
SAMPLED: Final = 1
TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8


class TraceContext(NamedTuple):
    """One span of one trace."""

    trace_id: bytes
    """16 bytes, not all zero."""
    span_id: bytes
    """8 bytes, not all zero."""
    is_sampled: bool
    """Whether its spans are kept."""

    def header(self) -> str:
        """What is sent on, so that the next process goes on with the trace."""
        return f"{FIRST_VERSION}-{self.trace_id.hex()}-{self.span_id.hex()}-{int(self.is_sampled):02x}"


def read_traceparent(text: str) -> TraceContext | None:
    """The caller's span; None for what is not of the form, which begins a trace anew."""
    found = FORM.fullmatch(text)
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == NO_VERSION or (version == FIRST_VERSION and more is not None):
        return None
    trace_id, span_id = bytes.fromhex(trace), bytes.fromhex(span)
    if not any(trace_id) or not any(span_id):
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & SAMPLED))
