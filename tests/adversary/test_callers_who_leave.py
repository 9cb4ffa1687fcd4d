"""Callers who leave in the middle of their changes: each call has one record, and each change that stands has one that says so."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest
from tests.deployment import HOME, Deployment

from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.timeout(180)

CALLS = 150
STEP_SECONDS = 0.0005


def test_each_call_has_one_record_and_it_is_true(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    with own_regions.client(HOME, "developer") as developer:
        key = developer.create_key().key_metadata.arn
        for number in range(CALLS):
            with contextlib.suppress(KmsServiceError):
                tag = t.Tag(tag_key=f"t{number % 40}", tag_value=str(number))
                developer.tag_resource(key_id=key, tags=[tag], timeout=0.004 + STEP_SECONDS * number)
    own_regions.stop(HOME)  # what the last callers left has ended then, one way or the other
    own_regions.start(HOME)
    with own_regions.client(HOME, "developer") as developer:
        tags = {tag.tag_key: tag.tag_value for tag in developer.list_resource_tags(key_id=key, limit=50).tags}
    own_regions.stop(HOME)
    records = [r for r in own_regions.audit(HOME) if r.get("eventName") == "TagResource"]
    of_call = Counter(record["requestID"] for record in records)
    assert [(r.get("errorCode"), r["meridian"]) for r in records if of_call[r["requestID"]] > 1] == []
    told = {}
    for record in records:
        if "errorCode" not in record:
            (tag,) = record["requestParameters"]["tags"]
            told[tag["tagKey"]] = tag["tagValue"]
    assert told == tags
