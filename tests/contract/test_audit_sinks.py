"""What shipping of the audit log promises: everything, in order, from where it ended, and nothing goes before it was taken."""

from __future__ import annotations

import contextlib
import stat
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard
from tests.audit_logs import Keyholder, SteppingClock, nobody, open_file, record, records_in
from tests.contract.test_audit_retention import AtOnce, answer
from tests.network import Relay
from tests.receivers import BUCKET, CREDENTIALS, Collector, Store, collector, silent, store

from meridian.adapters.audit_file import AuditFile, SegmentRules
from meridian.adapters.audit_otlp import OtlpLogs
from meridian.adapters.audit_reader import WrittenLog
from meridian.adapters.audit_retention import Holds, KeepRules
from meridian.adapters.audit_s3 import S3Bucket, S3Place
from meridian.adapters.audit_ship_files import FileShipper
from meridian.adapters.audit_ship_records import RecordShipper
from meridian.adapters.clock_system import SystemClock
from meridian.adapters.otlp_connection import OtlpCollector
from meridian.audit.segments import lines_of, segments_in
from meridian.audit.stream_files import digests_in
from meridian.audit.verify import Expected, verify_directory
from meridian.ports.audit_sinks import AuditSink, SinkFaultError

RULES = SegmentRules(bytes=5000, seconds=60.0, reserve_bytes=0)
DAY = 86400.0
PREFIX = "logs/us-east-1/r/"


@pytest.fixture
def receiver() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture(scope="module")
def shared_store() -> Iterator[Store]:
    with store() as made:
        yield made


@pytest.fixture
def bucket(shared_store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    pages = shared_store.client.get_paginator("list_object_versions").paginate(Bucket=BUCKET)
    for each in [each for page in pages for each in page.get("Versions", [])]:
        shared_store.client.delete_object(Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])
    return shared_store


def log_of(file: AuditFile) -> WrittenLog:
    return WrittenLog(file.directory.path, file.durable_end)


def otlp(file: AuditFile, url: str, timeout_seconds: float = 5.0) -> RecordShipper:
    target = OtlpCollector(url.removeprefix("http://"), True, None, (("authorization", "Bearer t"),), timeout_seconds)
    return RecordShipper("otlp", log_of(file), OtlpLogs(target, {"service.name": "meridian"}, SystemClock()))


def s3(file: AuditFile, url: str, timeout_seconds: float = 5.0) -> FileShipper:
    return FileShipper("s3", log_of(file), S3Bucket(S3Place(BUCKET, PREFIX, url, "us-east-1", timeout_seconds)))


def begin(directory: Path, name: str, keyholder: Keyholder, clock: SteppingClock, rules: KeepRules, holds: Holds) -> AuditFile:
    file = open_file(directory, name, keyholder=keyholder, rules=RULES, clock=clock)
    file.hand_closed_to(AtOnce(), rules, holds)
    return file


def write(file: AuditFile, clock: SteppingClock, segments: int, first: int = 0) -> None:
    """So many segments, of which each but the last is closed, and two records in each."""
    for number in range(segments):
        file.write([record(first + 2 * number, padding="x" * 300), record(first + 2 * number + 1)])
        clock.seconds += 61
        answer(file, clock)
        file.tick(0)


def ship_all(sink: AuditSink) -> None:
    while sink.ship():
        pass


def lines_in(directory: Path) -> list[bytes]:
    return [line.rstrip(b"\n") for path in segments_in(directory, "*") for line in lines_of(path)]


def test_every_record_comes_once_and_in_order_over_segments_and_streams(tmp_path: Path, receiver: Collector) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    for name in ("s1", "s2", "s3"):
        file = begin(tmp_path, name, keyholder, clock, KeepRules(0, 0), nobody)
        sink = otlp(file, receiver.url)
        write(file, clock, 3)
        if name != "s2":
            ship_all(sink)
        write(file, clock, 2)
        if name == "s2":
            file.directory.close()  # killed, and nothing of it shipped
        else:
            file.close()
            ship_all(sink)
        sink.close()
    assert receiver.lines == lines_in(tmp_path)
    assert sink.segments_behind() == 0
    assert receiver.resources[0] == {"service.name": "meridian"}
    assert receiver.headers[0]["authorization"] == "Bearer t"
    last = receiver.records[-1]
    inner = records_in(tmp_path)[-1]["meridian"]
    assert last.event_name == "StreamClose"
    assert {a.key: a.value.string_value or a.value.int_value for a in last.attributes} == {
        "meridian.stream": "s3",
        "meridian.seq": inner["seq"],
    }
    assert last.time_unix_nano == int(clock.now().timestamp()) * 1_000_000_000


@pytest.mark.parametrize("back", [61.0, 10 * DAY])
def test_the_order_is_that_of_writing_where_the_clock_goes_back(tmp_path: Path, receiver: Collector, bucket: Store, back: float) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    clock.seconds = 20 * DAY
    for number in range(4):
        file = begin(tmp_path, f"s{number}", keyholder, clock, KeepRules(0, 0), nobody)
        sinks: list[AuditSink] = [otlp(file, receiver.url), s3(file, bucket.url)]
        write(file, clock, 2, first=10 * number)
        if number != 1:
            for each in sinks:
                ship_all(each)
        file.directory.close()
        clock.seconds -= back
    assert receiver.lines == sorted(lines_in(tmp_path), key=receiver.lines.index)
    wanted = [f"{10 * stream + n}" for stream in range(4) for n in range(4)]
    assert [each for each in receiver.requests() if each] == wanted
    assert len(bucket.versions()) == len(set(bucket.names()))


def test_what_was_taken_but_not_noted_comes_again_and_nothing_is_left_out(tmp_path: Path, receiver: Collector, bucket: Store) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    file = begin(tmp_path, "s1", keyholder, clock, KeepRules(0, 0), nobody)
    sinks: list[AuditSink] = [otlp(file, receiver.url), s3(file, bucket.url)]
    write(file, clock, 3)
    for each in sinks:
        before = (tmp_path / f".{each.name}.position").read_bytes() if (tmp_path / f".{each.name}.position").exists() else None
        ship_all(each)
        if before is None:
            (tmp_path / f".{each.name}.position").unlink()
        else:
            (tmp_path / f".{each.name}.position").write_bytes(before)
    file.directory.close()
    file = begin(tmp_path, "s2", keyholder, clock, KeepRules(0, 0), nobody)
    sinks = [otlp(file, receiver.url), s3(file, bucket.url)]
    file.close()
    for each in sinks:
        ship_all(each)
    lines = lines_in(tmp_path)
    assert set(receiver.lines) == set(lines)
    assert receiver.lines[-len(lines) :] == lines
    copy = bucket.copy_to(tmp_path / "copy", tmp_path)
    assert lines_in(copy) == lines
    assert len(bucket.versions()) > len(set(bucket.names())), "again under the same names"


def test_a_bucket_is_verified_like_the_directory_also_where_a_process_was_killed(tmp_path: Path, bucket: Store) -> None:
    keyholder, clock, directory = Keyholder(), SteppingClock(), tmp_path / "audit"
    for name in ("s1", "s2", "s3"):
        file = begin(directory, name, keyholder, clock, KeepRules(0, 0), nobody)
        sink = s3(file, bucket.url)
        write(file, clock, 3)
        file.write([record(1)])  # a killed process signs no digest of this
        if name == "s3":
            file.close()
        else:
            file.directory.close()
        ship_all(sink)
    copy = bucket.copy_to(tmp_path / "copy", directory)
    assert lines_in(copy) == lines_in(directory)
    assert {path.name for path in digests_in(copy)} == {path.name for path in digests_in(directory)}
    report = verify_directory(copy, Expected(keyholder.keys))
    assert report.findings == []
    assert report.verdict is verify_directory(directory, Expected(keyholder.keys)).verdict
    assert all(key.startswith(PREFIX) for key in bucket.names())


def test_each_object_is_put_with_its_checksum(tmp_path: Path, bucket: Store) -> None:
    file = open_file(tmp_path)
    receiver = S3Bucket(S3Place(BUCKET, PREFIX, bucket.url, "us-east-1", 5.0))
    sent: list[str] = []
    receiver._client.meta.events.register(
        "before-send.s3.PutObject", lambda request, **_: sent.append(request.headers["x-amz-checksum-sha256"].decode())
    )
    ship_all(FileShipper("s3", log_of(file), receiver))
    (digest,) = digests_in(tmp_path)
    assert sent == [b64encode(sha256(digest.read_bytes()).digest()).decode()]
    file.close()


def test_a_segment_comes_before_the_digest_that_signs_it_and_not_before_it_is_signed(tmp_path: Path, bucket: Store) -> None:
    clock = SteppingClock()
    file = begin(tmp_path, "s1", Keyholder(), clock, KeepRules(0, 0), nobody)
    sink = s3(file, bucket.url)
    put: list[str] = []
    receiver = sink._receiver
    original = receiver.put
    receiver.put = lambda name, *rest: (put.append(name), original(name, *rest))[1]  # type: ignore[method-assign]  # noted on the way to the real one
    file.write([record(1)])
    ship_all(sink)
    assert [name.rsplit("-", 1)[1] for name in put] == ["00000000.digest"]
    clock.seconds += 61
    file.tick(0)
    ship_all(sink)
    assert [name.rsplit("-", 1)[1] for name in put[1:]] == ["00000001.jsonl.zst", "00000001.digest"]
    file.close()


def test_a_plain_segment_of_an_ended_stream_is_compressed_on_the_way(tmp_path: Path, bucket: Store) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    open_file(tmp_path, "s1", keyholder=keyholder, clock=clock).close()
    file = begin(tmp_path, "s2", keyholder, clock, KeepRules(0, 0), nobody)
    ship_all(s3(file, bucket.url))
    (plain,) = (path for path in segments_in(tmp_path, "*") if "-s1-" in path.name)
    body = bucket.client.get_object(Bucket=BUCKET, Key=f"{PREFIX}{plain.name}.zst")["Body"].read()
    assert zstandard.ZstdDecompressor().decompressobj().decompress(body) == plain.read_bytes()
    file.close()


# ---- sinks that do not take what they are given


@pytest.mark.parametrize(
    ("rejects", "fails", "told"), [(1, 0, "1 of 1 records were rejected: too long"), (0, 1, "RESOURCE_EXHAUSTED: too much")]
)
def test_what_a_collector_refuses_is_not_shipped(tmp_path: Path, receiver: Collector, rejects: int, fails: int, told: str) -> None:
    file = open_file(tmp_path)
    sink = otlp(file, receiver.url)
    receiver.rejects, receiver.fails = rejects, fails
    with pytest.raises(SinkFaultError, match=told):
        sink.ship()
    assert sink.segments_behind() == 1
    ship_all(sink)
    assert receiver.lines == lines_in(tmp_path)
    file.close()


def test_a_bucket_that_is_not_there_is_named_without_a_secret(tmp_path: Path, bucket: Store) -> None:
    file = open_file(tmp_path)
    place = S3Place("no-such-bucket", PREFIX, bucket.url, "us-east-1", 5.0)
    sink = FileShipper("s3", log_of(file), S3Bucket(place))
    with pytest.raises(SinkFaultError) as refused:
        sink.ship()
    assert str(refused.value) == "PutObject: NoSuchBucket (404)"
    file.close()


@pytest.mark.parametrize("name", ["otlp", "s3"])
def test_one_that_never_answers_ends_at_its_time_out(tmp_path: Path, name: str, bucket: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    file = open_file(tmp_path)
    with silent() as listener:
        sink: AuditSink = otlp(file, listener.url, 0.3) if name == "otlp" else s3(file, listener.url, 0.3)
        began = SystemClock().monotonic()
        with pytest.raises(SinkFaultError, match=r"DEADLINE_EXCEEDED|ReadTimeoutError"):
            sink.ship()
        assert SystemClock().monotonic() - began < 20
    file.close()


@pytest.mark.parametrize("name", ["otlp", "s3"])
def test_a_connection_that_lost_its_way_is_left_within_two_tries(tmp_path: Path, receiver: Collector, bucket: Store, name: str) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    relay = Relay(int((receiver.url if name == "otlp" else bucket.url).rsplit(":", 1)[1]))
    try:
        file = begin(tmp_path, "s1", keyholder, clock, KeepRules(0, 0), nobody)
        url = f"http://127.0.0.1:{relay.port}"
        sink: AuditSink = otlp(file, url, 1.0) if name == "otlp" else s3(file, url, 1.0)
        write(file, clock, 2)
        ship_all(sink)
        relay.strand()
        write(file, clock, 2, first=10)
        with contextlib.suppress(SinkFaultError):
            ship_all(sink)
        ship_all(sink)
        assert sink.segments_behind() == 0
        sink.close()
        file.close()
    finally:
        relay.close()


# ---- positions


@pytest.mark.parametrize("name", ["otlp", "s3"])
def test_the_position_is_for_its_owner_alone_and_one_that_cannot_be_read_begins_at_the_oldest(
    tmp_path: Path, receiver: Collector, bucket: Store, name: str
) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    made: Callable[[AuditFile], AuditSink] = (lambda f: otlp(f, receiver.url)) if name == "otlp" else (lambda f: s3(f, bucket.url))
    first = begin(tmp_path, "s1", keyholder, clock, KeepRules(0, 0), nobody)
    write(first, clock, 2)
    ship_all(made(first))
    position = tmp_path / f".{name}.position"
    assert stat.S_IMODE(position.stat().st_mode) == 0o600
    first.close()
    position.write_bytes(b'{"segment": 7')
    receiver.lines.clear()
    second = begin(tmp_path, "s2", keyholder, clock, KeepRules(0, 0), nobody)
    sink = made(second)
    assert sink.holds(segments_in(tmp_path, "*")[0].name.removesuffix(".zst"))
    second.close()
    ship_all(sink)
    if name == "otlp":
        assert receiver.lines == lines_in(tmp_path)
    else:
        assert len(bucket.versions()) > len(set(bucket.names()))


def test_a_collector_that_is_new_gets_the_running_stream_and_a_bucket_all_there_is(
    tmp_path: Path, receiver: Collector, bucket: Store
) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    first = begin(tmp_path, "s1", keyholder, clock, KeepRules(0, 0), nobody)
    write(first, clock, 2)
    first.close()
    second = begin(tmp_path, "s2", keyholder, clock, KeepRules(0, 0), nobody)
    sinks: list[AuditSink] = [otlp(second, receiver.url), s3(second, bucket.url)]
    second.close()
    for each in sinks:
        ship_all(each)
    assert {record["meridian"]["stream"] for record in records_in(bucket.copy_to(tmp_path / "copy", tmp_path))} == {"s1", "s2"}
    assert receiver.lines == [line for line in lines_in(tmp_path) if b'"stream":"s2"' in line]


# ---- retention


@pytest.mark.parametrize("name", ["otlp", "s3"])
def test_nothing_goes_that_a_sink_does_not_have(tmp_path: Path, receiver: Collector, bucket: Store, name: str) -> None:
    keyholder, clock, rules, directory = Keyholder(), SteppingClock(), KeepRules(0, 1), tmp_path / "audit"
    first = begin(directory, "s1", keyholder, clock, KeepRules(0, 0), nobody)
    sink: AuditSink = otlp(first, receiver.url) if name == "otlp" else s3(first, bucket.url)
    write(first, clock, 3)
    first.directory.close()
    file = open_file(directory, "s2", keyholder=keyholder, rules=RULES, clock=clock)
    sink = otlp(file, receiver.url) if name == "otlp" else s3(file, bucket.url)
    file.hand_closed_to(AtOnce(), rules, sink.holds)
    write(file, clock, 5, first=100)
    behind = len(segments_in(directory, "*"))
    assert sink.segments_behind() in (behind, behind - 1), "the last one is closed, and another may follow"
    assert {path.name.split("-")[1] for path in segments_in(directory, "*")} == {"s1", "s2"}
    written = lines_in(directory)
    ship_all(sink)
    write(file, clock, 2, first=200)
    left = segments_in(directory, "*")
    assert {path.name.split("-")[1] for path in left} == {"s2"}
    assert len(left) < behind - 2
    file.close()
    ship_all(sink)
    if name == "otlp":
        assert receiver.lines[: len(written)] == written
    else:
        copy = bucket.copy_to(tmp_path / "copy", directory)
        assert lines_in(copy)[: len(written)] == written
        assert verify_directory(copy, Expected(keyholder.keys)).findings == []
    assert [f.text for f in verify_directory(directory, Expected(keyholder.keys)).findings] == []
