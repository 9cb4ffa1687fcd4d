"""Tasks are born in the supervisor, which ends the process where one ends unasked. What else makes one waits for it itself, or hears of its
end."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.source_trees import trees

MAKES = {"create_task", "ensure_future"}

KEPT = {
    "workers/periodic.py serve": "the supervisor",
    "workers/key_stores.py _begin": "its end is noted, with its fault",
    "k8s_kms/process.py _keep": "the supervisor of a process that is no Region",
    "audit/ship_events.py is_committed": "waited for",
    "authorization/decision/builder.py _build": "whoever asks for the same thing waits for it, and gets its fault",
    "adapters/store_sql/whole_connections.py _whole": "waited for, whatever becomes of the caller",
    "adapters/store_sql/whole_connections.py _begin": "its end is noted, and the pool waits for it",
    "adapters/store_sql/whole_connections.py _close_live": "waited for",
    "adapters/peer_channels.py use": "the closing of a channel, which is forgotten when it is closed",
    "transport/draining.py stop": "waited for",
    "transport/http1/connection.py open": "one connection: a handshake that fails ends it",
    "transport/http1/connection.py _start_answer": "one answer, which reports what it meets",
    "transport/http1/server.py start": "the listener, which reports what it meets and goes on",
    "transport/envoy/departures.py _look": "its answer is read at the next look",
    "parent/one_process.py _live": "waited for",
    "cli/running_region.py run_region": "waited for",
    "cli/several.py _serve": "waited for",
    "cli/in_envoy.py opened": "it asks for the end, and nothing waits for it",
    "cli/dev_deployment.py _until_the_end": "waited for",
    "cli/dev_deployment.py _stop_all": "waited for",
    "cli/k8s_kms.py _serve": "waited for",
    "cli/waiting.py while_it_moves": "waited for",
}
"""THE table of functions that make a task, each with who hears of its end. Groups, which wait for theirs, are not among them."""


def makers(tree: ast.AST, within: str = "") -> Iterator[str]:
    """Functions that make a task, but for groups."""
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else within
        made_by = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
        if made_by is not None and made_by.attr in MAKES and ast.unparse(made_by.value) != "group":
            yield inside
        yield from makers(node, inside)


def test_whoever_makes_a_task_has_a_row() -> None:
    found = {f"{file} {name}" for file, tree in trees().items() for name in makers(tree)}
    assert sorted(found) == sorted(KEPT)


def test_a_task_would_be_found() -> None:
    text = "def f():\n    asyncio.create_task(g())\nasync def h():\n    group.create_task(g())\n"
    assert list(makers(ast.parse(text))) == ["f"]
