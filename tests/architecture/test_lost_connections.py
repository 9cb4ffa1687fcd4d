"""THE table of connections that this project's code opens to others, and the test that shows of each that it is left when it lost its way:
such a connection looks alive, and the system would keep it for a quarter of an hour. A new one fails here until it has its row."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture.test_security_rows import names_in
from tests.source_trees import nodes

ROOT = Path(__file__).resolve().parents[2]
OPENS = {
    "secure_channel",
    "insecure_channel",
    "create_async_engine",
    "client",
    "create_connection",
    "open_connection",
    "urlopen",
    "HTTPConnection",
}
"""Names of what opens a connection, in the libraries that are used; `client` is boto3's."""
TABLE = {
    "client/blocking_calls.py": ("scenario/test_slow_and_silent_networks.py", "test_a_client_leaves_a_connection_that_lost_its_way"),
    "testing/pytest_fixtures.py": ("scenario/test_slow_and_silent_networks.py", "test_a_client_leaves_a_connection_that_lost_its_way"),
    "client/asyncio_calls.py": ("scenario/test_slow_and_silent_networks.py", "test_a_client_leaves_a_connection_that_lost_its_way"),
    "adapters/peer_channels.py": ("faults/test_convergence.py", "test_after_each_kind_of_fault_all_regions_agree"),
    "adapters/store_sql/dialects.py": ("faults/test_database_that_hangs.py", "test_connections_that_lost_their_way_are_replaced"),
    "adapters/otlp_connection.py": ("contract/test_audit_sinks.py", "test_a_connection_that_lost_its_way_is_left_within_two_tries"),
    "adapters/audit_s3.py": ("contract/test_audit_sinks.py", "test_a_connection_that_lost_its_way_is_left_within_two_tries"),
}
TABLE_OF_ONCE = {
    "administration/admin_look.py": ("scenario/test_region_doctor.py", "test_"),
    "workload_api/follow.py": ("scenario/test_workload_api.py", "test_each_rotation_is_followed_until_the_end_is_asked_for"),
    "administration/doctor_peers.py": ("scenario/test_region_doctor.py", "test_addresses_certificates_policies_and_peers_are_looked_at"),
}
"""One question, with its time-out: of a command; and a socket of this machine, whose other end does not get lost."""


def openers() -> set[str]:
    """Files that call one of these names."""
    return {file for file, all_of_it in nodes().items() for node in all_of_it if isinstance(node, ast.Call) and _name(node.func) in OPENS}


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def test_every_connection_to_others_has_a_row_whose_test_exists() -> None:
    rows = {**TABLE, **TABLE_OF_ONCE}
    assert openers() == set(rows)
    for file, test in rows.values():
        assert any(name.startswith(test) for name in names_in(ROOT / "tests" / file)), f"{file}::{test}"
