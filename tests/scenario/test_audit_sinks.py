"""Real Regions that ship their audit log: everything arrives, also over deaths; a sink that hangs delays nobody."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment
from tests.receivers import BUCKET, CREDENTIALS, Collector, Silent, Store, collector, silent, store

from meridian.audit.keys import KEYS_FILE, AuditKeys
from meridian.audit.segments import lines_of, segments_in
from meridian.audit.verify import Expected, verify_directory
from meridian.fault_points import VARIABLE, FaultPoint

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]
STOP_SECONDS = 15.0


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One Region, prepared and not started."""
    deployment = Deployment(tmp_path_factory.mktemp("sinks"), [HOME]).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


@pytest.fixture
def receiver() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture
def bucket() -> Iterator[Store]:
    with store() as made:
        yield made


@pytest.fixture
def listener() -> Iterator[Silent]:
    with silent() as made:
        yield made


def audit_of(deployment: Deployment) -> Path:
    return deployment.place(HOME).folder / "audit"


def ship(deployment: Deployment, otlp: str, s3: str, *lines: str) -> None:
    """Sinks at these addresses; empty for none."""
    settings = deployment.place(HOME).settings
    tables = [f'otlp.endpoint = "{otlp}"', "otlp.timeout_seconds = 1"] if otlp else []
    if s3:
        tables += [f's3.endpoint = "{s3}"', f's3.bucket = "{BUCKET}"', 's3.storage_region = "us-east-1"', 's3.prefix = "kept/"']
        tables += ["s3.timeout_seconds = 1"]
    added = "".join(f"{line}\n" for line in ("segment_seconds = 1.0", *tables, *lines))
    settings.write_text(settings.read_text().replace("[audit]\n", f"[audit]\n{added}"))


def lines_in(directory: Path) -> list[bytes]:
    return [line.rstrip(b"\n") for path in segments_in(directory, "*") for line in lines_of(path)]


def require_all(deployment: Deployment, receiver: Collector, bucket: Store, copy: Path) -> None:
    """The Region has stopped: both have everything, in order, and the bucket's copy is evidence."""
    lines = lines_in(audit_of(deployment))
    assert list(dict.fromkeys(receiver.lines)) == lines
    bucket.copy_to(copy, audit_of(deployment))
    assert lines_in(copy) == lines
    keys = AuditKeys.from_json((copy / KEYS_FILE).read_bytes())
    assert verify_directory(copy, Expected(keys)).findings == []
    assert all(name.startswith(f"kept/{HOME}/replica-1/") for name in bucket.names())


def has_been_told(receiver: Collector, arn: str) -> bool:
    return any(arn.encode() in line for line in receiver.lines)


def test_both_sinks_have_everything_after_a_stop(alone: Deployment, receiver: Collector, bucket: Store, tmp_path: Path) -> None:
    ship(alone, receiver.url, bucket.url)
    for _ in range(2):
        alone.start(environment=CREDENTIALS)
        with alone.client() as alice:
            arn = str(alice.create_key().key_metadata.arn)
            alone.wait_until(partial(has_been_told, receiver, arn))
            alone.wait_until(lambda: alice.list_keys(limit=1) and len([n for n in bucket.names() if n.endswith(".zst")]) >= 2)
        told = alone.metrics(HOME)
        assert told['meridian_audit_sink_failures_total{sink="otlp"}'] == 0
        assert told['meridian_audit_sink_behind_seconds{sink="s3"}'] < 30
        assert alone.stop(HOME) == 0
    assert len(receiver.lines) == len(set(receiver.lines)), "once each, where nothing died"
    require_all(alone, receiver, bucket, tmp_path / "copy")
    log = (alone.place(HOME).folder / "log").read_text()
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in log


@pytest.mark.parametrize("sink", ["otlp", "s3"])
def test_a_region_that_dies_after_shipping_and_before_noting_ships_again(
    alone: Deployment, receiver: Collector, bucket: Store, sink: str, tmp_path: Path
) -> None:
    settings = alone.place(HOME).settings
    without = settings.read_text()
    ship(alone, receiver.url if sink == "otlp" else "", bucket.url if sink == "s3" else "")
    for _ in range(2):
        with contextlib.suppress(AssertionError):  # it may die before it says that it is ready
            alone.start(environment={**CREDENTIALS, VARIABLE: FaultPoint.AUDIT_SHIPPED})
        assert alone.wait_dead(HOME) == -signal.SIGKILL
    settings.write_text(without)
    ship(alone, receiver.url, bucket.url)
    alone.start(environment=CREDENTIALS)
    with alone.client() as alice:
        alice.create_key()
    assert alone.stop(HOME) == 0
    taken = receiver.lines if sink == "otlp" else bucket.versions()
    assert len(taken) > len(set(taken)), "something came twice"
    lines = lines_in(audit_of(alone))
    if sink == "otlp":
        assert list(dict.fromkeys(receiver.lines)) == lines
    else:
        assert lines_in(bucket.copy_to(tmp_path / "copy", audit_of(alone))) == lines


def test_a_sink_that_never_answers_delays_nobody_and_is_told(alone: Deployment, receiver: Collector, listener: Silent) -> None:
    ship(alone, receiver.url, listener.url, "keep_bytes = 1")
    alone.start(environment=CREDENTIALS)
    with alone.client() as alice, alone.client(HOME, "app") as app:
        key_id = str(alice.create_key().key_metadata.key_id)
        alone.wait_until(lambda: listener.accepted)
        until, calls = time.monotonic() + 8, 0
        while time.monotonic() < until:
            app.encrypt(key_id=key_id, plaintext=b"x")
            calls += 1
        assert calls > 50, "no call waits for a sink"
        alone.wait_until(lambda: [r for r in alone.audit(HOME) if r["eventName"] == "AuditLogFault"])
        first = alone.metrics(HOME)
        time.sleep(2)
        app.encrypt(key_id=key_id, plaintext=b"x")
        second = alone.metrics(HOME)
    behind = [told['meridian_audit_sink_behind_seconds{sink="s3"}'] for told in (first, second)]
    assert 5 < behind[0] < behind[1] - 1
    assert second['meridian_audit_sink_segments_behind{sink="s3"}'] > 2
    assert second['meridian_audit_sink_failures_total{sink="s3"}'] > 0
    assert second['meridian_audit_sink_behind_seconds{sink="otlp"}'] < 5, "the other sink goes on"
    assert len(segments_in(audit_of(alone), "*")) > 2, "retention would leave one, and leaves what is not shipped"
    (told,) = [r for r in alone.audit(HOME) if r["eventName"] == "AuditLogFault"]
    assert told["serviceEventDetails"]["subject"] == "s3"
    began = time.monotonic()
    assert alone.stop(HOME) == 0
    assert time.monotonic() - began < STOP_SECONDS
    assert receiver.lines == lines_in(audit_of(alone))
