"""A quick test waits for what it means, by asking again until it is there, and for no time that somebody thought long enough."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SLEEPS = {"time.sleep", "asyncio.sleep", "sleep"}
LOOPS = (ast.While, ast.For, ast.AsyncFor)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PLAYS = "plays what takes its time, or never comes"
NOTHING = "gives what must not happen the time to happen"
UNSEEN = "what has been sent arrives, which nothing else shows"
MEASURED = "the time itself is what is measured"

TABLE = {
    "adversary/test_anonymous_callers.py silent.never": PLAYS,
    "adversary/test_decided_before_a_change.py answered_after": NOTHING,
    "adversary/test_no_pause_of_the_loop.py test_a_loop_that_is_held_is_seen.held": MEASURED,
    "conformance/test_bad_input.py test_a_warm_call_reads_no_database_parses_no_policy_and_unwraps_no_key": MEASURED,
    "contract/test_audit.py test_a_slow_sink_fails_its_callers.slow": PLAYS,
    "contract/test_audit_stdout.py test_nothing_is_copied_that_is_not_durable": NOTHING,
    "contract/test_audit_stdout.py test_the_directory_is_not_listed_again_and_no_file_is_opened_while_nothing_is_new": NOTHING,
    "contract/test_store.py test_a_cancelled_transaction_leaves_no_trace_and_no_lock.slow": PLAYS,
    "deployment.py metrics": "until a Region makes another text of its metrics",
    "histories/alone.py stand_alone": PLAYS,
    "histories/churn.py churn": MEASURED,
    "histories/soak.py _pause": PLAYS,
    "unit/adapters/test_import_key_pool.py test_the_shelf_is_filled_and_filled_again.story": NOTHING,
    "unit/adapters/test_import_key_pool.py test_where_none_is_kept_ready_one_is_made_for_each_who_waits.story": NOTHING,
    "unit/cli/test_ending.py test_a_word_that_is_repeated_is_one_word_and_a_second_one_ends_at_once": NOTHING,
    "unit/cli/test_waiting.py test_of_a_process_that_works": PLAYS,
    "unit/client/test_pages_and_waits.py test_a_look_that_takes_too_long_is_told_as_what_was_waited_for.slowly": PLAYS,
    "unit/k8s_kms/fake_regions.py _answer": PLAYS,
    "unit/pipeline/test_foretell_elsewhere.py foretell": PLAYS,
    "unit/transport/test_aws_wire.py test_the_end_waits_for_the_records_of_callers_who_have_gone.walk": PLAYS,
    "unit/transport/test_envoy_departures.py answer": PLAYS,
    "unit/transport/test_envoy_departures.py test_a_departure_that_is_heard_of_late_cuts_nothing_that_came_after.story": NOTHING,
    "unit/transport/test_envoy_departures.py test_of_a_call_that_is_refused_already_nobody_asks.story": NOTHING,
    "unit/transport/test_http_connections.py test_a_second_request_before_the_answer_ends_the_connection_after_it.story": UNSEEN,
    "unit/transport/test_http_connections.py "
    "test_known_callers_whose_next_request_does_not_arrive_make_way_after_those_that_rest.story": UNSEEN,
    "unit/workers/test_audit_sinks.py test_a_sink_that_hangs_ends_a_round_in_time_and_others_go_on": MEASURED,
    "unit/workers/test_mending_rounds.py reconcile": PLAYS,
    "unit/workers/test_reloaded_files.py test_files_that_still_move_are_not_taken_half.write_the_other": PLAYS,
    "xks_proxy.py do_POST": PLAYS,
}
"""THE table of sleeps of quick tests that are no pause between two looks, and why each is needed."""


def sleeps(tree: ast.AST, function: str = "", *, in_loop: bool = False) -> Iterator[str]:
    """Functions that sleep, but for a turn of the loop and for a pause between two looks; those of deep tests are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, FUNCTIONS):
            if not any("deep" in ast.unparse(each) for each in node.decorator_list):
                yield from sleeps(node, f"{function}.{node.name}".lstrip("."))
            continue
        is_sleep = isinstance(node, ast.Call) and ast.unparse(node.func) in SLEEPS
        if isinstance(node, ast.Call) and is_sleep and not in_loop and ast.unparse(node.args[0]) != "0":
            yield function
        yield from sleeps(node, function, in_loop=in_loop or isinstance(node, LOOPS))


def is_deep(tree: ast.Module) -> bool:
    marks = (each for each in tree.body if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "pytestmark")
    return any("deep" in ast.unparse(each) for each in marks)


def test_whoever_sleeps_has_a_row() -> None:
    trees = {path.relative_to(TESTS).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(TESTS.rglob("*.py"))}
    found = {f"{file} {function}" for file, tree in trees.items() if not is_deep(tree) for function in sleeps(tree)}
    assert sorted(found) == sorted(TABLE)


def test_what_sleeps_is_found() -> None:
    text = """
def test_a():
    time.sleep(1)
    def slow():
        time.sleep(2)

async def test_b():
    await asyncio.sleep(0)
    while not there():
        await asyncio.sleep(0.01)

@pytest.mark.deep
def test_c():
    time.sleep(1)
"""
    assert list(sleeps(ast.parse(text))) == ["test_a", "test_a.slow"]
    assert is_deep(ast.parse("pytestmark = pytest.mark.deep"))
