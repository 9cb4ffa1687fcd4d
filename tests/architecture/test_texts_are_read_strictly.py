"""What a person writes is read by the strict readers; and files that somebody else can put in place are opened as regular files only."""

from __future__ import annotations

import ast
from collections.abc import Callable

from tests.source_trees import nodes

READERS = {"loads", "load", "safe_load", "load_all", "safe_load_all", "JSONDecoder"}
MODULES = {"json", "orjson", "tomllib", "yaml"}
PARSES = {
    "domain/strict_json.py": "THE reader of JSON that people write",
    "domain/strict_toml.py": "THE reader of TOML, which refuses a name given twice by itself",
    "domain/policy_trial.py": "what a process and its child tell each other",
    "policy_kit/yaml_text.py": "THE reader of YAML",
    "policy_kit/json_places.py": "a document that THE reader has read, once more for the places in it",
    "cli/in_envoy.py": "what this process told itself before it became Envoy",
    "contract/comments.py": "of this package",
    "authorization/language/evaluator.py": "Cedar's own form, from the binding",
    "audit/record_bounds.py": "a record that this process has just written",
    "audit/trail.py": "a record that this process has just written",
    "audit/ship_events.py": "a record out of the database",
    "adapters/audit_otlp.py": "a record of the log, on its way",
    "adapters/audit_history.py": "a place that a Region has told, sealed",
    "adapters/audit_position.py": "a position that this process keeps",
    "adapters/store_sql/grants.py": "a column",
    "adapters/store_sql/key_sets.py": "a column",
    "adapters/store_sql/key_stores.py": "a column",
    "adapters/store_sql/keys.py": "a column",
    "engine/session_tokens.py": "a token that this Region sealed",
    "engine/xks_rows.py": "a row that this Region sealed",
    "audit/beyond_heads.py": "a line that its chain of hashes vouches for",
    "audit/digest.py": "a digest that its signature vouches for",
    "audit/line.py": "a line that its chain of hashes vouches for",
    "audit/written_since.py": "a line that its chain of hashes vouches for",
    "administration/doctor.py": "an event out of the database",
    "client/credential_chain.py": "the caller's own profiles, in TOML, which refuses a name given twice by itself",
}
"""THE table of files that parse a text, and whose text it is."""

OPENS = {
    "regular_file.py": "THE reader of files that others may have put there",
    "engine/secret_files.py": "regular files alone, and their modes",
    "cli/short_files.py": "a file or pipe that an option names, up to a length",
    "settings.py": "a file or pipe that an option names, up to a length",
    "authorization/sets/packaged.py": "of this package",
    "contract/comments.py": "of this package",
    "console/screens.py": "of this package",
    "adapters/clock_system.py": "of the kernel",
    "bootstrap/cores.py": "of the kernel",
    "adapters/audit_compression.py": "a segment of this process",
    "adapters/audit_position.py": "a position that this process keeps",
    "adapters/audit_ship_files.py": "a segment or digest of this process",
    "adapters/store_sql/sqlite_copies.py": "the database's own file",
    "adapters/store_sql/postgresql_copies.py": "a copy that this process has had made",
    "audit/digest.py": "listed as a file",
    "audit/stream_files.py": "listed as a file",
    "audit/written_since.py": "listed as a file",
    "cli/sample.py": "of this package",
    "cli/certificate_pairs.py": "of a development deployment",
    "cli/dev_deployment.py": "the log of a development deployment",
    "cli/dev_environment.py": "of a development deployment",
    "cli/dev_policies.py": "of a development deployment",
    "cli/dev_folder.py": "of a development deployment",
    "cli/start.py": "standard input, as a parent or this process itself has given it",
    "client/connection.py": "what the environment names",
    "testing/running_region.py": "of a development deployment",
}
"""THE table of files that open something to read, and why no pipe or device stands there."""


def files_with(wanted: Callable[[ast.Call], bool]) -> set[str]:
    """Files with such a call of a method."""
    calls = ((file, node) for file, all_of_it in nodes().items() for node in all_of_it if isinstance(node, ast.Call))
    return {file for file, node in calls if isinstance(node.func, ast.Attribute) and wanted(node)}


def parses(node: ast.Call) -> bool:
    assert isinstance(node.func, ast.Attribute)
    return node.func.attr in READERS and ast.unparse(node.func.value) in MODULES


def opens(node: ast.Call) -> bool:
    assert isinstance(node.func, ast.Attribute)
    first = ast.unparse(node.args[0]) if node.args else ""
    is_reading_open = node.func.attr == "open" and (first == "'rb'" or any("O_RDONLY" in ast.unparse(arg) for arg in node.args))
    is_read_whole = node.func.attr in ("read_text", "read_bytes") and ast.unparse(node.func) != "values.read_bytes"
    return is_read_whole or (is_reading_open and "O_DIRECTORY" not in ast.unparse(node))


def test_every_parser_of_texts_is_known() -> None:
    assert files_with(parses) == set(PARSES)


def test_every_place_that_opens_a_file_to_read_is_known() -> None:
    assert files_with(opens) == set(OPENS)
