"""`meridian audit describe`: how the audit log of a running Region stands."""

from __future__ import annotations

import json
from typing import Any

import click

from meridian.cli.connection import CONNECTION
from meridian.cli.policy.remote import with_answer
from meridian.cli.tables import print_table
from meridian.cli.terminal import say
from meridian.cli.words import Word


def _describe(output: str, **connection: Any) -> None:
    with_answer(connection, lambda client: client.describe_audit(), lambda answer: _print(answer, output))


def _print(answer: Any, output: str) -> None:
    if output == "json":
        say(json.dumps(_as_json(answer)))
        return
    if answer.HasField("last_verification"):
        last = answer.last_verification
        found = f"{last.records} records in {last.streams} streams, {last.findings} faults, {last.unproven} left open"
        say(f"{last.verdict} at {last.verified_at.ToJsonString()}, as the database tells it: {found}")
    else:
        say("nobody has verified the log against this database yet: meridian audit verify --against-db")
    say(f"room: {answer.room.free_bytes} bytes, of which {answer.room.reserve_bytes} are kept free")
    say(f"signed until: {_time(answer, 'signed_until') or 'not known here'}")
    for sink in answer.sinks:
        say(f"shipped to {sink.name}: {sink.segments_behind} segments and {sink.seconds_behind:.0f} s behind, {sink.failures} failures")
    print_table(
        ["stream", "replica", "state", "records", "files", "last record", "last digest"], [_row(stream) for stream in answer.streams]
    )
    if answer.registered > len(answer.streams):
        say(f"the newest {len(answer.streams)} of {answer.registered} streams")
    if not answer.whole:
        say("there are too many files to look at all: numbers of files are too small", err=True)


def _row(stream: Any) -> list[str]:
    files = stream.files if stream.HasField("files") else None
    state = "closed" if not stream.open else "written here" if stream.here else "open"
    digest = _time(files.last_digest, "signed_at") if files is not None and files.HasField("last_digest") else ""
    seen = (
        [f"{files.segments} ({files.bytes} bytes)", _time(files, "last_record_at") or "not known"]
        if files is not None
        else ["not seen", ""]
    )
    return [stream.stream, stream.replica, state, str(stream.registered_records), *seen, digest or "none"]


def _time(message: Any, field: str) -> str | None:
    return str(getattr(message, field).ToJsonString()) if message.HasField(field) else None


def _as_json(answer: Any) -> dict[str, Any]:
    last = answer.last_verification
    verified = {"verdict": last.verdict, "verifiedAt": _time(last, "verified_at")}
    counts = {name: getattr(last, name) for name in ("findings", "unproven", "records", "streams")}
    return {
        "streams": [_stream(each) for each in answer.streams],
        "registered": answer.registered,
        "lookedAt": _time(answer, "looked_at"),
        "whole": answer.whole,
        "signedUntil": _time(answer, "signed_until"),
        "sinks": [
            {"name": s.name, "secondsBehind": s.seconds_behind, "segmentsBehind": s.segments_behind, "failures": s.failures}
            for s in answer.sinks
        ],
        "room": {"freeBytes": answer.room.free_bytes, "reserveBytes": answer.room.reserve_bytes},
        "lastVerification": {**verified, **counts} if answer.HasField("last_verification") else None,
    }


def _stream(told: Any) -> dict[str, Any]:
    return {
        "stream": told.stream,
        "replica": told.replica,
        "openedAt": _time(told, "opened_at"),
        "open": told.open,
        "here": told.here,
        "registeredRecords": told.registered_records,
        "registeredHash": told.registered_hash,
        "registeredDigests": told.registered_digests,
        "files": _files(told.files) if told.HasField("files") else None,
    }


def _files(told: Any) -> dict[str, Any]:
    last = told.last_digest
    digest = {"signedAt": _time(last, "signed_at"), "records": last.records, "auditKey": last.audit_key, "fingerprint": last.fingerprint}
    return {
        "segments": told.segments,
        "bytes": told.bytes,
        "lastRecordAt": _time(told, "last_record_at"),
        "lastDigest": digest if told.HasField("last_digest") else None,
    }


describe = click.Command(
    "describe",
    params=[*CONNECTION, click.Option(["--output", "-o"], type=Word(["table", "json"]), default="table", show_default=True)],
    callback=_describe,
    help="Tell how the audit log of a Region stands: its streams, digests, room, what it is shipped to, and how it was verified last.",
)
