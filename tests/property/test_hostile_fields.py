"""Whatever a caller writes into a field of any operation, he is answered by a refusal that names a rule, and there is a record of him."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import searched
from tests.property.test_record_bounds import NOW, PRINCIPAL, audit_of
from tests.reported_events import ReportedEvents

from meridian.audit import shown_parameters
from meridian.audit.record_bounds import RECORD_BYTES_MAX, STORED_BYTES_MAX, shortened
from meridian.call import Call, Evidence
from meridian.contract.catalog import TIMESTAMP, Rpc, is_audited, is_map, message_of, rpcs
from meridian.contract.field_limits import faults_of
from meridian.contract.fields import descriptor_of
from meridian.contract.names import lower_camel
from meridian.errors import KmsError, ValidationException
from meridian.pipeline.validate import Validate
from meridian.ports.store.audit_streams import StreamHead

pytestmark = pytest.mark.timeout(300)

Way = tuple[FieldDescriptor, ...]
"""From a request to one field, through the messages in between."""


def ways(message: Descriptor, before: Way = ()) -> Iterator[Way]:
    """Every field of a request, however deep."""
    for field in message.fields:
        way = (*before, field)
        yield way
        if field.type == FieldDescriptor.TYPE_MESSAGE and not is_map(field) and message_of(field).full_name != TIMESTAMP:
            yield from ways(message_of(field), way)


FIELDS = [(rpc, way) for rpc in rpcs().values() for way in ways(descriptor_of(rpc.request_class))]
MOMENTS = [(rpc, way) for rpc, way in FIELDS if way[-1].type == FieldDescriptor.TYPE_MESSAGE and message_of(way[-1]).full_name == TIMESTAMP]

TEXTS = st.text(st.characters(codec="utf-8"), max_size=300) | st.sampled_from(["\0", "\U0010ffff" * 9_000, '"\\' * 9_000, "\x01" * 30_000])
INT32 = st.integers(-(2**31), 2**31 - 1)
TIMES = st.builds(Timestamp, seconds=st.integers(-(2**63), 2**63 - 1), nanos=INT32)
VALUES: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=300),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_ENUM: INT32,
    FieldDescriptor.TYPE_MESSAGE: TIMES,
}


def set_in(message: Any, way: Way, draw: st.DataObject) -> None:
    """Put something hostile into one field, and what it takes to be there around it."""
    field, value = way[0], getattr(message, way[0].name)
    if len(way) > 1:
        set_in(value.add() if field.is_repeated else value, way[1:], draw)
    elif is_map(field):
        value.update(draw.draw(st.dictionaries(TEXTS, TEXTS, max_size=3)))
    elif field.type == FieldDescriptor.TYPE_MESSAGE and message_of(field).full_name != TIMESTAMP:
        value.add() if field.is_repeated else value.SetInParent()
    elif field.is_repeated:
        value.extend([draw.draw(VALUES[field.type])] * draw.draw(st.sampled_from((1, 2, 257))))
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        value.CopyFrom(draw.draw(VALUES[field.type]))
    else:
        setattr(message, field.name, draw.draw(VALUES[field.type]))


def call_of(rpc: Rpc, request: Any) -> Call:
    call = Call(rpc, request, Evidence(), "the-call", NOW)
    call.principal = PRINCIPAL
    return call


def name_of(case: Any) -> str:
    return case.name if isinstance(case, Rpc) else ".".join(field.name for field in case)


@pytest.mark.parametrize(("rpc", "way"), FIELDS, ids=name_of)
@searched(4, 24)
@given(draw=st.data())
def test_a_field_is_refused_by_a_rule_and_the_call_has_its_record(rpc: Rpc, way: Way, draw: st.DataObject) -> None:
    request = rpc.request_class()
    set_in(request, way, draw)
    call = call_of(rpc, request)
    try:
        Validate()(call)
    except KmsError as refusal:
        call.error = refusal
    record = record_of(call)
    assert record["userIdentity"]["arn"] == PRINCIPAL.arn
    assert record.get("errorCode") == (call.error.code if isinstance(call.error, KmsError) else None)


@pytest.mark.parametrize(("rpc", "way"), MOMENTS, ids=name_of)
@searched(60, 400)
@given(moment=TIMES)
def test_what_is_no_moment_is_refused_by_its_name(rpc: Rpc, way: Way, moment: Timestamp) -> None:
    request: Any = rpc.request_class()
    inner = request
    for field in way[:-1]:
        inner = getattr(inner, field.name).add() if field.is_repeated else getattr(inner, field.name)
    getattr(inner, way[-1].name).CopyFrom(moment)
    place = ".".join(lower_camel(field.name) for field in way)
    try:
        moment.ToDatetime()
        is_time = True
    except ValueError:
        is_time = False
    assert (place in [name for name, _ in faults_of(request)]) is not is_time


@pytest.mark.parametrize("rpc", rpcs().values(), ids=name_of)
def test_a_record_that_cannot_be_made_is_made_without_what_cannot_be_shown(monkeypatch: pytest.MonkeyPatch, rpc: Rpc) -> None:
    def fail(*_: Any) -> Any:
        raise OverflowError

    request = rpc.request_class()
    shown = [field.name for field in descriptor_of(request).fields if is_audited(field)]
    monkeypatch.setattr(shown_parameters, "_readers", lambda *_: tuple((lower_camel(name), fail) for name in shown))
    call = call_of(rpc, request)
    call.error = ValidationException("\ud800")  # half a pair of surrogates is no text
    lines, events = Lines(), ReportedEvents()
    asyncio.run(audit_of(lines, events).close(call))
    record = orjson.loads(lines.last)
    assert record["requestParameters"] == ({lower_camel(name): {"cut": {"unshown": "OverflowError"}} for name in shown} or None)
    assert record["errorMessage"] == {"cut": {"unshown": "TypeError"}}
    assert (record["userIdentity"]["arn"], record["requestID"], record["errorCode"]) == (PRINCIPAL.arn, "the-call", "ValidationException")
    assert [subject for _, subject, _ in events.reported] == [f"the record of {rpc.name}"]


def record_of(call: Call) -> Any:
    """The call's record, made without a fault."""
    lines, events = Lines(), ReportedEvents()
    asyncio.run(audit_of(lines, events).close(call))
    assert events.reported == []
    assert len(lines.last) <= RECORD_BYTES_MAX
    record = orjson.loads(lines.last)
    assert record["requestID"] == call.request_id
    return record


class Lines:
    """A log in memory, which takes what a file would take."""

    def __init__(self) -> None:
        self.last = b""
        self.head = StreamHead("s", 0, "", 0)

    async def append(self, record: dict[str, Any]) -> None:
        self.last = shortened(orjson.dumps(record), STORED_BYTES_MAX)

    def note(self, call: Call, event_id: str) -> None: ...
