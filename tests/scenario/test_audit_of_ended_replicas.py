"""A replica that ends for good before its sinks have everything: another one ships the rest from the folder that it left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment
from tests.ports import free_port
from tests.receivers import CREDENTIALS, Collector, Store, collector, store
from tests.scenario.test_audit_sinks import lines_in, ship

from meridian.adapters.audit_ended_replicas import QUIET_SECONDS_MIN
from meridian.cli.region_place import HOST

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]
ENDED, NEXT = "pod-7f9c-a", "pod-7f9c-b"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path / "replicas-of-a-region", [HOME]).prepare()
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


def as_replica(deployment: Deployment, settings: str, name: str, folder: Path, otlp: str, s3: str) -> Path:
    """The next process has this name, and its log in a folder of its own; the answer is that folder."""
    log = folder / name / "log"
    lines = "".join(f"{each}\n" for each in settings.splitlines() if not each.startswith(("replica", "directory")))
    deployment.place(HOME).settings.write_text(f'replica = "{name}"\n{lines}'.replace("[audit]\n", f'[audit]\ndirectory = "{log}"\n'))
    ship(deployment, otlp, s3, f'replicas = "{folder}"')
    return log


def test_what_an_ended_replica_left_is_shipped_by_another(alone: Deployment, receiver: Collector, bucket: Store, tmp_path: Path) -> None:
    settings, folder = alone.place(HOME).settings.read_text(), tmp_path / "claim"
    nowhere = f"http://{HOST}:{free_port()}"
    left = as_replica(alone, settings, ENDED, folder, nowhere, nowhere)
    alone.start(environment=CREDENTIALS)
    with alone.client() as alice:
        arn = str(alice.create_key().key_metadata.arn)
    assert alone.stop(HOME, signal.SIGKILL) == -signal.SIGKILL
    assert any(arn.encode() in line for line in lines_in(left))
    assert (receiver.lines, bucket.names()) == ([], [])

    as_replica(alone, settings, NEXT, folder, receiver.url, bucket.url)
    alone.start(environment=CREDENTIALS)
    time.sleep(3)
    prefix = f"kept/{HOME}/{ENDED}/"
    assert not [name for name in bucket.names() if name.startswith(prefix)], "it may come back: nothing was quiet for long enough"
    assert alone.stop(HOME) == 0
    long_ago = time.time() - QUIET_SECONDS_MIN - 1
    for path in left.iterdir():
        os.utime(path, (long_ago, long_ago))
    alone.start(environment=CREDENTIALS)
    lines = lines_in(left)
    alone.wait_until(lambda: set(lines) <= set(receiver.lines), seconds=90)
    assert [line for line in receiver.lines if line in set(lines)] == lines, "each once, in the order of the log"
    assert {each["service.instance.id"] for each in receiver.resources} == {ENDED, NEXT}
    alone.wait_until(lambda: any(name.startswith(prefix) for name in bucket.names()), seconds=90)
    alone.wait_until(lambda: alone.metrics(HOME)['meridian_audit_sink_segments_behind{sink="s3 of ended replicas"}'] == 0)
    copy = bucket.copy_to(tmp_path / "copy", left)
    assert set(lines) <= set(lines_in(copy))
    assert alone.metrics(HOME)['meridian_audit_sink_failures_total{sink="otlp of ended replicas"}'] == 0
