"""A call knows of which type its request is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meridian.call import Call, Evidence
from meridian.contract.catalog import rpcs
from meridian.contract.fields import enum_text_of, is_given, tags_of, text_of
from meridian.errors import KMSInternalException
from meridian.kms.v1.grants_pb2 import CreateGrantRequest
from meridian.kms.v1.keys_pb2 import CreateKeyRequest
from meridian.kms.v1.types_pb2 import KEY_SPEC_RSA_2048, Tag


def call_of(request: CreateKeyRequest) -> Call:
    return Call(rpcs()["CreateKey"], request, Evidence(), "id", datetime(2026, 1, 1, tzinfo=UTC))


def test_a_step_gets_the_request_that_it_is_written_for() -> None:
    request = CreateKeyRequest(description="d")
    assert call_of(request).asks(CreateKeyRequest) is request


def test_a_step_that_is_asked_for_another_operation_ends_the_call() -> None:
    with pytest.raises(KMSInternalException) as caught:
        call_of(CreateKeyRequest()).asks(CreateGrantRequest)
    assert caught.value.reason == "a request of another type"


def test_fields_are_read_by_name_as_aws_writes_them() -> None:
    request = CreateKeyRequest(description="d", key_spec=KEY_SPEC_RSA_2048, tags=[Tag(tag_key="k", tag_value="v")])
    assert text_of(request, "description") == "d"
    assert enum_text_of(request, "key_spec") == "RSA_2048"
    assert enum_text_of(request, "key_usage") == ""
    assert enum_text_of(request, "encryption_algorithm") == "", "no field of this message"
    assert [(tag.tag_key, tag.tag_value) for tag in tags_of(request)] == [("k", "v")]


def test_a_list_is_given_where_something_is_in_it_and_a_text_where_it_was_sent() -> None:
    assert [is_given(CreateKeyRequest(), field) for field in ("tags", "description")] == [False, False]
    assert [is_given(CreateKeyRequest(tags=[Tag()], description=""), field) for field in ("tags", "description")] == [True, True]
