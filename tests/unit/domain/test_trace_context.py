"""The header `traceparent`: what is of its form is gone on with, and nothing else."""

from __future__ import annotations

import pytest

from meridian.domain.trace_context import TraceContext, read_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
READ = TraceContext(bytes.fromhex(TRACE), bytes.fromhex(SPAN), True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-01", READ),
        (f"00-{TRACE}-{SPAN}-00", READ._replace(is_sampled=False)),
        (f"00-{TRACE}-{SPAN}-03", READ),
        (f"01-{TRACE}-{SPAN}-01", READ),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", READ),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"cc-{TRACE}-{SPAN}-01.later", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-01\n", None),
        (f" 00-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE[1:]}-{SPAN}-01", None),
        (f"cc-{TRACE}-{SPAN}-01-{'x' * 100_000}", None),
        ("", None),
    ],
)
def test_what_is_of_the_form_is_read(text: str, expected: TraceContext | None) -> None:
    assert read_traceparent(text) == expected


def test_what_is_written_is_read_again() -> None:
    assert READ.header() == f"00-{TRACE}-{SPAN}-01"
    assert read_traceparent(READ._replace(is_sampled=False).header()) == READ._replace(is_sampled=False)
