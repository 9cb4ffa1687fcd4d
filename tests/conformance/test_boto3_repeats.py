"""A change that boto3 sends again under a client token, which its event adds as docs/clients.md says, is made once."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.aws import kms
from tests.deployment import HOME, Deployment

from meridian.contract.client_token import CLIENT_TOKEN


def with_token(deployment: Deployment, token: str, caller: str = "developer", event: str = "before-call.kms") -> Any:
    client = kms(deployment, HOME, caller)

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"][CLIENT_TOKEN] = token

    def add_unsigned(request: Any, **_: Any) -> None:
        request.headers[CLIENT_TOKEN] = token

    client.meta.events.register(event, add if event == "before-call.kms" else add_unsigned)
    return client


def test_a_repeat_gets_the_first_answer_over_both_wires(two_regions: Deployment) -> None:
    given = secrets.token_hex(32)
    client = with_token(two_regions, given)
    made = client.create_key(Description="d")["KeyMetadata"]
    assert client.create_key(Description="d")["KeyMetadata"] == made
    with two_regions.client(HOME, "developer") as developer:
        assert developer.create_key(description="d", client_token=given).key_metadata.key_id == made["KeyId"]


@pytest.mark.parametrize(
    ("given", "act"),
    [
        (secrets.token_hex(32), lambda client: client.create_key(Description="another")),
        ("", lambda client: client.create_key()),
        ("x" * 65, lambda client: client.create_key()),
    ],
    ids=["of another request", "empty", "too long"],
)
def test_a_token_of_another_request_or_form_is_refused_by_its_name(two_regions: Deployment, given: str, act: Callable[[Any], Any]) -> None:
    client = with_token(two_regions, given)
    if len(given) == 64:
        client.create_key()
    with pytest.raises(ClientError) as refused:
        act(client)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert CLIENT_TOKEN in refused.value.response["Error"]["Message"]


def test_a_token_outside_the_signature_is_refused(two_regions: Deployment) -> None:
    with pytest.raises(ClientError) as refused:
        with_token(two_regions, "t", event="before-send.kms").create_key()
    assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"
