"""A refusal keeps its type whatever its text is: what leaves in gRPC's trailers is bounded after encoding."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote
from uuid import UUID

import grpc
import pytest
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st

from meridian.client.statuses import error_of
from meridian.domain.foreign_text import cut_encoded
from meridian.errors import MalformedPolicyDocumentException, ThrottlingException, ValidationException
from meridian.transport.error_table import sent_status, status_of

TRAILERS = 8 * 1024
OTHER_TRAILERS = 1024
"""What gRPC and the request id add."""
TEXTS = st.text() | st.text("é€🔑%", min_size=200, max_size=30_000) | st.text("a", min_size=900, max_size=40_000)


def encoded(text: str) -> int:
    return len(quote(text, safe="".join(map(chr, range(32, 127))).replace("%", "")))


@given(TEXTS, st.lists(st.tuples(TEXTS, TEXTS), max_size=300))
def test_the_trailers_of_any_refusal_hold(text: str, fields: list[tuple[str, str]]) -> None:
    for error in (ValidationException(text, fields=fields), MalformedPolicyDocumentException(text), ThrottlingException(0.5)):
        status = status_of(error, "0" * 36)
        details = base64.b64encode(status.SerializeToString())
        assert encoded(status.message) + len(details) + OTHER_TRAILERS <= TRAILERS
        info = error_details_pb2.ErrorInfo()
        assert status.details[0].Unpack(info)
        assert info.reason == type(error).__name__


@given(st.floats(0, 90) | st.just(0.5), st.uuids())
def test_what_is_made_once_for_all_refusals_is_what_would_be_made_for_each(seconds: float, request_id: UUID) -> None:
    bare, of_key = ThrottlingException(seconds), ThrottlingException(seconds)
    of_key.key_arn = "arn:aws:kms:us-east-1:111122223333:key/x"
    for error in (bare, of_key, ThrottlingException(seconds, reason="in the log alone"), ValidationException("x")):
        for said in (str(request_id), "", "short"):
            status = status_of(error, said)
            assert sent_status(error, said) == (status.code, status.message, status.SerializeToString())


@given(TEXTS, st.integers(9, 3000))
def test_a_text_is_cut_only_where_it_is_too_long(text: str, most: int) -> None:
    shown = cut_encoded(text, most)
    assert encoded(shown) <= most
    assert shown == text if encoded(text) <= most else shown.endswith("…")
    assert text.startswith(shown.removesuffix("…"))


def test_the_first_fields_are_named_and_short_ones_all_of_them() -> None:
    fields = [(f"tags.{number}.member.tagKey", "too long") for number in range(20)]
    bad = error_details_pb2.BadRequest()
    assert status_of(ValidationException("x", fields=fields), "").details[1].Unpack(bad)
    assert [fault.field for fault in bad.field_violations] == [name for name, _ in fields]
    assert status_of(ValidationException("x", fields=[("é" * 9000, "x" * 9000)] * 30), "").details[1].Unpack(bad)
    assert 1 <= len(bad.field_violations) < 30


class Answered(grpc.RpcError):
    """A status as a call shows it."""

    def __init__(self, details: bytes, message: str) -> None:
        self._details, self._message = details, message

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.INVALID_ARGUMENT

    def details(self) -> str:
        return self._message

    def trailing_metadata(self) -> Any:
        return (("grpc-status-details-bin", self._details),)


@pytest.mark.parametrize("details", [b"\xff\xff", status_of(ValidationException("another"), "").SerializeToString()], ids=["bytes", "text"])
def test_a_client_survives_a_status_that_it_cannot_read(details: bytes) -> None:
    error = error_of(Answered(details, "what was said"))
    assert (error.code, error.message) == ("INVALID_ARGUMENT", "what was said")
