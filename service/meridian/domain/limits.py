"""Every quota and window, with its unit and AWS's value as default. Operators and tests change settings, never code.

Source: AWS KMS Developer Guide, Quotas; AWS KMS API Reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PLAINTEXT_BYTES_MAX = 4096
CIPHERTEXT_BYTES_MAX = 6144
ENCRYPTION_CONTEXT_BYTES_MAX = 8192
ENCRYPTION_CONTEXT_PAIRS_MAX = 1638
"""More pairs are longer than that in any case: the shortest, a key of one byte and no value, takes five."""
GRANT_CONSTRAINT_PAIRS_MAX = 8
GRANT_CONSTRAINT_VALUE_CHARACTERS_MAX = 384
ROTATION_PERIOD_IN_DAYS_DEFAULT = 365
ROTATION_PERIOD_IN_DAYS_MIN = 90
ROTATION_PERIOD_IN_DAYS_MAX = 2560
DELETION_WINDOW_IN_DAYS_DEFAULT = 30
TAG_KEY_PREFIX_RESERVED = "aws:"


@dataclass(frozen=True)
class Limits:
    """Quotas of one account in one Region, unless said otherwise."""

    keys_per_account: int = 100_000
    tags_per_key: int = 50
    aliases_per_key: int = 50
    grants_per_key: int = 50_000
    key_stores_per_account: int = 10
    key_store_attempt_seconds: float = 0.25
    """How long an attempt to ask the proxy of an external key store may take; there is one more after one that took longer."""
    key_store_requests_per_second: float = 1800.0
    """To the proxy of one external key store, for all its keys together, in each process."""
    usage_seconds: float = 60.0
    """How often the last use of keys is written."""
    policy_look_seconds: float = 1.0
    """How often the policy files are looked at for changes."""
    cache_bytes: int = 268_435_456
    """About how much memory the caches of a process take together: keys, material, policies, decisions and parts of records."""
    key_policy_bytes: int = 32_768
    request_bytes: int = 262_144
    failed_authentications_per_minute: int = 20
    """Of one address; answers to further ones are delayed. 0 delays none."""
    heavy_workers: int = 4
    """Threads for work that would stop the event loop; one account has at most half of them."""
    heavy_processes: int = 1
    """Processes for the part of that work which keeps the interpreter to itself: as many for policies, for imported keys, and for trials.
    About 60 MB each, started when first needed."""
    heavy_queue: int = 1024
    """How much of that work may wait; of one account at most half as much. More is refused with ThrottlingException."""
    heavy_wait_seconds: float = 4.0
    """How long such work may wait for its turn."""
    heavy_process_wait_seconds: float = 3.0
    """How long such work may wait for a separate process; then it is refused with ThrottlingException. Less than a call's deadline."""
    heavy_answer_seconds: float = 10.0
    """How long a separate process may take; then it is ended, and the call is refused."""
    loop_lag_look_seconds: float = 0.05
    """How often the event loop is asked how late it is."""
    deadline_seconds_default: float = 5.0
    """Of a cryptographic call whose caller names none; other kinds of work have a multiple, see `contract/call_times.py`."""
    deadline_seconds_max: float = 30.0
    drain_pause_seconds: float = 5.0
    """How long a process that was asked to end is unready and serves on, so that balancers send new callers elsewhere."""
    reservation_seconds: float = 30.0
    """How long a reserved row waits for news before it asks the preparing Region."""
    updating_seconds: float = 30.0
    """How long a key may show Updating while the primary Region changes."""
    kek_settle_seconds: float = 10.0
    """How old a new key-encryption key is before rows move to it; every process has read it by then."""
    kek_retention_days: float = 35.0
    """How long a replaced key-encryption key is kept at least, so that backups of that age still open."""
    deletion_window_in_days_min: int = 7
    deletion_window_in_days_max: int = 30
    on_demand_rotations_per_key: int = 25
    """For the life of a key."""
    rotation_conflict_seconds: float = 1200.0
    """How near a due automatic rotation may be before an on-demand one is refused."""
    import_token_seconds: float = 86_400.0
    import_tries_per_token: int = 100
    imported_material_days_max: int = 365
    import_keys_ready: dict[str, int] = field(default_factory=lambda: {"RSA_2048": 8, "RSA_3072": 8, "RSA_4096": 4})
    """Wrapping keys of each spec that are kept ready, in each process."""
    import_key_wait_seconds: float = 2.0
    compare_seconds: float = 60.0
    """How often Regions compare what they know of the sets they share."""
    change_feed_rows: int = 100_000
    """How many changes of keys are kept for processes that follow them; one that stood still for longer begins anew."""
    inbox_days: int = 7
    """How long it is remembered which messages of other Regions were applied."""
    client_token_seconds: float = 86_400.0
    """How long a repeat under the same client token gets the first answer."""
    client_tokens_per_account: int = 100_000
    """How many of the newest answers are kept for repeats."""
    day_seconds: float = 86_400.0
    """Length of a day of windows and periods. Shorter only where tests watch a window go by."""
