"""Every setting, limit, rate class and option has a reader, and a test that sees it act: THE table, and the walk that it must match."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel
from tests.source_trees import nodes

from meridian.cli import values
from meridian.cli.main import main
from meridian.contract.catalog import rpcs
from meridian.contract.rates import RATES, class_said
from meridian.domain.limits import Limits
from meridian.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
ACT, RELOAD = "scenario/test_settings_act.py::", "scenario/test_identity_reload.py::"
STAY = "scenario/test_how_long_rows_stay.py::test_changes_and_messages_stay_as_change_feed_rows_and_inbox_days_say"
HOLE = "scenario/test_dev_command.py::test_a_region_refuses_to_start_on_a_hole"
LIMIT = ACT + "test_a_limit_refuses_what_its_default_allows"
MANAGERS = "adversary/test_hostile_key_managers.py::"
DECLARED = "conformance/test_declared_errors.py::test_it_is_raised_on_both_wires"
LIFE, SEALS = "scenario/test_life_of_a_key.py::", "unit/engine/test_seals_and_keyring.py::"
TURN, AUDIT = "scenario/test_key_hierarchy_turns.py::", "contract/test_audit.py::"
HEAVY = "scenario/test_limits_of_heavy_work_act.py::"
DECISIONS, TRIED = "scenario/test_decisions.py::", "scenario/test_commands_that_look_back.py::"
KIT, OPTIONS, COMMANDS = "unit/policy_kit/", "unit/policy_kit/test_options_act.py::", "scenario/test_command_options_act.py::"
REPEATS = "scenario/test_repeated_changes.py::"
LOST = "scenario/test_lost_and_restored_regions.py::"
BACKUP, DOCTOR = "scenario/test_backup_and_restore.py::", "scenario/test_region_doctor.py::"
CONNECTIONS, EVIDENCE = "adversary/test_anonymous_connections.py::", "scenario/test_audit_evidence.py::"
SINKS, SINK_CLIENTS = "scenario/test_audit_sinks.py::", "unit/bootstrap/test_audit_sinks.py::"
SVID = "scenario/test_workload_api.py::"
TRACES = "scenario/test_traces.py::"
TOKENS = "scenario/test_key_stores_in_tokens.py::"
TOKEN_SEAL = "scenario/test_seal_in_a_token.py::"
SHOWN = "scenario/test_client_certificates_towards_proxies.py::test_a_proxy_is_shown_the_certificate_of_the_settings"
XKS = "scenario/test_exported_keys.py::"
CONSOLE_SETTINGS = "scenario/test_settings_of_the_console.py::"
CONSOLE, IN = "scenario/test_console.py::", "test_a_certificate_shows_what_its_caller_may_see_and_each_look_is_recorded"
PLUGIN = "kubernetes/test_plugin_process.py::"
FILE = "unit/cli/test_settings_file.py::test_what_cannot_work_is_refused_by_name"

SETTINGS: dict[str, str] = {
    "deployment": HOLE,
    "partition": "unit/engine/test_seals_and_keyring.py::test_a_keyring_moved_to_another_region_does_not_open",
    "region": "scenario/test_dev_command.py::test_a_setup_that_cannot_work_says_why_and_ends_with_its_code",
    "replica": ACT + "test_records_name_the_replica",
    "replica_file": "unit/cli/test_name_of_a_process.py::test_the_name_is_that_of_the_file",
    "database": "scenario/test_region_on_postgresql.py::test_a_key_is_replicated_to_it_and_survives_its_restart",
    "development": "scenario/test_dev_state.py::test_a_region_that_is_not_for_development_is_not",
    "policies": HOLE,
    "principals": RELOAD + "test_a_removed_principal_is_refused_on_both_wires_within_a_second_on_connections_that_exist",
    "denied_spiffe_ids": RELOAD + "test_denied_spiffe_ids_are_refused_whoever_signed_them",
    "services": ACT + "test_a_service_of_aws_is_the_one_that_services_names",
    "reflection": ACT + "test_reflection_is_there_where_it_is_switched_on",
    "uvloop": ACT + "test_uvloop_is_loaded_where_it_is_wanted",
    "front.kind": "contract/test_fronts.py::test_a_bearer_token_needs_no_certificate_behind_envoy",
    "front.grpc_web_origins": "scenario/test_envoy_web_and_http3.py::test_a_browser_is_told_whose_pages_may_call",
    "front.http3": "scenario/test_envoy_web_and_http3.py::test_a_signed_call_comes_over_http3",
    "grpc.listen": FILE,
    "grpc.tls.certificate": RELOAD + "test_renewed_certificates_are_shown_to_new_connections_and_old_connections_go_on",
    "grpc.tls.private_key": "unit/identity/test_files.py::test_certificate_key_and_authority_are_checked_as_a_whole",
    "grpc.tls.client_ca": "unit/identity/test_files.py::test_certificate_key_and_authority_are_checked_as_a_whole",
    "grpc.client_certificate_hours_max": RELOAD + "test_the_longest_life_of_a_callers_certificate_is_a_setting",
    "grpc.bearer_tokens": RELOAD + "test_a_bearer_token_is_refused_where_the_listener_takes_none",
    "grpc.ping_seconds_min": ACT + "test_who_asks_too_often_whether_his_connection_lives_is_sent_away",
    "peer.listen": FILE,
    "peer.tls.certificate": RELOAD + "test_regions_change_their_peer_certificates_and_authority_without_restart",
    "peer.tls.private_key": "unit/identity/test_files.py::test_certificate_key_and_authority_are_checked_as_a_whole",
    "peer.tls.client_ca": "unit/identity/test_files.py::test_certificate_key_and_authority_are_checked_as_a_whole",
    "peer.client_certificate_hours_max": RELOAD + "test_the_longest_life_of_a_callers_certificate_is_a_setting",
    "admin.listen": FILE,
    "aws.listen": FILE,
    "aws.tls.certificate": RELOAD + "test_renewed_certificates_are_shown_to_new_connections_and_old_connections_go_on",
    "aws.tls.private_key": RELOAD + "test_renewed_certificates_are_shown_to_new_connections_and_old_connections_go_on",
    "xks.listen": XKS + "test_a_key_is_disabled_and_enabled_while_it_is_served",
    "xks.connections": XKS + "test_the_listener_has_the_bounds_of_its_settings",
    "xks.head_seconds": XKS + "test_the_listener_has_the_bounds_of_its_settings",
    "xks.body_seconds": XKS + "test_the_listener_has_the_bounds_of_its_settings",
    "xks.idle_seconds": XKS + "test_the_listener_has_the_bounds_of_its_settings",
    "xks.tls.certificate": XKS + "test_a_client_shows_a_certificate_of_the_authority_with_one_of_the_names",
    "xks.tls.private_key": XKS + "test_a_client_shows_a_certificate_of_the_authority_with_one_of_the_names",
    "xks.tls.client_ca": XKS + "test_a_client_shows_a_certificate_of_the_authority_with_one_of_the_names",
    "xks.tls.client_names": XKS + "test_a_client_shows_a_certificate_of_the_authority_with_one_of_the_names",
    **dict.fromkeys(("console.listen", "console.origin", "console.tls.certificate", "console.tls.private_key"), CONSOLE + IN),
    "console.tls.client_ca": CONSOLE + IN,
    **dict.fromkeys(("console.oidc.issuer", "console.oidc.client_id"), CONSOLE + "test_a_token_of_the_provider_lets_in_until_the_sign_out"),
    "console.oidc.client_secret_file": CONSOLE_SETTINGS + "test_a_secret_and_scopes_are_shown_to_the_provider",
    "console.oidc.scopes": CONSOLE_SETTINGS + "test_a_secret_and_scopes_are_shown_to_the_provider",
    "console.session_minutes": CONSOLE + "test_a_session_is_as_short_as_the_setting_says",
    "console.writes": CONSOLE_SETTINGS + "test_changes_are_off_where_the_setting_does_not_say_otherwise",
    "console.trusted_proxies": CONSOLE_SETTINGS + "test_the_listener_has_the_bounds_and_proxies_of_its_settings",
    **dict.fromkeys(
        (f"console.{name}" for name in ("connections", "head_seconds", "body_seconds", "idle_seconds")),
        CONSOLE_SETTINGS + "test_the_listener_has_the_bounds_and_proxies_of_its_settings",
    ),
    "seals.provider": TURN + "test_a_seal_is_added_and_the_first_one_dropped",
    "seals.path": SEALS + "test_a_careless_seal_file_is_refused",
    "seals.passphrase_file": TURN + "test_a_seal_is_added_and_the_first_one_dropped",
    "seals.time_cost": SEALS + "test_a_cheap_passphrase_is_refused",
    "seals.memory_kib": SEALS + "test_a_cheap_passphrase_is_refused",
    "seals.parallelism": SEALS + "test_lowered_parameters_in_the_database_do_not_open_the_root",
    "seals.module": TOKEN_SEAL + "test_a_library_that_is_not_installed_is_told_with_its_name",
    "seals.token": TOKEN_SEAL + "test_a_library_that_is_not_installed_is_told_with_its_name",
    "seals.key": TOKEN_SEAL + "test_a_library_that_is_not_installed_is_told_with_its_name",
    "seals.pin_file": TOKEN_SEAL + "test_a_library_that_is_not_installed_is_told_with_its_name",
    "key_store_tokens.module": TOKENS + "test_the_life_of_a_key_store_in_a_token",
    "key_store_tokens.token": TOKENS + "test_what_does_not_fit_is_refused_by_its_name",
    "key_store_tokens.trust_anchor": TOKENS + "test_what_does_not_fit_is_refused_by_its_name",
    "key_store_tokens.account": TOKENS + "test_what_does_not_fit_is_refused_by_its_name",
    "audit.replicas": "scenario/test_audit_of_ended_replicas.py::test_what_an_ended_replica_left_is_shipped_by_another",
    "audit.directory": ACT + "test_a_fault_at_start_names_the_setting_and_the_place",
    "audit.max_wait_seconds": AUDIT + "test_a_lone_caller_is_never_delayed_by_a_timer",
    "audit.max_batch": AUDIT + "test_a_batch_is_no_larger_than_max_batch",
    "audit.sink_timeout_seconds": AUDIT + "test_a_slow_sink_fails_its_callers",
    "audit.reserve_bytes": AUDIT + "test_a_full_disk_refuses_and_recovers_without_losing_the_chain",
    "tracing.endpoint": TRACES + "test_a_call_is_part_of_its_callers_trace_on_both_wires",
    "tracing.ca": SINK_CLIENTS + "test_a_collector_is_believed_by_its_ca_alone",
    "tracing.headers_file": TRACES + "test_a_call_is_part_of_its_callers_trace_on_both_wires",
    "tracing.timeout_seconds": TRACES + "test_a_collector_that_hangs_delays_nobody_and_what_is_too_much_is_counted",
    "tracing.sample_ratio": TRACES + "test_a_call_is_part_of_its_callers_trace_on_both_wires",
    "tracing.waiting_max": TRACES + "test_a_collector_that_hangs_delays_nobody_and_what_is_too_much_is_counted",
    "tracing.attributes": TRACES + "test_spans_name_nobody_but_where_the_settings_say_so",
    "accounts.org_units": "property/test_layers_agree.py::*",
    "regions.labels": "property/test_slices_agree.py::*",
    "peers.region": "scenario/test_strangers_between_regions.py::*",
    "peers.address": "scenario/test_slow_and_silent_networks.py::*",
    "peers.spiffe_id": "scenario/test_strangers_between_regions.py::*",
    "peers.transport_fingerprint": "scenario/test_region_on_postgresql.py::test_a_key_is_replicated_to_it_and_survives_its_restart",
    "peers.accounts": ACT + "test_a_region_acts_for_the_accounts_it_was_given",
    "limits.keys_per_account": DECLARED,
    "limits.tags_per_key": LIMIT,
    "limits.aliases_per_key": DECLARED,
    "limits.grants_per_key": DECLARED,
    "limits.key_stores_per_account": DECLARED,
    "limits.key_store_attempt_seconds": MANAGERS + "test_a_slow_proxy_is_asked_twice_and_no_more",
    "limits.key_store_requests_per_second": MANAGERS + "test_more_than_a_stores_share_is_refused_before_anything_is_sent",
    "key_store_proxies.trusted_roots": MANAGERS + "test_a_certificate_is_believed_by_trusted_roots_alone_and_for_its_name",
    **dict.fromkeys(("key_store_proxies.client_certificate", "key_store_proxies.client_private_key"), SHOWN),
    "key_store_proxies.networks": MANAGERS + "test_an_address_that_is_not_allowed_is_not_dialled",
    "key_store_proxies.hosts": MANAGERS + "test_hosts_say_where_a_proxy_is_dialled",
    "key_store_proxies.endpoint_services.host": MANAGERS + "test_endpoint_services_lead_to_their_host_at_their_address",
    "key_store_proxies.endpoint_services.address": MANAGERS + "test_endpoint_services_lead_to_their_host_at_their_address",
    "limits.usage_seconds": ACT + "test_the_last_use_is_written_as_often_as_usage_seconds_says",
    "limits.policy_look_seconds": ACT + "test_policies_are_looked_at_as_often_as_policy_look_seconds_says",
    "limits.cache_bytes": "scenario/test_memory_is_bounded.py::test_caches_stay_under_the_bound_of_the_settings_and_each_is_told",
    "limits.key_policy_bytes": LIMIT,
    "limits.request_bytes": LIMIT,
    "limits.deadline_seconds_default": ACT + "test_a_deadline_of_nothing_refuses_those_who_name_none",
    "limits.deadline_seconds_max": ACT + "test_the_longest_deadline_cuts_what_callers_name",
    "limits.drain_pause_seconds": "scenario/test_the_end_of_a_process.py::test_a_process_that_ends_is_unready_and_serves_for_the_pause",
    "limits.reservation_seconds": "scenario/test_killed_anywhere.py::test_replicate_key_ends_well_from_every_point",
    "limits.updating_seconds": "scenario/test_related_keys_rotate_move_and_end.py::test_updating_ends_by_itself_and_the_local_switch_works",
    "limits.kek_settle_seconds": TURN + "test_a_new_key_encryption_key_takes_every_row_and_the_old_one_ends",
    "limits.kek_retention_days": TURN + "test_a_new_key_encryption_key_takes_every_row_and_the_old_one_ends",
    "limits.deletion_window_in_days_min": LIMIT,
    "limits.deletion_window_in_days_max": LIMIT,
    "limits.on_demand_rotations_per_key": LIFE + "test_rotation_on_demand_is_limited_and_repeating_it_is_no_fault",
    "limits.rotation_conflict_seconds": "scenario/test_two_processes_of_a_region.py::test_work_that_comes_by_time_is_done_once",
    "limits.import_token_seconds": LIFE + "test_a_token_dies_of_failed_tries_and_of_age",
    "limits.import_tries_per_token": LIFE + "test_a_token_dies_of_failed_tries_and_of_age",
    "limits.imported_material_days_max": LIMIT,
    "limits.heavy_workers": HEAVY + "test_a_short_queue_refuses_but_where_there_is_a_thread_for_each",
    "limits.heavy_queue": HEAVY + "test_a_short_queue_refuses_but_where_there_is_a_thread_for_each",
    "limits.heavy_wait_seconds": HEAVY + "test_whose_turn_does_not_come_in_time_is_refused",
    "limits.heavy_processes": HEAVY + "test_there_are_as_many_processes_as_the_setting_says_and_no_more",
    "limits.heavy_answer_seconds": HEAVY + "test_a_process_that_may_take_no_time_is_ended_and_its_call_refused",
    "limits.loop_lag_look_seconds": HEAVY + "test_the_event_loop_is_asked_as_often_as_the_setting_says",
    "limits.heavy_process_wait_seconds": "unit/adapters/test_heavy_work.py::"
    "test_an_import_that_takes_long_keeps_other_imports_waiting_for_a_bounded_time_and_no_policy",
    "limits.import_keys_ready": ACT + "test_nobody_waits_for_a_wrapping_key_where_the_wait_is_nothing",
    "limits.import_key_wait_seconds": ACT + "test_nobody_waits_for_a_wrapping_key_where_the_wait_is_nothing",
    "limits.compare_seconds": LOST + "test_a_restored_primary_serves_but_does_not_act_until_it_has_reconciled",
    "limits.client_token_seconds": REPEATS + "test_a_token_is_free_again_after_client_token_seconds",
    "limits.client_tokens_per_account": REPEATS + "test_an_account_keeps_client_tokens_per_account",
    "limits.day_seconds": LIFE + "test_a_key_is_erased_when_its_window_is_over",
    "aws.connections": CONNECTIONS + "test_newcomers_are_served_whatever_is_held_open",
    "admin.connections": CONNECTIONS + "test_newcomers_are_served_whatever_is_held_open",
    "grpc.connections": CONNECTIONS + "test_a_grpc_listener_has_a_budget_of_its_own",
    "peer.connections": CONNECTIONS + "test_a_grpc_listener_has_a_budget_of_its_own",
    "aws.head_seconds": CONNECTIONS + "test_the_times_of_a_listener_are_those_of_the_settings",
    "aws.body_seconds": CONNECTIONS + "test_the_times_of_a_listener_are_those_of_the_settings",
    "aws.idle_seconds": CONNECTIONS + "test_the_times_of_a_listener_are_those_of_the_settings",
    "admin.head_seconds": CONNECTIONS + "test_the_times_of_a_listener_are_those_of_the_settings",
    "admin.idle_seconds": CONNECTIONS + "test_the_times_of_a_listener_are_those_of_the_settings",
    "aws.trusted_proxies": CONNECTIONS + "test_only_a_trusted_proxy_names_the_caller",
    "audit.segment_bytes": EVIDENCE + "test_segments_are_short_where_the_settings_say_so_and_the_key_changes_while_the_region_serves",
    "audit.keep_seconds": EVIDENCE + "test_old_files_go_where_the_settings_say_so_and_none_are_missing",
    "audit.keep_bytes": EVIDENCE + "test_old_files_go_where_the_settings_say_so_and_none_are_missing",
    "audit.stdout": EVIDENCE + "test_the_log_is_copied_to_standard_output_where_the_settings_say_so",
    "audit.otlp.endpoint": SINKS + "test_both_sinks_have_everything_after_a_stop",
    "audit.otlp.ca": SINK_CLIENTS + "test_a_collector_is_believed_by_its_ca_alone",
    "audit.otlp.headers_file": SINK_CLIENTS + "test_headers_come_from_a_file_that_nobody_else_may_read",
    "audit.otlp.timeout_seconds": SINKS + "test_a_sink_that_never_answers_delays_nobody_and_is_told",
    "audit.s3.bucket": SINKS + "test_both_sinks_have_everything_after_a_stop",
    "audit.s3.prefix": SINKS + "test_both_sinks_have_everything_after_a_stop",
    "audit.s3.endpoint": SINKS + "test_both_sinks_have_everything_after_a_stop",
    "audit.s3.storage_region": SINK_CLIENTS + "test_requests_are_signed_for_the_region_of_the_store",
    "audit.s3.timeout_seconds": SINKS + "test_a_sink_that_never_answers_delays_nobody_and_is_told",
    "audit.segment_seconds": EVIDENCE + "test_segments_are_short_where_the_settings_say_so_and_the_key_changes_while_the_region_serves",
    "limits.change_feed_rows": STAY,
    "limits.inbox_days": STAY,
    "limits.failed_authentications_per_minute": "adversary/test_anonymous_requests.py::*",
    "throttle": "scenario/test_rates_by_kind_of_key.py::test_a_rate_of_a_class_that_does_not_exist_is_refused",
}
"""THE table: the dotted name of a setting, by the test that sees it act; `*` where every test of the file does."""

CONNECTION = COMMANDS + "test_each_part_of_a_connection_is_needed_and_used"
ANSWER = COMMANDS + "test_each_form_of_an_answer"
ENVELOPE = COMMANDS + "test_a_file_opens_under_its_key_and_context_alone"
EXPLAIN = KIT + "test_fmt_diff_explain_graph.py::test_explain_from_flags_and_from_a_file_is_one_answer"
TOLD = "scenario/test_refusals_tell_enough.py::"
AWS_POLICIES = "conformance/test_aws_key_policies.py::test_the_command_converts_a_file_or_names_the_element"
ANSWERS = ("--output", "--field", "--out", "--base64", "--timeout")
CALLING = ("--endpoint", "--ca", "--certificate", "--private-key", "--token-file", "--profile")

CLI: dict[str, str] = {
    **dict.fromkeys(CALLING, CONNECTION),
    **dict.fromkeys(("kms --output", "kms --query", "kms --field", "kms --out", "kms --base64", "kms --timeout", "kms --debug"), ANSWER),
    **dict.fromkeys(("svid --socket", "svid --to"), SVID + "test_its_files_are_what_a_region_reads"),
    "svid --spiffe-id": SVID + "test_its_files_are_what_a_region_reads",
    "svid --once": SVID + "test_its_files_are_what_a_region_reads",
    "svid --wait": SVID + "test_what_cannot_be_had_is_told_once_and_waited_for",
    **{f"whoami {name}": "scenario/test_who_am_i.py::test_the_command_line_says_it" for name in ANSWERS},
    **dict.fromkeys(("whoami --query", "whoami --debug"), ANSWER),
    "kms describe-key --xks": "scenario/test_seed_003_two_deployments.py::test_the_command_line_tells_how_the_external_key_is",
    "kms --yes": "unit/cli/test_forms_and_questions.py::test_every_danger_is_an_operation_that_has_the_option",
    "kms --wait": "scenario/test_cli_waits.py::*",
    "kms --wait-seconds": "scenario/test_cli_waits.py::test_seconds_are_a_number_above_nothing",
    "kms --client-token": COMMANDS + "test_a_change_is_repeated_under_its_token",
    "--config": "scenario/test_dev_command.py::*",
    "audit describe --output": TRIED + "test_how_the_log_stands_is_told",
    "audit verify --output": COMMANDS + "test_an_audit_log_is_judged_in_both_forms",
    "audit verify --keys": "scenario/test_audit_evidence.py::*",
    "audit verify --region": "unit/audit/test_verify.py::*",
    "audit verify --against-db": "unit/audit/test_verify.py::*",
    "dev --data": "scenario/test_dev_command.py::*",
    "dev --regions": COMMANDS + "test_dev_runs_the_regions_and_principals_it_is_given_and_keeps_nothing",
    "dev --grpc-port": "scenario/test_dev_command.py::test_it_serves_ends_at_ctrl_c_and_has_every_key_when_it_comes_back",
    "dev --aws-port": "scenario/test_dev_command.py::test_the_ports_of_the_aws_wire_follow_the_option_and_are_kept",
    "dev --admin-port": "scenario/test_dev_command.py::test_it_serves_ends_at_ctrl_c_and_has_every_key_when_it_comes_back",
    "dev --principals": COMMANDS + "test_dev_runs_the_regions_and_principals_it_is_given_and_keeps_nothing",
    "dev --policies": "scenario/test_dev_own_principals.py::test_a_principal_of_a_new_account_works_and_own_policies_are_followed",
    "dev --front": "scenario/test_readme.py::test_the_demonstration_tells_its_story_to_the_end",
    "dev --ephemeral": COMMANDS + "test_dev_runs_the_regions_and_principals_it_is_given_and_keeps_nothing",
    "k8s-kms --socket": PLUGIN + "test_what_keeps_it_from_starting_is_one_sentence",
    "k8s-kms --key": PLUGIN + "test_what_keeps_it_from_starting_is_one_sentence",
    "k8s-kms --endpoint": PLUGIN + "test_what_keeps_it_from_starting_is_one_sentence",
    "k8s-kms --health-port": PLUGIN + "test_the_port_has_health_and_metrics_and_nothing_else",
    "envelope encrypt --key-id": ENVELOPE,
    "envelope encrypt --encryption-context": ENVELOPE,
    "envelope decrypt --encryption-context": ENVELOPE,
    "outbox list --output": COMMANDS + "test_deliveries_are_listed_in_both_forms",
    "policy --output": KIT + "conftest.py",
    "policy --policies": KIT + "test_suites.py::*",
    "policy check-access --principal": "scenario/test_check_access.py::test_the_command_line_asks_and_prints_why",
    "policy coverage --fail-under": KIT + "test_suites.py::test_a_policy_that_no_cell_reaches_fails_the_threshold",
    **{
        f"policy decisions --{name}": DECISIONS + "test_each_option_of_the_command_filters" for name in ("key-id", "principal", "operation")
    },
    **{f"policy decisions --{name}": DECISIONS + "test_each_option_of_the_command_filters" for name in ("effect", "since", "until")},
    "policy decisions --request-id": DECISIONS + "test_each_option_of_the_command_filters",
    "policy decisions --limit": DECISIONS + "test_the_command_line_goes_on_where_it_ended",
    "policy decisions --marker": DECISIONS + "test_the_command_line_goes_on_where_it_ended",
    "policy diff --tests": KIT + "test_fmt_diff_explain_graph.py::test_diff_tells_each_kind_of_change_with_its_policies",
    "policy diff --enumerate": KIT + "test_fmt_diff_explain_graph.py::*",
    "policy diff --exit-code": KIT + "test_fmt_diff_explain_graph.py::*",
    **{f"policy explain {name}": EXPLAIN for name in ("--file", "--principal", "--group", "--action", "--key", "--context")},
    "policy explain --audit": TOLD + "test_explain_tells_the_rest_from_the_request_id",
    "policy explain --event": TOLD + "test_explain_tells_the_rest_from_the_request_id",
    "policy explain --principal-tag": OPTIONS + "test_explain_decides_by_what_the_option_says",
    "policy explain --key-tag": OPTIONS + "test_explain_decides_by_what_the_option_says",
    "policy explain --encryption-context": OPTIONS + "test_explain_decides_by_what_the_option_says",
    "policy explain --request": OPTIONS + "test_explain_decides_by_what_the_option_says",
    "policy explain --key-policy": OPTIONS + "test_explain_decides_by_the_policy_of_the_key",
    "policy --around": "architecture/test_caller_matrix.py::test_every_decision_is_made_again_from_the_audit_log_with_the_same_answer",
    "policy fmt --check": KIT + "test_fmt_diff_explain_graph.py::test_fmt_keeps_comments_and_meaning_and_is_done_after_once",
    **{f"policy graph {name}": KIT + "test_fmt_diff_explain_graph.py::*" for name in ("--principal", "--action", "--key", "--svg")},
    "policy import-aws --attached-to": KIT + "test_import_of_identity_policies.py::*",
    "policy import-aws --key": AWS_POLICIES,
    "policy import-aws --services": AWS_POLICIES,
    "policy replay --exit-code": TOLD + "test_replay_finds_the_real_calls_that_another_set_would_answer_otherwise",
    "policy schema --suites": "unit/policy_kit/test_suite_schema.py::test_every_suite_that_is_shipped_fits_the_schema",
    "policy test --junit": KIT + "test_suites.py::test_junit_tells_each_cell",
    "policy test --watch": KIT + "test_suites.py::test_watch_runs_again_after_a_change_until_it_is_ended",
    **{
        f"policy try --{name}": TRIED + "test_the_policies_of_the_account_are_printed_edited_and_tried"
        for name in ("principal", "operation", "request", "policies", "calls")
    },
    "policy try --key-policy": TRIED + "test_a_policy_of_the_key_is_tried_and_what_is_wrong_is_told_with_its_place",
    "policy validate --strict": "unit/policy_kit/test_lint.py::test_a_warning_fails_a_strict_run_and_a_note_does_not",
    "policy validate --notes": OPTIONS + "test_validate_tells_notes_where_they_are_wanted",
    "backup --to": BACKUP + "test_a_backup_is_one_private_file_that_overwrites_nothing",
    "restore --from": BACKUP + "test_another_file_is_refused_and_nothing_changes",
    "restore --accept-loss": BACKUP + "test_what_was_there_is_kept_beside_it_and_can_be_restored_itself",
    "region init --sample": "scenario/test_from_nothing_to_a_region.py::test_a_sample_is_complete_private_and_overwrites_nothing",
    "region doctor --rows": DOCTOR + "test_rows_that_do_not_open_or_cannot_be_read_are_named_with_what_to_do",
    "region doctor --output": DOCTOR + "test_a_sound_region_that_serves_has_nothing",
    "region restored --accept-loss": BACKUP + "test_a_file_that_was_copied_by_itself_is_told_from_a_whole_copy",
    "region lost --successor": LOST + "*",
    "region --wait": LOST + "*",
    **dict.fromkeys(("xks export --prefix", "xks export --allow", "xks export --id"), "contract/test_xks_proxy.py::*"),
    "xks export --new-credential": "contract/test_xks_proxy.py::test_two_credentials_open_a_key_store_and_one_is_revoked",
    "xks list --output": XKS + "test_what_is_exported_is_listed_without_secrets",
    "serve --allow-file-seal": HOLE,
    "serve --initialise": "unit/cli/test_first_start.py::test_a_server_makes_no_database_but_for_development",
    "serve --processes": "scenario/test_several_processes.py::test_each_process_answers_on_the_one_port_of_each_wire",
    "serve --verbose": "scenario/test_start_steps.py::test_serve_tells_each_step_of_its_start_where_it_is_asked_to",
    "--version": "architecture/test_every_setting_acts.py::test_the_version_is_said",
}
"""THE table of options: of one command, or of every command of a group that has it. Options that are request fields are walked below."""


def settings_names(model: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of everything that a settings file may say; keys of tables and numbers of lists are left out."""
    for name, field in model.model_fields.items():
        inner = sections_in(field.annotation)
        for section in inner:
            yield from settings_names(section, f"{prefix}{name}.")
        if field.annotation is Limits:
            yield from (f"{prefix}{name}.{limit.name}" for limit in dataclasses.fields(Limits))
        elif not inner:
            yield prefix + name


def sections_in(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for each in get_args(annotation) for section in sections_in(each)]


def options(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Option]]:
    """(path of the command, option) of every command."""
    yield from ((path, option) for option in command.params if isinstance(option, click.Option))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from options(inner, f"{path} {name}".strip())


def is_request_field(path: str, option: click.Option) -> bool:
    steps = path.split()
    called = steps[1:] if steps[:1] == ["kms"] else steps[2:] if steps[:2] == ["policy", "check-access"] else []
    by_name = {rpc.method_name.replace("_", "-"): rpc for rpc in rpcs().values()}
    rpc = by_name.get(called[0]) if called else None
    fields: Any = rpc.request_class.DESCRIPTOR.fields_by_name if rpc is not None else {}
    return option.name in fields


def row_of(path: str, name: str) -> str | None:
    """The row of an option: of its command, of a group around it, or of all."""
    steps = path.split()
    for length in range(len(steps), -1, -1):
        key = " ".join([*steps[:length], name])
        if key in CLI:
            return key
    return None


@cache
def text_of(path: Path) -> str:
    """A test file with the test modules that it imports."""
    text = path.read_text()
    for module in re.findall(r"^from (tests\.[\w.]+) import", text, re.MULTILINE):
        text += (ROOT / f"{module.replace('.', '/')}.py").read_text()
    return (text + (ROOT / "tests" / "conftest.py").read_text()).replace("\\n", "\n")


def require_row(row: str, mentioned: str) -> None:
    """The test is there, and it, or what it is built on, says the name."""
    file, _, test = row.partition("::")
    path = ROOT / "tests" / file
    assert path.exists(), row
    names = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert test in ("", "*") or test in names, row
    assert re.search(rf"(?<![\w-]){re.escape(mentioned)}(?![\w-])", text_of(path)), f"{row} does not speak of {mentioned}"


def test_every_setting_has_a_row_and_no_row_is_left_over() -> None:
    assert set(settings_names(Settings)) == set(SETTINGS)


def test_every_option_has_a_row_and_no_row_is_left_over() -> None:
    used, without = set(), []
    for path, option in options(main):
        if not is_request_field(path, option):
            name = next(each for each in option.opts if each.startswith("--"))
            key = row_of(path, name)
            used.add(key)
            without += [] if key else [f"{path} {name}"]
    assert without == []
    assert used == set(CLI)


def test_the_guide_for_operators_has_every_setting_with_its_default() -> None:
    text = (ROOT / "docs" / "operate.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    defaults = {name.strip(" `"): cells[2].strip() for cells in rows if len(cells) == 5 for name in cells[1].split(",")}
    assert set(settings_names(Settings)) - set(defaults) == set()
    limits = {f"limits.{field.name}" for field in dataclasses.fields(Limits)}
    assert {name for name in defaults if name.startswith("limits.")} == limits
    for field in dataclasses.fields(Limits):
        value = getattr(Limits(), field.name)
        numbers = value.values() if isinstance(value, dict) else [value]
        assert all(
            f"{number:,g}" in defaults[f"limits.{field.name}"] or f"{number:,}" in defaults[f"limits.{field.name}"] for number in numbers
        )


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_has_a_test_that_speaks_of_it(name: str) -> None:
    require_row(SETTINGS[name], name.rpartition(".")[2])


@pytest.mark.parametrize("name", CLI)
def test_an_option_has_a_test_that_speaks_of_it(name: str) -> None:
    option = name.rpartition(" ")[2]
    require_row(CLI[name], {"policy --output": "policy"}.get(name, option))


@cache
def attributes_read() -> frozenset[str]:
    """Every name that code reads from an object, outside the files that declare settings."""
    read: set[str] = set()
    for file, all_of_it in nodes().items():
        name = file.rpartition("/")[2]
        if not name.startswith("settings") and name != "limits.py":
            read |= {n.attr for n in all_of_it if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)}
    return frozenset(read)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_has_a_reader(name: str) -> None:
    last = name.rpartition(".")[2]
    assert last in attributes_read() or name == "seals.provider", "pydantic chooses the kind of seal by its provider"


def test_every_rate_class_is_drawn_on() -> None:
    from meridian.contract.catalog import walked_rpcs
    from meridian.contract.enums import enum_of, enum_values

    drawn = set()
    for rpc in walked_rpcs().values():
        descriptor: Any = rpc.request_class.DESCRIPTOR
        named = {field: enum_values(enum_of(descriptor.fields_by_name[field])).values() for field in rpc.algorithm_fields}
        drawn |= {rpc.rate, *(class_said(field, value) for field, values in named.items() for value in values)}
    assert drawn - {""} == set(RATES)


def test_an_option_of_a_call_sets_its_field() -> None:
    """Every request field that the command line offers: what is given arrives in the request."""
    for rpc in rpcs().values():
        descriptor: Any = rpc.request_class.DESCRIPTOR
        for field in descriptor.fields:
            option, request = values.option_of(field), rpc.request_class()
            if option.metavar == values.JSON:
                given: Any = "{}"
            elif option.metavar == values.TIME:
                given = "2027-01-31T12:00:00Z"
            elif option.metavar == values.FILE:
                given = str(Path(__file__))
            elif isinstance(option.type, click.Choice):
                given = next(each for each in option.type.choices if each)
            else:
                is_number = isinstance(option.type, click.types.IntParamType)
                given = True if option.is_flag else 7 if is_number else "a=b" if option.metavar == "NAME=VALUE" else "text"
            values.set_field(request, field, (given,) if option.multiple else given, base64_input=False)
            assert [each.name for each, _ in request.ListFields()] == [field.name], (rpc.name, field.name)


def test_the_version_is_said() -> None:
    """--version"""
    from importlib.metadata import version

    from click.testing import CliRunner

    assert version("meridian") in CliRunner().invoke(main, ["--version"]).stdout
