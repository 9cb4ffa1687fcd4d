"""Every quota and window, with its unit and AWS's value as default. Operators and tests change settings, never code.

Source: AWS KMS Developer Guide, Quotas; AWS KMS API Reference.
"""

from __future__ import annotations

from dataclasses import dataclass

PLAINTEXT_BYTES_MAX = 4096
CIPHERTEXT_BYTES_MAX = 6144
ENCRYPTION_CONTEXT_BYTES_MAX = 8192
TAG_KEY_PREFIX_RESERVED = "aws:"


@dataclass(frozen=True)
class Limits:
    """Quotas of one account in one Region, unless said otherwise."""

    keys_per_account: int = 100_000
    tags_per_key: int = 50
    key_policy_bytes: int = 32_768
    request_bytes: int = 262_144
    deadline_seconds_default: float = 5.0
    deadline_seconds_max: float = 30.0
    reservation_seconds: float = 30.0
    """How long a reserved row waits for news before it asks the preparing Region."""
