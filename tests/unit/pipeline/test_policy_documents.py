"""A document of AWS becomes Cedar on its way; Cedar, and what is read elsewhere, stays as it is."""

from __future__ import annotations

import json
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.domain.made_keys import ACCOUNT, ARN, HOME, KEY_ID, MULTI_KEY_ID, OTHER_ACCOUNT, key_of
from tests.unit.pipeline.steps import AtOnce, call_of, done
from tests.unit.pipeline.test_peer_calls import PREPARE

from meridian.authorization.language.evaluator import format_policies
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.call import Call
from meridian.domain.home import Home
from meridian.domain.limits import Limits
from meridian.errors import KmsError, LimitExceededException, MalformedPolicyDocumentException
from meridian.pipeline.convert_policy import CEDAR_ELSEWHERE, ReadPolicyDocument
from meridian.ports.heavy_work import Beside

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
CEDAR = '@id("a") @reason("r") permit (principal, action, resource);'


@cache
def model() -> SchemaModel:
    return SchemaModel(schema_text())


def document(resource: str = "*", action: str = "kms:*") -> str:
    statement = {"Effect": "Allow", "Principal": ROOT, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def read(heavy: Any = None, bytes_max: int = 32_768) -> ReadPolicyDocument:
    held: Any = SimpleNamespace(laid_out=format_policies)
    return ReadPolicyDocument(
        frozenset({"PutKeyPolicy", "CreateKey", "ReplicateKey"}), home=Home("aws", HOME), model=model(), services={},
        limits=Limits(key_policy_bytes=bytes_max), beside=Beside(heavy or AtOnce(), held),
    )  # fmt: skip


def put(**fields: Any) -> Call:
    call = call_of("PutKeyPolicy", key_id=KEY_ID, **fields)
    call.keys = {"key_id": key_of()}
    return call


def refused(call: Call, step: ReadPolicyDocument | None = None) -> KmsError:
    with pytest.raises(KmsError) as caught:
        done(step or read(), call)
    return caught.value


def request_of(call: Call) -> Any:
    return call.request


def test_a_document_becomes_cedar_and_is_kept_as_it_was_sent() -> None:
    heavy, call, text = AtOnce(), put(policy=f" {document()}"), f" {document()}"
    assert done(read(heavy), call)
    assert call.policy_document == text
    assert (request_of(call).policy.lstrip().startswith("{"), request_of(call).account_delegation) == (False, True)
    assert heavy.accounts == [ACCOUNT]
    closed = put(policy=document(action="kms:Encrypt"))
    done(read(), closed)
    assert request_of(closed).account_delegation is False
    assert "Encrypt" in request_of(closed).policy


def test_cedar_and_calls_without_a_policy_pass_unread() -> None:
    for call in (put(policy=CEDAR), put(), call_of("DescribeKey", key_id=KEY_ID)):
        before = call.request.SerializeToString()
        assert not done(read(), call)
        assert (call.request.SerializeToString(), call.policy_document) == (before, "")


def test_over_the_wire_of_aws_a_policy_is_a_document() -> None:
    call = put(policy=CEDAR)
    call.evidence.signed_request = object()
    fault = refused(call)
    assert (type(fault), fault.message) == (MalformedPolicyDocumentException, CEDAR_ELSEWHERE)
    written = put(policy=document())
    written.evidence.signed_request = object()
    assert done(read(), written)


def test_what_another_region_reads_is_left_to_it() -> None:
    heavy, held = cast(Any, AtOnce()), cast(Any, SimpleNamespace(laid_out=format_policies))
    step = ReadPolicyDocument(
        frozenset({"CreateKey"}), home=Home("aws", HOME), model=model(), services={}, limits=Limits(), beside=Beside(heavy, held)
    )
    assert not done(step, put(policy=document()))


def test_a_document_is_refused_that_says_too_much() -> None:
    assert "leave it out" in refused(put(policy=document(), account_delegation=True)).message
    long = refused(put(policy=document()), read(bytes_max=50))
    assert isinstance(long, LimitExceededException)
    element = refused(put(policy=document(resource="arn:aws:s3:::x")))
    assert isinstance(element, MalformedPolicyDocumentException)
    assert ": " in element.message
    assert element.message.startswith("Statement")


@pytest.mark.parametrize(
    ("keys", "prepare", "resource", "fits"),
    [
        ({"key_id": key_of()}, None, ARN, True),
        ({"key_id": key_of(account=OTHER_ACCOUNT)}, None, ARN, False),
        ({}, PREPARE, f"arn:aws:kms:{HOME}:{ACCOUNT}:key/{MULTI_KEY_ID}", True),
        ({}, PREPARE, ARN, False),
        ({}, None, ARN, False),
    ],
)
def test_a_document_speaks_of_its_own_key_alone(keys: Any, prepare: Any, resource: str, fits: bool) -> None:
    call = call_of("PutKeyPolicy", policy=document(resource))
    call.keys, call.prepare = keys, prepare
    if fits:
        assert done(read(), call)
    else:
        assert isinstance(refused(call), MalformedPolicyDocumentException)


def test_a_key_that_is_made_will_have_what_the_document_became() -> None:
    call = call_of("CreateKey", policy=document(action="kms:Encrypt"))
    call.prospective = key_of(policy=document())
    done(read(), call)
    assert call.prospective.policy == request_of(call).policy
    assert call.prospective.policy_document == document(action="kms:Encrypt")
    assert call.prospective.account_delegation is False
