"""What digests say is ended counts where something else of the Region vouches for it, and what is left of that is the Region's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.adversary.test_audit_retention_edits import Log, SetClock, forged, log_of
from tests.audit_logs import Keyholder, nobody, open_file, record
from tests.contract.test_audit_retention import DAY, RULES, AtOnce, answer, begin, verified, write

from meridian.adapters.audit_retention import KeepRules
from meridian.audit.digest import read_digest, string_to_sign
from meridian.audit.ended import Ended
from meridian.audit.findings import Verdict
from meridian.audit.stream_files import digests_in
from meridian.ports.store.audit_streams import StreamHead


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return log_of(tmp_path / "log", KeepRules(365 * DAY, 0))


# ---- what a digest says is ended is looked at


def resign(log: Log, ended: Sequence[Ended]) -> None:
    """The last digest, signed with the Region's key: what a fault of a release, or a holder of the key, could sign."""
    path = digests_in(log.directory)[-1]
    digest = read_digest(path)
    body = json.loads(digest.body)
    body["retention"]["ended"] = [{"stream": e.stream, "lastSeq": e.lastSeq, "lastHash": e.lastHash, "newest": e.newest} for e in ended]
    data = json.dumps(body, separators=(",", ":")).encode()
    signature = log.keyholder.signer.sign(string_to_sign(digest.end, digest.name, data, digest.previous)).hex()
    path.write_bytes(data + b"\n" + signature.encode() + b"\n")


def true_end(log: Log) -> Ended:
    return Ended("s1", log.first.sequence, log.first.hash, "2026-01-02T03:07:08Z")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"stream": "s2", "lastSeq": 10**9}, "which no digest has signed"),
        ({"lastSeq": 10**9}, "which no digest has signed"),
        ({"lastHash": "1" * 64}, "which no digest has signed"),
        ({"stream": "zz"}, "which no digest has signed"),
        ({"newest": "2098-01-01T00:00:00Z"}, "which was after it"),
    ],
)
def test_a_signed_claim_that_nothing_else_vouches_for_is_tampering_and_counts_for_nothing(
    log: Log, change: dict[str, Any], text: str
) -> None:
    true = true_end(log)
    resign(log, [true])
    assert [each.text for each in verified(log.directory, log.keyholder).findings] == []
    resign(log, [Ended(**({name: getattr(true, name) for name in ("stream", "lastSeq", "lastHash", "newest")} | change))])
    for report in (verified(log.directory, log.keyholder), log.compared()):
        assert any(text in each.text for each in report.findings), report.findings
        assert report.verdict is Verdict.TAMPERED
        assert report.ended == {}


# ---- what is left of an ended stream is the Region's own


def test_a_forged_file_of_a_stream_that_was_ended_is_found(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", KeepRules(0, 0))
    log.file.close()
    kept = {path: path.read_bytes() for path in log.of("s1")}
    log.clock.seconds += 10 * DAY
    file = begin(log.directory, "s3", log.keyholder, log.clock, KeepRules(5 * DAY, 0))
    write(file, log.clock, 4, 61)
    assert log.of("s1") == []
    assert verified(log.directory, log.keyholder).findings == []
    for begin_at in (1, 2, 3, 4):
        plain = list(kept)[1].with_suffix("")
        plain.write_bytes(b"".join(forged(sequence, "s1") for sequence in range(begin_at, 6)))
        assert verified(log.directory, log.keyholder).verdict is Verdict.TAMPERED, begin_at
        plain.unlink()
    for path in list(kept)[1:]:
        path.write_bytes(kept[path])  # what a kill leaves
    assert verified(log.directory, log.keyholder).findings == []


# ---- a process that was killed


def test_a_killed_stream_ends_with_its_last_record_which_the_next_one_has_signed(tmp_path: Path) -> None:
    keyholder, clock = Keyholder(), SetClock()
    killed = open_file(tmp_path, "s1", keyholder=keyholder, rules=RULES, clock=clock)
    killed.write([record(n) for n in range(3)])
    killed.directory.close()
    clock.seconds += 10 * DAY
    file = begin(tmp_path, "s2", keyholder, clock, KeepRules(5 * DAY, 0))
    clock.seconds += 10 * DAY
    write(file, clock, 3, 61)
    ended = verified(tmp_path, keyholder).ended["s1"]
    assert (ended.stream, ended.lastSeq, ended.lastHash) == ("s1", killed.head.sequence, killed.head.hash)
    file.close()
    assert verified(tmp_path, keyholder).findings == []


@pytest.mark.parametrize("change", [{"sequence": 99}, {"hash": "1" * 64}])
def test_a_stream_of_which_the_database_has_seen_otherwise_is_kept_and_told(tmp_path: Path, change: dict[str, Any]) -> None:
    log = log_of(tmp_path / "log", KeepRules(0, 0))
    log.file.close()
    log.clock.seconds += 10 * DAY
    file = open_file(log.directory, "s3", keyholder=log.keyholder, rules=RULES, clock=log.clock)
    file.hand_closed_to(AtOnce(), KeepRules(5 * DAY, 0), nobody)
    told: list[str] = []
    file.retention.on_fault = lambda fault: told.append(str(fault.strerror))
    fields: dict[str, Any] = {"stream": "s1", "sequence": log.first.sequence, "hash": log.first.hash, "digests": 1}
    for number in range(4):
        file.write([record(number)])
        log.clock.seconds += 61
        answer(file, log.clock, {"s1": StreamHead(**(fields | change))})
        file.tick(0)
    assert {each.stream for each in log.ended()} == {"s2"}
    assert any("s1 is kept" in text and "database" in text for text in told), told
