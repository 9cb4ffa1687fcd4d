"""Whether the streams of a directory follow on each other as each of them says, and what it is where they do not.

Nobody but the Region signs. Where a stream went on, signed, behind the record that the next, signed, names as its last, or two signed
streams follow on one, two processes of the Region wrote at once: a fault of its operation, and told as that. All else is tampering.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

from meridian.audit.findings import OVERLAP, Report, StreamReport, Verdict

IsHere = Callable[[str, Container[str]], bool]
"""Whether a stream is among the ones of the directory, in another that is verified too, or ended by retention."""


def check_links(report: Report, is_here: IsHere, *, are_checked: bool) -> None:
    """Each stream begins where the one before it ended, and no two where the same ended. `are_checked`: the signatures of digests."""
    known = {stream.stream: stream for stream in report.streams}
    after: dict[tuple[str, bool], StreamReport] = {}
    for stream in report.streams:
        if not stream.opening:
            continue
        name, missing = stream.previous_stream, stream.missing_stream
        place = (missing or name, bool(missing))
        if place in after:
            _tell_fork(report, after[place], stream, missing or name or "nothing", are_checked=are_checked)
        after[place] = stream
        before = known.get(name)
        if name and not is_here(name, known):
            report.add(Verdict.INCOMPLETE, stream.paths[0], f"the stream before it, {name}, is missing", 1)
        elif missing in known:
            continue  # what was known of that one is a pin, and it says itself what it follows on
        elif before is not None and before.finding is None and before.last_hash != stream.opening.get("previousHash"):
            _tell_other_end(report, before, stream, are_checked=are_checked)
        elif before is None and name in report.ended and report.ended[name].lastHash != stream.opening.get("previousHash"):
            report.add(Verdict.TAMPERED, stream.paths[0], f"stream {name} was ended elsewhere than this stream says", 1)
    for stream in report.streams:
        _vouch_backwards(stream, known)


def _tell_fork(report: Report, first: StreamReport, second: StreamReport, before: str, *, are_checked: bool) -> None:
    """Nobody but the Region signs: where it signed both, two of its processes wrote at once."""
    is_overlap = are_checked and first.signed > 0 and second.signed > 0
    text = f"stream {first.stream} already follows on {before}" + (f"{OVERLAP}, each of them signed" if is_overlap else "")
    report.add(Verdict.INCOMPLETE if is_overlap else Verdict.TAMPERED, second.paths[0], text, 1)


def _tell_other_end(report: Report, before: StreamReport, stream: StreamReport, *, are_checked: bool) -> None:
    signed = before.signed_after(str(stream.opening.get("previousHash")))
    if are_checked and signed and stream.signed:
        text = f"stream {before.stream} went on for {signed} signed records after this one began{OVERLAP}"
        report.add(Verdict.INCOMPLETE, stream.paths[0], text, 1)
    else:
        text = "the stream ends earlier, or otherwise, than the next stream says"
        report.add(Verdict.TAMPERED, before.paths[-1], text, before.records + 1)


def _vouch_backwards(stream: StreamReport, known: Mapping[str, StreamReport]) -> None:
    """A stream whose beginning is vouched for vouches for the end of the one before, and so on."""
    while stream.signed or stream.vouched:
        before = known.get(stream.previous_stream)
        is_linked = before is not None and before.finding is None and before.last_hash == stream.opening.get("previousHash")
        if before is None or not is_linked or before.vouched == before.records:
            return
        before.vouched = before.records
        stream = before
