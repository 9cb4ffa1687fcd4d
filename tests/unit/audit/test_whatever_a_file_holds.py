"""Whoever writes the audit directory can put anything into its files: each reader then says what is wrong, and never ends with a fault
of its own."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.audit_logs import Keyholder, SteppingClock, open_file, record
from tests.examples import searched

from meridian.audit.against_database import Evidence, verify_against
from meridian.audit.beyond_heads import changes_beyond
from meridian.audit.chain import NO_HASH, leaf_hash
from meridian.audit.digest import read_digest
from meridian.audit.findings import Verdict
from meridian.audit.keys import KEYS_FILE, AuditKeys, AuditKeysError
from meridian.audit.stream_files import cut_torn_tail, digests_in, segments_in
from meridian.audit.written_since import events_since
from meridian.ports.store.audit_streams import StreamRow

CLOCK = SteppingClock()

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(["ARN", "stream", "seq"]), inner, max_size=3)
    ),
    max_leaves=6,
)
OUTER = ["eventName", "eventTime", "eventID", "resources", "readOnly", "errorCode", "meridian", "additionalEventData", "eventType"]
INNER = [
    "stream",
    "seq",
    "prevHash",
    "missing",
    "previousStream",
    "previousHash",
    "registered",
    "epoch",
    "digestSeconds",
    "segment",
    "region",
    "takenFrom",
]
NAMES = ["eventName", "eventTime", "eventID"]
EVENTS = ["CreateKey", "DeleteKey", "DeleteDevelopmentState", "ScheduleKeyDeletion", "StreamOpen", "StreamClose"]
NEARLY = st.sampled_from([*EVENTS, "2026-01-02T03:04:05", "9999-12-31T23:59:59Z", "s1"])
CHANGES = st.dictionaries(st.sampled_from(OUTER), JSON | NEARLY, max_size=3)
INNER_CHANGES = st.dictionaries(st.sampled_from(INNER), JSON | NEARLY, max_size=3)


@dataclass(frozen=True)
class Log:
    directory: Path
    keyholder: Keyholder
    evidence: Evidence
    tail: bytes
    sequence: int
    last_hash: str

    def read(self) -> Verdict:
        """By everything that reads it; the verdict of verification."""
        changes_beyond(self.directory, {"s1": 1})
        events_since(self.directory, "s1", 0, {"e"})
        (report,) = verify_against([self.directory], self.evidence, self.keyholder.keys)
        again = self.directory.with_name("again")
        shutil.copytree(self.directory, again)
        try:
            cut_torn_tail(again)
        finally:
            shutil.rmtree(again)
        return report.verdict


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    directory, keyholder = tmp_path_factory.mktemp("whatever") / "log", Keyholder()
    file = open_file(directory, keyholder=keyholder, clock=CLOCK)
    file.write([record(1)])
    file.directory.close()
    tail = segments_in(directory)[-1].read_bytes()
    evidence = Evidence((StreamRow(1, "r", CLOCK.now(), file.head, False),), {}, (), {}, CLOCK.now(), 0)
    return Log(directory, keyholder, evidence, tail, file.head.sequence + 1, file.head.hash)


def line_of(changes: dict[str, Any], inner: dict[str, Any], sequence: int, previous: str) -> bytes:
    told = {"eventName": "Encrypt", "eventTime": "2026-01-02T03:04:09Z", "eventID": "e", "readOnly": False, "eventType": "AwsApiCall"}
    made = told | {"meridian": {"stream": "s1", "seq": sequence, "prevHash": previous} | inner} | changes
    return json.dumps(made).encode() + b"\n"


@searched(60, 300)
@example({"eventName": []}, {})
@example({"eventID": []}, {})
@example({"eventName": "CreateKey", "resources": [1]}, {})
@example({"eventName": "CreateKey", "resources": [{"ARN": "a"}], "eventTime": "9999-12-31T23:59:59Z"}, {"epoch": "0"})
@example({"eventName": "CreateKey", "resources": [{"ARN": "a"}], "additionalEventData": 5}, {"epoch": -1})
@example({"eventName": "DeleteDevelopmentState", "eventTime": "0001-01-01T00:00:00Z"}, {})
@example({"eventTime": 5}, {})
@example({"eventTime": "2026-01-02"}, {})
@given(CHANGES, INNER_CHANGES)
def test_a_line_that_is_chained_to_the_end(log: Log, changes: dict[str, Any], inner: dict[str, Any]) -> None:
    path = segments_in(log.directory)[-1]
    path.write_bytes(log.tail + line_of(changes, inner, log.sequence, log.last_hash))
    try:
        log.read()
    finally:
        path.write_bytes(log.tail)


@searched(60, 300)
@example({}, {"previousStream": []})
@example({}, {"stream": "**"})
@example({}, {"stream": "../[", "seq": 1})
@example({}, {"registered": {"stream": "s1", "seq": 1 << 61, "hash": []}})
@example({}, {"epoch": []})
@example({}, {"digestSeconds": 1e300})
@given(CHANGES, INNER_CHANGES)
def test_the_first_line_of_a_stream(log: Log, changes: dict[str, Any], inner: dict[str, Any]) -> None:
    path = log.directory / "20270102T030405.000000Z-s7-00000001.jsonl"
    path.write_bytes(line_of({"eventName": "StreamOpen"} | changes, {"stream": "s7"} | inner, 0, NO_HASH))
    try:
        assert log.read() is not Verdict.CLEAN
    finally:
        path.unlink()


@searched(40, 200)
@example(b"[" * 100_000)
@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_line(log: Log, line: bytes) -> None:
    path = segments_in(log.directory)[-1]
    path.write_bytes(log.tail + line + b"\n")
    try:
        assert log.read() is Verdict.TAMPERED
    finally:
        path.write_bytes(log.tail)


DIGEST_FIELDS = ["digestS3Object", "digestStartTime", "digestEndTime", "digestPublicKeyFingerprint", "previousDigestS3Object", "logFiles"]
EXTENT_FIELDS = ["stream", "number", "firstSeq", "lastSeq", "treeSize", "rootHash", "epoch", "deployment", "partition", "region"]
KEPT_FIELDS = ["lastHash", "peaks", "ended", "before"]
ENDED = {"stream": "s1", "lastSeq": 1, "lastHash": leaf_hash(b""), "newest": "2026-01-02T03:04:05Z"}


@searched(80, 400)
@example({}, {}, {"ended": [ENDED | {"lastSeq": "x"}]})
@example({}, {}, {"ended": [ENDED | {"newest": []}]})
@given(
    st.dictionaries(st.sampled_from(DIGEST_FIELDS), JSON, max_size=2),
    st.dictionaries(st.sampled_from(EXTENT_FIELDS), JSON, max_size=2),
    st.dictionaries(st.sampled_from(KEPT_FIELDS), JSON, max_size=2),
)
def test_a_digest_that_is_not_signed(log: Log, fields: dict[str, Any], extent: dict[str, Any], kept: dict[str, Any]) -> None:
    path = digests_in(log.directory)[0]
    whole = path.read_bytes()
    body, signature = whole.split(b"\n")[:2]
    document = json.loads(body)
    document["meridian"] |= extent
    document["retention"] |= kept
    path.write_bytes(json.dumps(document | fields).encode() + b"\n" + signature + b"\n")
    try:
        assert log.read() is Verdict.TAMPERED
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    "claim", [{"lastSeq": "x"}, {"lastSeq": -1}, {"lastSeq": True}, {"lastHash": "00"}, {"stream": []}, {"newest": "2098"}]
)
def test_what_retention_ended_is_of_its_types_or_the_file_is_no_digest(log: Log, claim: dict[str, Any]) -> None:
    path = log.directory.with_name("claim.digest")
    body, signature = digests_in(log.directory)[0].read_bytes().split(b"\n")[:2]
    document = json.loads(body)
    document["retention"]["ended"] = [ENDED | claim]
    path.write_bytes(json.dumps(document).encode() + b"\n" + signature + b"\n")
    with pytest.raises(ValueError, match="no digest"):
        read_digest(path)


@searched(40, 200)
@example(b"[" * 200_000)
@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_the_keys_beside_it(log: Log, data: bytes) -> None:
    path = log.directory / KEYS_FILE
    whole = path.read_bytes()
    path.write_bytes(data)
    try:
        assert log.read() is Verdict.TAMPERED
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("number", [1 << 40, -1, 1.5, "1"])
def test_a_key_of_no_number(log: Log, number: object) -> None:
    document = json.loads(log.keyholder.keys.to_json())
    document["keys"][0]["number"] = number
    with pytest.raises(AuditKeysError):
        AuditKeys.from_json(json.dumps(document).encode())
