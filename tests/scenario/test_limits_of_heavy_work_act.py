"""The limits of work beside the event loop, each in two positions: Regions that differ in one of them, under the same calls."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.deployment import Deployment

from meridian.adapters.separate_process import LOWEST_PRIORITY
from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

AT_ONCE = 8
SECONDS = 28.0
THROTTLED = "ThrottlingException"
PATIENT, MANY, FULL, HASTY = "us-east-1", "eu-west-1", "ap-south-1", "ca-central-1"
SETTINGS = {
    PATIENT: "limits.heavy_workers = 1\nlimits.heavy_wait_seconds = 30.0\nlimits.loop_lag_look_seconds = 3600.0\n",
    MANY: "limits.heavy_workers = 16\nlimits.heavy_queue = 2\nlimits.heavy_processes = 2\n",
    FULL: "limits.heavy_workers = 1\nlimits.heavy_queue = 2\nlimits.heavy_answer_seconds = 0.0\n",
    HASTY: "limits.heavy_workers = 1\nlimits.heavy_wait_seconds = 0.01\n",
}
ARN = "arn:aws:iam::111122223333"
STATEMENTS = [
    {"Effect": "Allow", "Principal": {"AWS": f"{ARN}:root"}, "Action": "kms:*", "Resource": "*"},
    {"Effect": "Deny", "Principal": {"AWS": f"{ARN}:user/alice"}, "Action": "kms:Sign", "Resource": "*"},
]
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": STATEMENTS})


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("heavy"), list(SETTINGS)).prepare()
    for region, added in SETTINGS.items():
        settings = deployment.place(region).settings
        settings.write_text(added + settings.read_text())
    with deployment.serving():
        yield deployment


def outcomes(regions: Deployment, region: str, call: Callable[[Client], Any]) -> set[str]:
    """What some callers are answered who call at once; empty for success."""

    def one(_: int) -> str:
        with regions.client(region, "developer") as client:
            try:
                call(client)
            except KmsServiceError as fault:
                return fault.code
            return ""

    with ThreadPoolExecutor(AT_ONCE) as callers:
        return set(callers.map(one, range(AT_ONCE)))


def make_rsa_key(client: Client) -> None:
    client.create_key(key_spec=t.KEY_SPEC_RSA_3072, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY, timeout=SECONDS)


def make_key_with_document(client: Client) -> None:
    client.create_key(policy=DOCUMENT, timeout=SECONDS)


@pytest.mark.timeout(200)
def test_one_thread_serves_all_where_there_is_room_and_time_to_wait(regions: Deployment) -> None:
    assert outcomes(regions, PATIENT, make_rsa_key) == {""}


@pytest.mark.timeout(200)
def test_a_short_queue_refuses_but_where_there_is_a_thread_for_each(regions: Deployment) -> None:
    assert THROTTLED in outcomes(regions, FULL, make_rsa_key)
    assert outcomes(regions, MANY, make_rsa_key) == {""}


@pytest.mark.timeout(200)
def test_whose_turn_does_not_come_in_time_is_refused(regions: Deployment) -> None:
    assert THROTTLED in outcomes(regions, HASTY, make_rsa_key)


@pytest.mark.timeout(200)
def test_there_are_as_many_processes_as_the_setting_says_and_no_more(regions: Deployment) -> None:
    def two_are_there() -> bool:
        assert outcomes(regions, MANY, make_key_with_document) <= {"", THROTTLED}
        return children(regions, MANY) == 2

    regions.wait_until(two_are_there, SECONDS)
    assert outcomes(regions, PATIENT, make_key_with_document) <= {"", THROTTLED}
    assert children(regions, PATIENT) == 1


def children(regions: Deployment, region: str) -> int:
    """Those that callers wait for; keys that are made ahead have a process at the lowest priority."""
    tasks = Path(f"/proc/{regions.processes[region].pid}/task")
    pids = [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]
    return sum(os.getpriority(os.PRIO_PROCESS, pid) < LOWEST_PRIORITY for pid in pids)


@pytest.mark.timeout(200)
def test_a_process_that_may_take_no_time_is_ended_and_its_call_refused(regions: Deployment) -> None:
    assert outcomes(regions, FULL, make_key_with_document) <= {"KMSInternalException", THROTTLED}
    assert "" in outcomes(regions, PATIENT, make_key_with_document)


def test_the_event_loop_is_asked_as_often_as_the_setting_says(regions: Deployment) -> None:
    regions.wait_until(lambda: regions.metrics(HASTY)["meridian_loop_lag_seconds"] > 0)
    assert regions.metrics(PATIENT)["meridian_loop_lag_seconds"] == 0, "it is asked once an hour there"
