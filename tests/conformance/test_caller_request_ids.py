"""The id that a caller gives to his own request is in its record, over both wires, and says nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.aws import kms
from tests.deployment import HOME, Deployment

from meridian.client import errors
from meridian.contract.caller_request_id import CALLER_REQUEST_ID, WRONG_FORM


def named_records(deployment: Deployment, given: str) -> list[dict[str, Any]]:
    return [r for r in deployment.audit(HOME) if (r.get("additionalEventData") or {}).get("callerRequestId") == given]


def with_id(deployment: Deployment, given: str, event: str = "before-call.kms") -> Any:
    client = kms(deployment, HOME)

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"][CALLER_REQUEST_ID] = given

    def add_unsigned(request: Any, **_: Any) -> None:
        request.headers[CALLER_REQUEST_ID] = given

    client.meta.events.register(event, add if event == "before-call.kms" else add_unsigned)
    return client


def test_it_is_in_the_record_of_an_answer_and_of_a_refusal(two_regions: Deployment) -> None:
    with two_regions.client() as alice:
        alice.list_keys(caller_request_id="over-grpc")
        with pytest.raises(errors.NotFoundException):
            alice.describe_key(key_id="1234abcd-12ab-34cd-56ef-1234567890ab", caller_request_id="over-grpc")
    with_id(two_regions, "over-http").list_keys()
    assert [record["eventName"] for record in named_records(two_regions, "over-grpc")] == ["ListKeys", "DescribeKey"]
    assert [record["eventName"] for record in named_records(two_regions, "over-http")] == ["ListKeys"]


@pytest.mark.parametrize("given", ["with a space", "x" * 129])
def test_one_of_another_form_is_refused_by_its_name_and_not_recorded(two_regions: Deployment, given: str) -> None:
    with two_regions.client() as alice, pytest.raises(errors.ValidationException) as refused:
        alice.list_keys(caller_request_id=given)
    assert refused.value.fields == ((CALLER_REQUEST_ID, WRONG_FORM),)
    with pytest.raises(ClientError, match=CALLER_REQUEST_ID):
        with_id(two_regions, given).list_keys()
    assert named_records(two_regions, given) == []


def test_one_outside_the_signature_is_refused(two_regions: Deployment) -> None:
    with pytest.raises(ClientError, match="Signature"):
        with_id(two_regions, "added-on-the-way", event="before-send.kms").list_keys()
    assert named_records(two_regions, "added-on-the-way") == []
