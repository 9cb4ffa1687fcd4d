"""Digests: what the Region signs of a stream, in CloudTrail's words.

A digest file is two lines: the digest as JSON, exactly as it was hashed and signed, and the signature in hexadecimal digits. Each
names the digest before it, also across streams, and the root of the tree over all lines of its stream so far.

Source: AWS CloudTrail User Guide, Digest file structure and Custom implementations of log file integrity validation;
docs/spec/audit.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from meridian.audit.ended import Kept, kept_as_json, read_kept
from meridian.audit.keys import AuditSigner
from meridian.audit.values import count_of, hash_of, is_count, is_time, text_of, time_of

SUFFIX: Final = ".digest"
BYTES_MAX: Final = 64 * 1024
SINK: Final = "file"
"""CloudTrail's bucket: the kind of sink."""
HASH_ALGORITHM: Final = "SHA-256"
SIGNATURE_ALGORITHM: Final = "SHA384withECDSA"


@dataclass(frozen=True, slots=True)
class LogFile:
    """A segment that was closed within a digest's interval."""

    name: str
    sha256: str
    oldest: str
    newest: str


@dataclass(frozen=True, slots=True)
class Extent:
    """What a digest says of its stream."""

    stream: str
    number: int
    """0 for the first digest of the stream."""
    firstSeq: int
    """The first record that this digest is the first to cover."""
    lastSeq: int
    """The last record covered; one below `firstSeq` in a digest of an interval without records."""
    treeSize: int
    rootHash: str
    epoch: int
    deployment: str
    partition: str
    region: str


@dataclass(frozen=True, slots=True)
class DigestLink:
    """The digest before: its file, the hash of its bytes, its signature."""

    name: str
    hash: str
    signature: str


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest as it was read."""

    path: Path
    name: str
    start: str
    end: str
    fingerprint: str
    previous: DigestLink | None
    log_files: tuple[LogFile, ...]
    extent: Extent
    kept: Kept
    body: bytes
    signature: str

    @property
    def link(self) -> DigestLink:
        return DigestLink(self.name, sha256(self.body).hexdigest(), self.signature)

    @property
    def signed(self) -> bytes:
        """What the signature is over."""
        return string_to_sign(self.end, self.name, self.body, self.previous)


def string_to_sign(end: str, name: str, body: bytes, previous: DigestLink | None) -> bytes:
    """CloudTrail's own string."""
    return f"{end}\n{SINK}/{name}\n{sha256(body).hexdigest()}\n{previous.signature if previous else 'null'}".encode()


@dataclass(frozen=True, slots=True)
class Statement:
    """What a digest states, before it is signed."""

    name: str
    start: str
    end: str
    previous: DigestLink | None
    log_files: tuple[LogFile, ...]
    extent: Extent
    kept: Kept


def signed_digest(signer: AuditSigner, stated: Statement) -> tuple[bytes, DigestLink]:
    """The bytes of the digest's file, and what the next digest says of it."""
    log_files, previous = stated.log_files, stated.previous
    body = orjson.dumps(
        {
            "awsAccountId": "",
            "digestStartTime": stated.start,
            "digestEndTime": stated.end,
            "digestS3Bucket": SINK,
            "digestS3Object": stated.name,
            "digestPublicKeyFingerprint": signer.key.fingerprint,
            "digestSignatureAlgorithm": SIGNATURE_ALGORITHM,
            "newestEventTime": log_files[-1].newest if log_files else None,
            "oldestEventTime": log_files[0].oldest if log_files else None,
            "previousDigestS3Bucket": SINK if previous else None,
            "previousDigestS3Object": previous.name if previous else None,
            "previousDigestHashValue": previous.hash if previous else None,
            "previousDigestHashAlgorithm": HASH_ALGORITHM if previous else None,
            "previousDigestSignature": previous.signature if previous else None,
            "logFiles": [_log_file_as_json(each) for each in log_files],
            "meridian": asdict(stated.extent),
            "retention": kept_as_json(stated.kept),
        }
    )
    signature = signer.sign(string_to_sign(stated.end, stated.name, body, previous)).hex()
    return body + b"\n" + signature.encode() + b"\n", DigestLink(stated.name, sha256(body).hexdigest(), signature)


def _log_file_as_json(file: LogFile) -> dict[str, str]:
    return {
        "s3Bucket": SINK,
        "s3Object": file.name,
        "hashValue": file.sha256,
        "hashAlgorithm": HASH_ALGORITHM,
        "newestEventTime": file.newest,
        "oldestEventTime": file.oldest,
    }


def read_digest(path: Path) -> Digest:
    """Raises: OSError; ValueError for a file that is no digest."""
    with path.open("rb") as file:
        data = file.read(BYTES_MAX + 1)
    body, newline, rest = data.partition(b"\n")
    try:
        fields: Any = orjson.loads(body)
        if not newline or not rest.endswith(b"\n"):
            raise ValueError("cut")
        signature = rest[:-1].decode("ascii")
        bytes.fromhex(signature)
        return Digest(
            path=path,
            name=text_of(fields, "digestS3Object"),
            start=time_of(fields, "digestStartTime"),
            end=time_of(fields, "digestEndTime"),
            fingerprint=hash_of(fields, "digestPublicKeyFingerprint"),
            previous=_previous(fields),
            log_files=tuple(_log_file(each) for each in fields["logFiles"]),
            extent=_extent(fields["meridian"]),
            kept=read_kept(fields),
            body=body,
            signature=signature,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ValueError("the file is no digest") from fault


def _previous(fields: Any) -> DigestLink | None:
    if fields["previousDigestS3Object"] is None:
        return None
    signature = text_of(fields, "previousDigestSignature")
    return DigestLink(text_of(fields, "previousDigestS3Object"), hash_of(fields, "previousDigestHashValue"), signature)


def _log_file(fields: Any) -> LogFile:
    oldest, newest = fields["oldestEventTime"], fields["newestEventTime"]
    if not all(each == "" or is_time(each) for each in (oldest, newest)):
        raise TypeError("no time")
    return LogFile(text_of(fields, "s3Object"), hash_of(fields, "hashValue"), oldest, newest)


def _extent(fields: Any) -> Extent:
    last = fields["lastSeq"]
    if last != -1 and not is_count(last):
        raise TypeError("lastSeq is no number")
    return Extent(
        stream=text_of(fields, "stream"),
        number=count_of(fields, "number"),
        firstSeq=count_of(fields, "firstSeq"),
        lastSeq=last,
        treeSize=count_of(fields, "treeSize"),
        rootHash=hash_of(fields, "rootHash"),
        epoch=count_of(fields, "epoch"),
        deployment=text_of(fields, "deployment"),
        partition=text_of(fields, "partition"),
        region=text_of(fields, "region"),
    )
