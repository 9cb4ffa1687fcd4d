"""A caller who changes a key all the time, from many connections, keeps nobody else from changing it, and meets no internal error."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from tests.conformance.good_requests import Things
from tests.deployment import Deployment

from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.timeout(180)

TAGGERS = 24
CHANGES = [
    *("DisableKey", "EnableKey", "UpdateKeyDescription", "TagResource", "UntagResource", "CreateGrant", "CreateAlias", "UpdateAlias"),
    *("PutKeyPolicy", "EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "GetParametersForImport", "DeleteAlias"),
    *("RetireGrant", "ScheduleKeyDeletion", "CancelKeyDeletion"),
]
SECONDS = 6.0
"""Far below what a call may take that waits behind every change of the others; the machines of tests are slow."""


def test_a_flood_of_changes_of_one_key_holds_up_nobody(two_regions: Deployment, tmp_path: Path) -> None:
    things = Things(two_regions, tmp_path)
    key, ends = things.key("symmetric"), Event()
    answers: Counter[str] = Counter()

    def tag(number: int) -> None:
        with Client(two_regions.endpoint(things.region, "alice")) as alice:
            while not ends.is_set():
                try:
                    tag = t.Tag(tag_key=f"t{number}", tag_value=str(time.monotonic_ns()))
                    alice.tag_resource(key_id=key, tags=[tag], timeout=20)
                    answers["done"] += 1
                except KmsServiceError as error:
                    answers[error.code] += 1

    refused, longest = {}, 0.0
    with ThreadPoolExecutor(TAGGERS) as others:
        for number in range(TAGGERS):
            others.submit(tag, number)
        try:
            for name in CHANGES:
                fields = things.good(name, key)
                began = time.monotonic()
                try:
                    things.client.call(rpcs()[name], rpcs()[name].request_class(**fields), timeout=20)
                except KmsServiceError as error:
                    refused[name] = error.code
                longest = max(longest, time.monotonic() - began)
        finally:
            ends.set()
    assert refused == {"GetParametersForImport": "UnsupportedOperationException"}
    assert longest < SECONDS
    assert set(answers) <= {"done", "KMSInvalidStateException", "ThrottlingException"}, answers
    assert answers["done"] > TAGGERS
