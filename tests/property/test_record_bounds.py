"""Whatever a request of any operation holds, its record is one line of JSON of at most 16 KiB, chained, and tells what was cut."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.audit_logs import open_file
from tests.cache_memory import cache_memory
from tests.property.random_requests import random_message, random_text
from tests.reported_events import ReportedEvents

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.audit.findings import Verdict
from meridian.audit.record_bounds import RECORD_BYTES_MAX, STORED_BYTES_MAX, holds_cut, is_cut
from meridian.audit.record_maker import RecordMaker
from meridian.audit.ship_events import AuditShipping
from meridian.audit.stream_files import segments_in
from meridian.audit.trail import Audit
from meridian.audit.verify import verify_file
from meridian.call import Call, Evidence
from meridian.contract.catalog import Rpc, rpcs
from meridian.contract.fields import descriptor_of
from meridian.domain.encryption_context import CONTEXT_FIELDS, canonical_encryption_context
from meridian.domain.grant import Grant
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal
from meridian.errors import ValidationException
from meridian.ports.store.audit_streams import StreamHead
from meridian.ports.store.region import RegionIdentity

pytestmark = pytest.mark.timeout(300)

ACCOUNT, REGION = "111122223333", "us-east-1"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TAGS = tuple((f"tag-{number}", "v" * 20) for number in range(50))
PRINCIPAL = Principal("User", ACCOUNT, "alice", f"arn:aws:iam::{ACCOUNT}:user/alice", groups=("g",) * 40, tags=TAGS[:10])
KEY = Key(
    "aws",
    REGION,
    ACCOUNT,
    "0" * 36,
    KeySpec.SYMMETRIC_DEFAULT,
    KeyUsage.ENCRYPT_DECRYPT,
    Origin.AWS_KMS,
    KeyState.ENABLED,
    NOW,
    tags=TAGS,
)


class Written:
    """Streams and stores what `Audit` gives it: the file is real, the database a list."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = open_file(folder)
        self.stored: list[bytes] = []
        uow: Any = self
        self.audit_events = uow

    @property
    def path(self) -> Path:
        return segments_in(self._folder)[-1]

    @property
    def last_line(self) -> bytes:
        return self.path.read_bytes().splitlines()[-1]

    @property
    def head(self) -> StreamHead:
        return self._file.head

    async def append(self, record: dict[str, Any]) -> None:
        self._file.write([record])

    async def append_change(self, record: dict[str, Any], *, is_promised: bool) -> None:
        self._file.write([record])

    async def reserve(self) -> None: ...

    def release(self) -> None: ...

    async def insert(self, _event_id: str, body: bytes, *, owner: str) -> None:
        self.stored.append(body)

    def note(self, call: Call, event_id: str) -> None: ...


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def audit_of(written: Any, events: ReportedEvents) -> Audit:
    identity = RegionIdentity("d", "aws", REGION, 0, NOW)
    clock = SystemClock()
    records = RecordMaker(identity=identity, replica="r", clock=clock, entropy=OsEntropy(), caches=cache_memory(), events=events)
    return Audit(stream=written, shipping=AuditShipping(written, written, clock, ReportedEvents()), records=records, usage=written)


def line_of(written: Written, call: Call) -> bytes:
    """The line of a call's record."""
    asyncio.run(audit_of(written, ReportedEvents()).close(call))
    return written.last_line


def random_call(rpc: Rpc, draw: Random) -> Call:
    """A call of this operation that went through all steps, with much of everything."""
    request = random_message(descriptor_of(rpc.request_class), draw)
    evidence = Evidence(user_agent=random_text(draw)[:16_000], source_ip="2001:db8::1", tls_version="TLSv1.3")
    call = Call(rpc, request, evidence, OsEntropy().uuid(), NOW)
    call.principal = replace(PRINCIPAL, name=random_text(draw) or "a") if draw.random() < 0.9 else None
    call.keys = {field: KEY for field, _ in rpc.key_fields}
    call.contexts = {field: dict(getattr(request, field)) for field in CONTEXT_FIELDS if field in descriptor_of(request).fields_by_name}
    call.canonical_context = dict.fromkeys(call.contexts, b"") if draw.random() < 0.5 else {}
    ids = tuple(f"policy-{number:04d}" for number in range(draw.choice((0, 2, 900))))
    call.decisions = [PolicyDecision(need.action, KEY.arn, True, ids) for need in rpc.requires]
    call.aliases = {"key_id": random_text(draw)}
    call.grants = {"key_id": ()} if draw.random() < 0.5 else {"key_id": (grant(draw),)}
    call.grant_ids = {"Encrypt": ["g" * 64] * draw.choice((1, 900))}
    call.grant = grant(draw) if draw.random() < 0.5 else None
    call.prospective = replace(KEY, aliases=(random_text(draw),) * 3) if draw.random() < 0.5 else None
    call.audit_data = {"keyMaterialId": random_text(draw)}
    call.response_elements = {"keyMetadata": random_message(descriptor_of(rpcs()["CreateKey"].response_class), draw)}
    call.error = ValidationException(random_text(draw) * draw.choice((1, 10))) if draw.random() < 0.5 else None
    return call


def grant(draw: Random) -> Grant:
    constraint = {f"k{number}": random_text(draw)[:384] for number in range(8)}
    return Grant("g" * 64, ACCOUNT, KEY.key_id, PRINCIPAL.arn, ACCOUNT, frozenset({"Encrypt"}), NOW, constraint=constraint)


@pytest.mark.parametrize("name", sorted(rpcs()))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_record_of_anything_is_one_short_chained_line(written: Written, name: str, seed: int) -> None:
    call = random_call(rpcs()[name], Random(seed))  # noqa: S311 - a test's sample
    line = line_of(written, call)
    assert len(line) <= RECORD_BYTES_MAX
    record = orjson.loads(line)
    assert (record["eventName"], record["requestID"]) == (rpcs()[name].operation, call.request_id)
    assert [f for f in verify_file(written.path).findings if f.verdict is Verdict.TAMPERED] == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(rpcs())))
def test_an_event_that_its_transaction_stores_is_short_and_is_what_is_shipped(written: Written, name: str, seed: int) -> None:
    call = random_call(rpcs()[name], Random(seed))  # noqa: S311 - a test's sample
    call.error = None
    uow: Any = written
    audit = audit_of(written, ReportedEvents())
    asyncio.run(audit.record(uow, call))
    asyncio.run(audit.close(call))
    stored = orjson.loads(written.stored[-1])
    shipped = orjson.loads(written.last_line)
    assert len(written.stored[-1]) <= STORED_BYTES_MAX
    for added in ("stream", "seq", "prevHash"):
        del shipped["meridian"][added]
    assert shipped == stored


def encrypt_call(context: dict[str, str], **rest: Any) -> Call:
    rpc = rpcs()["Encrypt"]
    call = Call(rpc, rpc.request_class(key_id=KEY.arn, encryption_context=context), Evidence(**rest), "id", NOW)
    call.principal, call.keys, call.contexts = PRINCIPAL, {"key_id": KEY}, {"encryption_context": context}
    call.canonical_context = {"encryption_context": canonical_encryption_context(context)}
    return call


def test_the_longest_encryption_context_stays_whole_and_everything_else_with_it(written: Written) -> None:
    context = {f"key-{number}": "v" * 500 for number in range(16)}
    assert 8_000 < sum(4 + len(key) + len(value) for key, value in context.items()) <= 8_192
    call = encrypt_call(context)
    call.decisions = [PolicyDecision("Encrypt", KEY.arn, True, ("a", "b"))]
    record = orjson.loads(line_of(written, call))
    assert record["requestParameters"]["encryptionContext"] == context
    assert not holds_cut(record)


def test_what_is_largest_goes_first_and_an_encryption_context_last(written: Written) -> None:
    context = {"a": "v" * 8_000}
    call = encrypt_call(context, user_agent="u" * 2_000)
    call.decisions = [PolicyDecision("Encrypt", KEY.arn, True, tuple(f"policy-{number}" for number in range(2_000)))]
    record = orjson.loads(line_of(written, call))
    made = record["meridian"]["decisions"][0]
    written_ids = orjson.dumps(list(call.decisions[0].policy_ids))
    assert made["policyIds"] == {"cut": {"bytes": len(written_ids), "sha256": sha256(written_ids).hexdigest()}}
    assert made["action"] == "Encrypt"
    assert record["userAgent"] == "u" * 2_000
    assert record["requestParameters"]["encryptionContext"] == context


def test_an_encryption_context_that_was_refused_is_shown_by_its_digest(written: Written) -> None:
    call = encrypt_call({"a": "b"})
    context = call.contexts["encryption_context"] = {f"{number:x}": "\x01" * 8 for number in range(20_000)}
    call.canonical_context = {}
    shown = orjson.loads(line_of(written, call))["requestParameters"]["encryptionContext"]
    json = orjson.dumps(context)
    assert shown == {"cut": {"bytes": len(json), "sha256": sha256(json).hexdigest()}}


def test_long_lists_and_texts_keep_a_digest(written: Written) -> None:
    rpc = rpcs()["CreateKey"]
    text = "d" * 250_000
    request: Any = rpc.request_class(description=text)
    for number in range(7_000):
        request.tags.add(tag_key=f"k{number}", tag_value="v")
    line = line_of(written, Call(rpc, request, Evidence(), "id", NOW))
    shown = orjson.loads(line)["requestParameters"]
    alone = rpc.request_class(tags=request.tags).SerializeToString(deterministic=True)
    assert shown["tags"] == {"cut": {"items": 7_000, "bytes": len(alone), "sha256": sha256(alone).hexdigest()}}
    assert shown["description"]["cut"]["sha256"] == sha256(text.encode()).hexdigest()
    assert is_cut(shown["description"])
    assert shown["description"]["cut"]["beginning"] == text[:128]
    assert len(line) < 2_048
