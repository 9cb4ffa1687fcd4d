"""The key that protects what a cluster stores: its ARN in each Region, and the names under which the API server knows its materials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

_FORM: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]{0,20}|[a-z][a-z0-9-]{0,31}):kms:(?P<region>[a-z0-9-]{1,32}):(?P<account>[0-9]{12}):key/(?P<key_id>[A-Za-z0-9-]{1,64})"
)
_LABEL: Final = b"meridian k8s-kms key_id 1"
"""What is digested says what for, so that no digest of another kind equals one of these."""


@dataclass(frozen=True, slots=True)
class KeyName:
    """A key by its ARN."""

    partition: str
    region: str
    account: str
    key_id: str

    @classmethod
    def read(cls, arn: str) -> KeyName:
        """Raises: ValueError, whose text says what is wrong."""
        found = _FORM.fullmatch(arn)
        if found is None:
            raise ValueError("is no key ARN, as arn:aws:kms:us-east-1:111122223333:key/mrk-…; aliases may come to name another key")
        return cls(**found.groupdict())

    @property
    def is_multi_region(self) -> bool:
        return self.key_id.startswith("mrk-")

    def arn_in(self, region: str) -> str:
        """The ARN of this key there: its own, or its replica's."""
        return f"arn:{self.partition}:kms:{region}:{self.account}:key/{self.key_id}"

    @property
    def identity(self) -> str:
        """The same for related keys of all Regions, so that a ciphertext has one name wherever it was made."""
        return self.arn_in("" if self.is_multi_region else self.region)

    def name_of(self, material_id: str) -> str:
        """The API server's `key_id`, 64 characters: the same on each node and in each Region, and another after each rotation."""
        parts = (_LABEL, self.identity.encode(), material_id.encode())
        return sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).hexdigest()
