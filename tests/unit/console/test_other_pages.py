"""Regions, deletions, key stores and the audit log, of answers that a test makes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.console.console_in_process import NOW, Stage

from meridian.access.v1.access_pb2 import (
    AuditDigest,
    AuditFiles,
    AuditRoom,
    AuditSink,
    AuditStream,
    AuditVerification,
    DescribeAuditResponse,
    DescribeRegionsResponse,
    RegionStanding,
)
from meridian.errors import AccessDeniedException, DependencyTimeoutException, KmsError, KMSInternalException
from meridian.kms.v1.key_stores_pb2 import DescribeCustomKeyStoresResponse
from meridian.kms.v1.keys_pb2 import DescribeKeyResponse, ListKeysResponse
from meridian.kms.v1.types_pb2 import (
    CONNECTION_ERROR_CODE_TYPE_INVALID_CREDENTIALS,
    CONNECTION_STATE_TYPE_FAILED,
    CUSTOM_KEY_STORE_TYPE_EXTERNAL_KEY_STORE,
    KEY_STATE_ENABLED,
    KEY_STATE_PENDING_DELETION,
    KEY_STATE_PENDING_REPLICA_DELETION,
    CustomKeyStoresListEntry,
    KeyListEntry,
    KeyMetadata,
)

pytestmark = pytest.mark.asyncio


def words(html: bytes) -> str:
    """What stands on a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.decode()))


def standing(region: str, **more: Any) -> RegionStanding:
    made = RegionStanding(region=region, **more)
    if region != "ap-south-1":
        made.heard_at.FromDatetime(NOW)
    return made


async def test_each_region_is_a_card_with_its_health_in_a_word() -> None:
    away = standing("eu-west-1", replicas=3, waiting=2, troubles=["Region eu-west-1 did not answer."], release="0.1")
    away.waiting_since.FromDatetime(NOW - timedelta(hours=2, minutes=5))
    told = DescribeRegionsResponse(keys=7, regions=[standing("us-east-1", here=True, primaries=4), standing("ap-south-1"), away])
    shown = words((await Stage(answers={"DescribeRegions": lambda request: told}).get("/")).body)
    assert "Your account has 7 keys here" in shown
    assert re.search(r"us-east-1 here well Primary keys 4", shown)
    assert re.search(r"ap-south-1 not asked yet .*Lag none .*Last heard never Release not told yet", shown)
    assert re.search(
        r"eu-west-1 silent Region eu-west-1 did not answer\. .*Replica keys 3 Lag 2 h 5 min Not told yet 2 .*Release 0\.1", shown
    )


async def test_who_may_not_have_regions_described_is_told_so() -> None:
    def denied(request: Any) -> Any:
        raise AccessDeniedException("not for you")

    answer = await Stage(answers={"DescribeRegions": denied}).get("/")
    assert (answer.status, b"not for you" in answer.body) == (403, True)


def key(key_id: str) -> KeyMetadata:
    made = KeyMetadata(key_id=key_id, key_state=KEY_STATE_ENABLED)
    if key_id.startswith("doomed-"):
        made.key_state = KEY_STATE_PENDING_DELETION
        made.deletion_date.FromDatetime(NOW + timedelta(days=int(key_id.removeprefix("doomed-"))) - timedelta(hours=1))
    elif key_id == "led":
        made.key_state, made.pending_deletion_window_in_days = KEY_STATE_PENDING_REPLICA_DELETION, 20
    return made


def deletions(*key_ids: str, truncated: bool = False) -> Stage:
    def describe(request: Any) -> DescribeKeyResponse:
        if request.key_id == "closed":
            raise AccessDeniedException("no")
        return DescribeKeyResponse(key_metadata=key(request.key_id))

    listed = ListKeysResponse(keys=[KeyListEntry(key_id=each) for each in key_ids], truncated=truncated, next_marker="m n")
    return Stage(answers={"ListKeys": lambda request: listed, "DescribeKey": describe})


async def test_doomed_keys_are_shown_with_the_days_left_the_nearest_first() -> None:
    shown = words((await deletions("led", "doomed-30", "kept", "closed", "doomed-7").get("/deletions")).body)
    assert re.search(
        r"doomed-7 PendingDeletion 7 .*doomed-30 PendingDeletion 30 .*led PendingReplicaDeletion 20 once its replicas are gone", shown
    )
    assert "kept" not in shown
    assert "1 of these keys you may not have described." in shown
    assert "All 5 keys were looked through." in shown


async def test_a_look_goes_on_by_itself_for_a_while_and_by_a_link_always() -> None:
    stage = deletions("kept", truncated=True)
    first = (await stage.get("/deletions")).body.decode()
    assert 'hx-get="/deletions?marker=m+n&amp;looks=1"' in first
    assert 'href="/deletions?marker=m+n&amp;looks=1"' in first
    last = (await stage.get("/deletions?marker=m+n&looks=20")).body.decode()
    assert "hx-get" not in last
    assert 'href="/deletions?marker=m+n&amp;looks=21"' in last
    assert "looks=1" in (await stage.get("/deletions?looks=-3")).body.decode()


async def test_a_key_store_is_shown_with_its_state_and_why() -> None:
    store = CustomKeyStoresListEntry(
        custom_key_store_id="cks-1", custom_key_store_name="bank", connection_state=CONNECTION_STATE_TYPE_FAILED,
        connection_error_code=CONNECTION_ERROR_CODE_TYPE_INVALID_CREDENTIALS,
        custom_key_store_type=CUSTOM_KEY_STORE_TYPE_EXTERNAL_KEY_STORE,
    )  # fmt: skip
    store.xks_proxy_configuration.uri_endpoint = "https://xks.example.com"
    store.xks_proxy_configuration.access_key_id = "SECRETISH"
    told = DescribeCustomKeyStoresResponse(custom_key_stores=[store], truncated=True, next_marker="next")
    stage = Stage(answers={"DescribeCustomKeyStores": lambda request: told})
    answer = await stage.get("/key-stores")
    shown = words(answer.body)
    assert "bank FAILED INVALID_CREDENTIALS" in shown
    assert "https://xks.example.com" in shown
    assert "SECRETISH" not in shown
    assert b'href="/key-stores?marker=next"' in answer.body


def log_as_told(**more: Any) -> DescribeAuditResponse:
    made = DescribeAuditResponse(
        registered=7,
        whole=True,
        room=AuditRoom(free_bytes=5 << 30, reserve_bytes=64 << 20),
        streams=[
            AuditStream(stream="s2", replica="pod-2", open=True, here=True, registered_records=12, registered_hash="ab" * 32),
            AuditStream(stream="s1", replica="pod-1", registered_records=0),
        ],
        **more,
    )
    files = AuditFiles(segments=1, bytes=1536, last_digest=AuditDigest(records=11, audit_key=2))
    files.last_record_at.FromDatetime(NOW)
    files.last_digest.signed_at.FromDatetime(NOW)
    made.streams[0].files.CopyFrom(files)
    return made


async def audit_page(told: DescribeAuditResponse) -> str:
    return words((await Stage(answers={"DescribeAudit": lambda request: told}).get("/audit")).body)


async def test_the_audit_log_is_shown_with_its_streams_and_where_it_is_shipped() -> None:
    sinks = [AuditSink(name="s3", seconds_behind=3.4, segments_behind=1), AuditSink(name="otlp", seconds_behind=90.0, failures=4)]
    shown = await audit_page(log_as_told(sinks=sinks))
    assert re.search(r"s2 pod-2, since .* written here 12 the last is abababababab… 2026-11-27 12:00 UTC 1 segment, 1\.5 KiB", shown)
    assert "11 records, audit key 2" in shown
    assert re.search(r"s1 pod-1, since .* closed 0 Its files are not seen by the process that answers\.", shown)
    assert re.search(r"s3 level Without something for 3 s .* otlp behind Without something for 90 s .* Failures 4", shown)
    assert "Left on the disk room 5.0 GiB Kept free 64.0 MiB Signed until not known here" in shown
    assert "7 registered, each of one start of a process, the newest first; 2 are shown." in shown


async def test_a_verification_is_shown_as_told_by_the_database() -> None:
    assert "Nobody has verified the log against this database yet" in await audit_page(log_as_told())
    last = AuditVerification(verdict="tampered", findings=1, unproven=2, records=90, streams=3)
    shown = await audit_page(log_as_told(last_verification=last))
    assert re.search(r"tampered 1970-01-01 .*: 90 records in 3 streams, 1 fault, 2 left open\. As told by the database", shown)


async def test_little_room_and_files_that_were_not_looked_at_are_said() -> None:
    told = log_as_told()
    told.room.free_bytes, told.whole = told.room.reserve_bytes, False
    shown = await audit_page(told)
    assert "little room 64.0 MiB" in shown
    assert "There are too many files to look at all" in shown


@pytest.mark.parametrize(
    "refusal", [DependencyTimeoutException("The audit log does not accept records."), KMSInternalException(reason="x")]
)
async def test_while_the_log_or_the_database_is_away_what_the_process_knows_is_shown(refusal: KmsError) -> None:
    def away(request: object) -> None:
        raise refusal

    stage = Stage(answers={"DescribeAudit": away}, troubles=("audit log: No space left on <device>",))
    answer = await stage.get("/audit")
    shown = words(answer.body)
    assert answer.status in (500, 503)
    assert refusal.code in shown
    assert b"audit log: No space left on &lt;device&gt;" in answer.body
    assert "Not shown until it is over: streams, files, digests" in shown
    stage.troubles = ()
    assert "it may be over" in words((await stage.get("/audit")).body)


async def test_what_the_process_knows_is_not_for_those_who_may_not_see_the_log() -> None:
    def refused(request: object) -> None:
        raise AccessDeniedException("no policy")

    answer = await Stage(answers={"DescribeAudit": refused}, troubles=("audit log: full",)).get("/audit")
    assert (answer.status, b"audit log: full" in answer.body) == (403, False)
