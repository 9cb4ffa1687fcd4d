"""Whether digests are the Region's own, and follow on each other."""

from __future__ import annotations

from collections.abc import Container, Sequence

from meridian.audit.digest import Digest
from meridian.audit.findings import OVERLAP, Report, Verdict
from meridian.audit.keys import AuditKey, AuditKeys, RegionNames
from meridian.crypto import ecdsa

MISSING = "the digest before it, {}, is missing"


def check_digests(report: Report, digests: Sequence[Digest], keys: AuditKeys | None) -> list[Digest]:
    """The digests that may vouch for streams: all that nothing speaks against. Without keys no signature is checked."""
    trusted = {key.fingerprint: key for key in keys.keys} if keys else {}
    sound = []
    for digest in digests:
        fault = _fault_of_names(digest, keys.names if keys else None)
        if not fault and keys is not None:
            fault = _fault_of_signature(digest, trusted.get(digest.fingerprint))
        if fault:
            report.add(Verdict.TAMPERED, digest.path, fault)
        else:
            sound.append(digest)
    _check_order(report, digests, trusted, {digest.name for digest in sound} if keys is not None else set())
    return sound


def is_signed(digest: Digest, keys: AuditKeys) -> bool:
    """Whether this is a digest of the Region, under its own name."""
    key = next((key for key in keys.keys if key.fingerprint == digest.fingerprint), None)
    return not _fault_of_names(digest, keys.names) and not _fault_of_signature(digest, key)


def _fault_of_names(digest: Digest, names: RegionNames | None) -> str:
    if digest.path.name != digest.name:
        return f"the file holds digest {digest.name}"
    own = RegionNames(digest.extent.deployment, digest.extent.partition, digest.extent.region)
    return f"the digest is of {own}, not of {names}" if names is not None and own != names else ""


def _fault_of_signature(digest: Digest, key: AuditKey | None) -> str:
    if key is None:
        return "the digest is signed with a key that is no audit key of the Region"
    try:
        ecdsa.verify(key.public_key, bytes.fromhex(digest.signature), digest.signed)
    except ValueError:
        return "the digest's signature does not verify"
    return ""


def _check_order(report: Report, digests: Sequence[Digest], trusted: dict[str, AuditKey], signed: Container[str]) -> None:
    by_name = {digest.name: digest for digest in digests if digest.path.name == digest.name}
    after: dict[tuple[str, str], Digest] = {}
    for digest in by_name.values():
        previous, missing = digest.previous, digest.kept.missing
        name = previous.name if previous is not None else ""
        place = ("", missing.stream) if missing is not None else (name, "")
        if place in after:
            text = f"the missing end of stream {missing.stream}" if missing is not None else name or "nothing"
            is_overlap = digest.name in signed and after[place].name in signed
            told = f"digest {after[place].name} already follows on {text}{OVERLAP * is_overlap}"
            report.add(Verdict.INCOMPLETE if is_overlap else Verdict.TAMPERED, digest.path, told)
        after[place] = digest
        if previous is None:
            continue
        before = by_name.get(name)
        if before is None:
            report.add(Verdict.INCOMPLETE, digest.path, MISSING.format(name))
        elif before.link != previous:
            report.add(Verdict.TAMPERED, before.path, f"this is not the digest that {digest.name} follows on")
        elif _number(trusted, digest) < _number(trusted, before):
            report.add(Verdict.TAMPERED, digest.path, "the digest is signed with an older key than the one before it")


def _number(trusted: dict[str, AuditKey], digest: Digest) -> int:
    key = trusted.get(digest.fingerprint)
    return key.number if key is not None else 0
