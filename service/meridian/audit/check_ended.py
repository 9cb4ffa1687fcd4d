"""Whether what digests say is kept no longer is what the Region has signed of those streams before: anything else ends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meridian.audit.digest import Digest
from meridian.audit.ended import End, Ended, furthest
from meridian.audit.findings import Report, Verdict


def ends_in(digest: Digest) -> Iterator[End]:
    """The records that a digest names: the last one that it covers, and the last one of the stream that its own follows on, whether
    its files were there or not. The hash is empty in a digest of an earlier release, which names the number alone."""
    yield End(digest.extent.stream, digest.extent.treeSize - 1, digest.kept.last_hash)
    yield from (end for end in (digest.kept.before, digest.kept.missing) if end is not None)


class SignedEnds:
    """By stream, the records that a digest names by number and hash."""

    def __init__(self, digests: Sequence[Digest]) -> None:
        self._hashes: dict[tuple[str, int], set[str]] = {}
        for digest in digests:
            for end in ends_in(digest):
                self._hashes.setdefault((end.stream, end.lastSeq), set()).add(end.lastHash)

    def speak_of(self, stream: str, sequence: int, leaf: str) -> bool:
        """Whether this is a record that a digest names."""
        return bool({leaf, ""} & self._hashes.get((stream, sequence), set()))


def check_ended(report: Report, digests: Sequence[Digest]) -> dict[str, Ended]:
    """By stream, the last record that is ended; a claim that nothing vouches for counts for nothing, and is reported."""
    ends = SignedEnds(digests)
    counted = []
    for digest in digests:
        for each in digest.kept.ended:
            fault = _fault_of(each, digest, ends)
            if fault:
                report.add(Verdict.TAMPERED, digest.path, fault)
            else:
                counted.append(each)
    return furthest(counted)


def _fault_of(ended: Ended, digest: Digest, ends: SignedEnds) -> str:
    claim = f"the digest says that stream {ended.stream} was ended up to record {ended.lastSeq}"
    if not ends.speak_of(ended.stream, ended.lastSeq, ended.lastHash):
        return f"{claim}, which no digest has signed"
    if ended.newest > digest.end:
        return f"{claim}, of {ended.newest}, which was after it"
    return ""
