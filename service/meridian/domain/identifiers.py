"""Names of keys and aliases: parse, print, refuse.

Source: AWS KMS Developer Guide, Key identifiers (KeyId); recorded answers for the refusals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from meridian.errors import InvalidArnException, NotFoundException, ValidationException

SINGLE_REGION_KEY_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MULTI_REGION_KEY_ID = re.compile(r"mrk-[0-9a-f]{32}")
REGION = re.compile(r"([a-z]+-){2,3}\d+")
ACCOUNT = re.compile(r"[0-9]{12}")
GROUP_NAME = re.compile(r"[^/]+", re.DOTALL)
"""Name of a group without its account."""
ALIAS_NAME = re.compile(r"alias/[a-zA-Z0-9/_-]+")


def is_multi_region_key_id(key_id: str) -> bool:
    """Whether the id has the form of a multi-Region key: `mrk-` and 32 hexadecimal digits."""
    return MULTI_REGION_KEY_ID.fullmatch(key_id) is not None


def is_key_id(text: str) -> bool:
    """Whether the text has the form of a key id of either kind."""
    return SINGLE_REGION_KEY_ID.fullmatch(text) is not None or is_multi_region_key_id(text)


def key_number(key_id: str) -> bytes:
    """The 128 bits behind a key id: the UUID without hyphens, or the digits after `mrk-`."""
    return bytes.fromhex(key_id.removeprefix("mrk-").replace("-", ""))


def key_id_of(number: bytes, *, multi_region: bool) -> str:
    """The key id with this number; the inverse of `key_number`."""
    digits = number.hex()
    if multi_region:
        return f"mrk-{digits}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def key_arn(partition: str, region: str, account: str, key_id: str) -> str:
    """The ARN of a key; with an empty Region, the identity that related multi-Region keys share."""
    return f"arn:{partition}:kms:{region}:{account}:key/{key_id}"


def alias_arn(partition: str, region: str, account: str, alias_name: str) -> str:
    """The ARN of an alias; its name has its prefix already."""
    return f"arn:{partition}:kms:{region}:{account}:{alias_name}"


@dataclass(frozen=True, slots=True)
class KeyReference:
    """What a caller wrote to name a key. Exactly one of `key_id` and `alias` is set; ARN parts are empty for short forms."""

    text: str
    key_id: str = ""
    alias: str = ""
    partition: str = ""
    region: str = ""
    account: str = ""

    @property
    def is_arn(self) -> bool:
        return bool(self.account)


def parse_key_reference(text: str, *, alias_allowed: bool) -> KeyReference:
    """Read a key id, key ARN, alias name or alias ARN.

    Raises: InvalidArnException for a malformed ARN, or an alias where only a key is taken; NotFoundException for a text that
    is no form of key id; ValidationException for an alias name that cannot exist.
    """
    reference = _parse_arn(text) if text.startswith("arn:") else _parse_short(text)
    if reference.alias:
        if not alias_allowed:
            raise InvalidArnException("Key Aliases are not supported for this operation.")
        if not ALIAS_NAME.fullmatch(reference.alias):
            raise ValidationException(f"{reference.alias} contains invalid characters for an alias", fields=[("keyId", "alias")])
    return reference


def _parse_short(text: str) -> KeyReference:
    if text.startswith("alias/"):
        return KeyReference(text, alias=text)
    if not is_key_id(text):
        raise NotFoundException(f"Invalid keyId '{text}'")
    return KeyReference(text, key_id=text)


def _parse_arn(text: str) -> KeyReference:
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[2] != "kms" or not ACCOUNT.fullmatch(parts[4]) or not parts[1] or not parts[3]:
        raise InvalidArnException(f"ARN is not valid: {text}")
    _, partition, _, region, account, resource = parts
    if resource.startswith("alias/"):
        return KeyReference(text, alias=resource, partition=partition, region=region, account=account)
    if resource.startswith("key/"):
        key_id = resource.removeprefix("key/")
        if not is_key_id(key_id):
            raise NotFoundException(f"Invalid keyId '{key_id}'")
        return KeyReference(text, key_id=key_id, partition=partition, region=region, account=account)
    raise InvalidArnException(f"ARN is not valid: {text}")
