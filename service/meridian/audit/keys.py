"""The audit keys of a Region: what signs its digests, and how one key hands over to the next.

A key is ECDSA on P-384. The first is trusted because an operator pins it; each later one is signed by the one before it, together
with the names of the Region, so whoever trusts one key can follow to the newest.

Source: docs/spec/audit.md.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from meridian.audit.values import is_count
from meridian.crypto import ecdsa
from meridian.domain.encoding import length_prefixed_tuple, u32
from meridian.domain.strict_json import parse_json

KEYS_FILE: Final = "audit-keys.json"
"""The published keys, kept beside the log for convenience. Nobody need trust this copy: it is as easily changed as the log."""
KEYS_FILE_BYTES_MAX: Final = 1 << 20
NUMBER_MAX: Final = (1 << 32) - 1
CHANGE: Final = b"meridian/v1/audit-key-change\x00"


class AuditKeysError(Exception):
    """Published keys cannot be read, or do not follow on each other; the message says which and why."""


@dataclass(frozen=True, slots=True)
class RegionNames:
    """Whose log it is."""

    deployment: str
    partition: str
    region: str

    def __str__(self) -> str:
        return f"{self.deployment}/{self.partition}/{self.region}"


@dataclass(frozen=True, slots=True)
class AuditKey:
    """The public half of one audit key."""

    number: int
    """1 for the first; each change counts one further."""
    public_key: bytes
    """DER SubjectPublicKeyInfo."""
    signature: bytes
    """By the key before it, over `change_message`; empty for the first."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, 64 lower-case hexadecimal digits."""
        return sha256(self.public_key).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditSigner:
    """The audit key in use, with its private half."""

    key: AuditKey
    sign: Callable[[bytes], bytes]

    def __repr__(self) -> str:
        return f"AuditSigner({self.key.number})"


def change_message(names: RegionNames, number: int, old_public: bytes, new_public: bytes) -> bytes:
    """What the old key signs when the new one, of this number, takes over."""
    return CHANGE + length_prefixed_tuple(names.deployment, names.partition, names.region, u32(number), old_public, new_public)


@dataclass(frozen=True, slots=True)
class AuditKeys:
    """The published keys of one Region, oldest first."""

    names: RegionNames
    keys: tuple[AuditKey, ...]

    def to_json(self) -> bytes:
        """The file that operators pin and `verify --keys` reads."""
        rows = [
            {
                "number": key.number,
                "fingerprint": key.fingerprint,
                "publicKey": b64encode(key.public_key).decode(),
                "signature": b64encode(key.signature).decode(),
            }
            for key in self.keys
        ]
        names = {"deployment": self.names.deployment, "partition": self.names.partition, "region": self.names.region}
        return json.dumps({**names, "keys": rows}, indent=2).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> AuditKeys:
        """Raises: AuditKeysError."""
        try:
            document: Any = parse_json(data.decode())
            names = RegionNames(*(_text(document[name]) for name in ("deployment", "partition", "region")))
            keys = tuple(_key(row) for row in document["keys"])
        except (ValueError, KeyError, TypeError) as fault:
            raise AuditKeysError(f"the audit keys cannot be read: {type(fault).__name__}") from fault
        if not keys:
            raise AuditKeysError("there is no audit key")
        return cls(names, keys)

    def following(self, found: Sequence[AuditKey]) -> AuditKeys:
        """These keys, and those of `found` that follow on them. Raises: AuditKeysError for a key that its predecessor has not signed,
        or another key in the place of one of these.
        """
        trusted = {key.number: key for key in self.keys}
        for key in sorted(found, key=lambda each: each.number):
            known = trusted.get(key.number)
            if known is not None:
                if known.public_key != key.public_key:
                    raise AuditKeysError(f"audit key {key.number} is another one than the key that is trusted")
                continue
            before = trusted.get(key.number - 1)
            if before is None:
                continue  # older than what is trusted, or not reached from there: nothing is proved by it
            try:
                ecdsa.verify(before.public_key, key.signature, change_message(self.names, key.number, before.public_key, key.public_key))
            except ValueError as fault:
                raise AuditKeysError(f"audit key {key.number} is not signed by audit key {before.number}") from fault
            trusted[key.number] = key
        return AuditKeys(self.names, tuple(trusted[number] for number in sorted(trusted)))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _key(row: Any) -> AuditKey:
    if not is_count(row["number"]) or row["number"] > NUMBER_MAX:
        raise TypeError("no number")
    return AuditKey(row["number"], b64decode(row["publicKey"], validate=True), b64decode(row["signature"], validate=True))
