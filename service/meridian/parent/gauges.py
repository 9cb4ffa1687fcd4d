"""THE table: how the gauges of several processes become one. Counters and histograms are added."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class Rule(Enum):
    """What one gauge of several processes shows."""

    SUM = auto()
    """All together: each process has its own."""
    MAX = auto()
    """The worst: what grows when something is wrong, and what each process sees of the same thing."""
    MIN = auto()
    """The worst, where less is worse."""


RULES: Final = {
    "meridian_calls_working": Rule.SUM,
    "meridian_calls_waiting": Rule.SUM,
    "meridian_calls_room": Rule.SUM,
    "meridian_loop_lag_seconds": Rule.MAX,
    "meridian_cache_bytes": Rule.SUM,
    "meridian_cache_entries": Rule.SUM,
    "meridian_heavy_work_waiting": Rule.SUM,
    "meridian_key_pairs_ready": Rule.SUM,
    "meridian_http_connections": Rule.SUM,
    "meridian_grpc_connections": Rule.SUM,
    "meridian_peer_connections": Rule.SUM,
    "meridian_certificate_expires_seconds": Rule.MIN,
    "meridian_certificate_life_seconds": Rule.MAX,
    "meridian_key_stores_connected": Rule.MAX,
    "meridian_key_stores_unwell": Rule.MAX,
    "meridian_key_stores_broken": Rule.MAX,
    "meridian_token_key_set_age_seconds": Rule.MAX,
    "meridian_token_keys_left": Rule.MAX,
    "meridian_seal_opens": Rule.MIN,
    "meridian_identity_files_refused": Rule.MAX,
    "meridian_policy_set_refused": Rule.MAX,
    "meridian_policy_set_info": Rule.MAX,
    "meridian_policy_set_age_seconds": Rule.MIN,
    "meridian_database_connections_busy": Rule.SUM,
    "meridian_database_connections_max": Rule.SUM,
    "meridian_database_connections_awaited": Rule.SUM,
    "meridian_audit_records_waiting": Rule.SUM,
    "meridian_audit_disk_free_bytes": Rule.MIN,
    "meridian_audit_digest_age_seconds": Rule.MAX,
    "meridian_audit_sink_behind_seconds": Rule.MAX,
    "meridian_audit_sink_segments_behind": Rule.SUM,
    "meridian_job_age_seconds": Rule.MAX,
    "meridian_rows_set_aside": Rule.MAX,
    "meridian_outbox_entries": Rule.MAX,
    "meridian_outbox_oldest_seconds": Rule.MAX,
    "meridian_trace_spans_waiting": Rule.SUM,
    "meridian_build_info": Rule.MAX,
    "process_resident_memory_bytes": Rule.SUM,
    "process_virtual_memory_bytes": Rule.SUM,
    "process_open_fds": Rule.SUM,
    "process_max_fds": Rule.SUM,
    "process_start_time_seconds": Rule.MAX,
}
