"""The answer of DescribeAudit."""

from __future__ import annotations

from collections.abc import Mapping

from meridian.access.v1 import access_pb2
from meridian.audit.standing import LogStanding, StreamStanding
from meridian.ports.audit_files import StreamFiles
from meridian.ports.audit_sinks import SinkStanding
from meridian.ports.store.audit_streams import Verification


def audit_answer(found: LogStanding) -> access_pb2.DescribeAuditResponse:
    """What is told of how the log stands."""
    answer = access_pb2.DescribeAuditResponse(
        streams=[_stream(each, found.key_numbers) for each in found.streams],
        registered=found.registered,
        whole=found.seen.is_whole,
        sinks=map(_sink, found.sinks),
        room=access_pb2.AuditRoom(free_bytes=found.free_bytes, reserve_bytes=found.reserve_bytes),
    )
    answer.looked_at.FromDatetime(found.seen.looked_at)
    if found.signed_until is not None:
        answer.signed_until.FromDatetime(found.signed_until)
    if found.verification is not None:
        answer.last_verification.CopyFrom(_verification(found.verification))
    return answer


def _stream(found: StreamStanding, key_numbers: Mapping[str, int]) -> access_pb2.AuditStream:
    row = found.row
    told = access_pb2.AuditStream(
        stream=row.head.stream,
        replica=row.replica,
        open=not row.is_closed,
        here=found.is_here,
        registered_records=row.head.sequence + 1,
        registered_hash=row.head.hash,
        registered_digests=row.head.digests,
    )
    told.opened_at.FromDatetime(row.opened_at)
    if found.files is not None:
        told.files.CopyFrom(_files(found.files, key_numbers))
    return told


def _files(found: StreamFiles, key_numbers: Mapping[str, int]) -> access_pb2.AuditFiles:
    told = access_pb2.AuditFiles(segments=found.segments, bytes=found.bytes)
    if found.last_record_at is not None:
        told.last_record_at.FromDatetime(found.last_record_at)
    digest = found.last_digest
    if digest is not None:
        number = key_numbers.get(digest.fingerprint, 0)
        told.last_digest.CopyFrom(access_pb2.AuditDigest(records=digest.records, audit_key=number, fingerprint=digest.fingerprint))
        told.last_digest.signed_at.FromDatetime(digest.signed_at)
    return told


def _sink(found: SinkStanding) -> access_pb2.AuditSink:
    return access_pb2.AuditSink(
        name=found.name,
        seconds_behind=found.seconds_behind(),
        segments_behind=found.segments_behind(),
        failures=found.failures,
    )


def _verification(made: Verification) -> access_pb2.AuditVerification:
    told = access_pb2.AuditVerification(
        verdict=made.verdict, findings=made.findings, unproven=made.unproven, records=made.records, streams=made.streams
    )
    told.verified_at.FromDatetime(made.verified_at)
    return told
