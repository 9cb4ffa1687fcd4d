"""What is exported to another KMS: an export names a key and what may be done with it, a credential opens a whole key store.

A key store is what has one URI path prefix: its exports are keys of one account, and any of its credentials opens any of them.

Source: AWS KMS External Key Store (XKS) Proxy API Specification; docs/spec/external-keys.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

API_PATH: Final = "/kms/xks/v1"
PREFIX: Final = re.compile(r"(/[A-Za-z0-9_-]+)*")
PREFIX_CHARACTERS_MAX: Final = 117
"""So that the path with `/kms/xks/v1` has 128, the most that CreateCustomKeyStore takes."""
EXPORT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
ACCESS_KEY_ID: Final = re.compile(r"[A-Z2-7]{20,30}")
EXPORTS_MAX: Final = 500
"""Of one Region."""
CREDENTIALS_MAX: Final = 100
"""Of one Region."""
CREDENTIALS_PER_STORE_MAX: Final = 5
EXPORT_NAME: Final = "xks-export/"
STORE_NAME: Final = "xks-store"
RESERVED_NAMES: Final = (EXPORT_NAME, STORE_NAME)
"""What the names of the principals begin with that stand for exports and for key stores; no others' do."""


class ExternalUse(StrEnum):
    """What an export allows, by the names of the specification."""

    ENCRYPT = "ENCRYPT"
    DECRYPT = "DECRYPT"


@dataclass(frozen=True, slots=True)
class Export:
    """A key that another KMS may use."""

    export_id: str
    """The external key id: unique in the Region, 1 to 128 characters."""
    prefix: str
    """The URI path prefix of its key store; empty, or with a slash at its beginning and none at its end."""
    account: str
    key_id: str
    uses: tuple[ExternalUse, ...]
    created_at: datetime

    @property
    def principal_name(self) -> str:
        """The Service of the key's account as which calls on this export are decided."""
        return f"{EXPORT_NAME}{self.export_id}"


@dataclass(frozen=True, slots=True)
class Credential:
    """What another KMS signs with, as operators see it."""

    access_key_id: str
    prefix: str
    created_at: datetime


def is_prefix(text: str) -> bool:
    """Whether a URI path prefix is of its form, and leaves no doubt where the API begins."""
    return PREFIX.fullmatch(text) is not None and len(text) <= PREFIX_CHARACTERS_MAX and f"{API_PATH}/" not in f"{text}/"


class XksCall(StrEnum):
    """The calls of the API, by the last part of their paths."""

    HEALTH = "health"
    METADATA = "metadata"
    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"


@dataclass(frozen=True, slots=True)
class Place:
    """What a path names."""

    call: XksCall
    prefix: str
    export_id: str
    """Empty for health."""


URI_CHARACTERS_MAX: Final = 256
PATH: Final = re.compile(
    rf"(?P<prefix>{PREFIX.pattern}){API_PATH}/(?:(?P<health>health)|keys/(?P<id>{EXPORT_ID.pattern})/(?P<call>metadata|encrypt|decrypt))"
)


def place_of(path: str) -> Place | None:
    """What a path names, by its form alone; None where it is none of the API's. No other spelling of a path is taken."""
    found = PATH.fullmatch(path) if len(path) <= URI_CHARACTERS_MAX else None
    if found is None or not is_prefix(found["prefix"]):
        return None
    return Place(XksCall(found["health"] or found["call"]), found["prefix"], found["id"] or "")


def is_step(key_id: str) -> bool:
    """Whether an external key id is a step in a path: what stands on the way of a request would take it for one, and ask elsewhere."""
    return key_id in (".", "..")
