"""What is caught without being foreseen is raised again or told to the operators; so is what the work in the background puts off."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

import pytest
from tests.source_trees import trees

BROAD = {"Exception", "BaseException"}
TELLS = {"report", "report_fault", "set_aside", "_set_aside", "set_aside_once", "throw"}

ELSEWHERE = {
    "authorization/decision/authorizer.py _side": "the decision carries it, and pipeline/authorize.py reports decisions that carry one",
    "authorization/language/evaluator.py evaluate": "the same",
    "authorization/language/evaluator.py evaluate_many": "the same",
    "authorization/decision/sweep.py ask": "the same, and the commands of policy authors show it",
    "authorization/decision/sweep.py _answers_of": "the same",
    "adapters/separate_process.py answer_to": "the fault is the answer, raised again where it was asked for",
    "workers/own_thread.py _call": "the same",
    "adapters/pkcs11/thread.py _run": "the same",
    "authorization/decision/authorizer.py decide_anew": "the same as _side",
    "authorization/decision/explain.py explain": "the explanation carries it, and pipeline/authorize.py reports it",
    "authorization/decision/question.py _ask": "the same as evaluate",
    "adapters/audit_compression.py _work": "on_fault reports it as a fault of the audit log",
    "adapters/audit_retention.py due": "the same",
    "transport/grpc_interceptor.py _answer": "refusal_of reports all but cancellation and the end of the call's time",
    "transport/envoy/grpc_wire.py _call": "the same",
    "cli/in_envoy.py _live": "the process says what it was, with its trace, and ends with the code of a failure",
    "audit/record_bounds.py shown": "the record carries the mark, and audit/record_maker.py has reported what led to it",
    "pipeline/undisclosed.py __call__": "_hide raises it or reports it",
    "pipeline/undisclosed.py _finish": "the same; the end of a call's time is no fault",
    "workers/reloaded_files.py _lies_still": "the same files are looked at again at once by _look, which reports it",
    "workers/rewrap.py _moved": "_move_key raises it again, once the other materials of the key have moved",
    "authorization/decision/builder.py _attempt": "what was built, or why it was not, goes to whoever waits for it",
}
"""THE table of handlers that neither raise nor report by themselves, each with the reason."""


def places(tree: ast.AST, within: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Every node with the name of the function around it."""
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else within
        yield inside, node
        yield from places(node, inside)


def caught(handler: ast.ExceptHandler) -> set[str]:
    """Names of what a handler catches; a bare one catches everything."""
    if handler.type is None:
        return {"BaseException"}
    return names_in(handler.type)


def names_in(node: ast.AST) -> set[str]:
    found = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return found | {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def tells(handler: ast.ExceptHandler) -> bool:
    body = [node for statement in handler.body for node in ast.walk(statement)]
    named = {node.attr for node in body if isinstance(node, ast.Attribute)}
    return any(isinstance(node, ast.Raise) for node in body) or not TELLS.isdisjoint(named)


def is_silent(handler: ast.ExceptHandler) -> bool:
    """Whether a handler only goes on."""
    return all(isinstance(each, ast.Pass | ast.Continue | ast.Break | ast.Return) for each in handler.body) and not any(
        isinstance(node, ast.Call) or (isinstance(node, ast.Name) and node.id == handler.name)
        for each in handler.body
        for node in ast.walk(each)
    )


def faults_of(tree: ast.Module, file: str) -> Iterator[str]:
    """`file function: what is wrong` for each handler that keeps something to itself."""
    for function, node in places(tree):
        place = f"{file} {function}"
        if isinstance(node, ast.ExceptHandler):
            kinds = caught(node)
            if kinds & BROAD and not tells(node):
                yield f"{place}: catches everything and tells nobody"
            elif "KmsError" in kinds and is_silent(node):
                yield f"{place}: goes on after a KmsError as if nothing had been"
        elif isinstance(node, ast.Call) and "suppress" in names_in(node.func):
            kinds = {name for argument in node.args for name in names_in(argument)}
            if kinds & (BROAD | {"KmsError"}):
                yield f"{place}: suppresses what setbacks.py would tell"


@cache
def found_in_the_service() -> list[str]:
    return [fault for file, tree in trees().items() for fault in faults_of(tree, file)]


def test_nothing_is_caught_in_silence() -> None:
    assert [fault for fault in found_in_the_service() if fault.partition(":")[0] not in ELSEWHERE] == []


def test_every_exception_to_the_rule_is_still_needed() -> None:
    assert set(ELSEWHERE) - {fault.partition(":")[0] for fault in found_in_the_service()} == set()


@pytest.mark.parametrize(
    ("body", "is_fault"),
    [
        ("try: work()\nexcept Exception: pass", True),
        ("try: work()\nexcept: return_none()", True),
        ("try: work()\nexcept (ValueError, BaseException) as fault: log.error('x')", True),
        ("try: work()\nexcept Exception as fault: raise Typed() from fault", False),
        ("try: work()\nexcept Exception as fault: events.report_fault(fault, during='x')", False),
        ("try: work()\nexcept ValueError: pass", False),
        ("try: work()\nexcept KmsError: pass", True),
        ("try: work()\nexcept KmsError as fault: log.warning('x', fault=fault)", False),
        ("with contextlib.suppress(KmsError): work()", True),
        ("with suppress(ValueError, Exception): work()", True),
        ("with contextlib.suppress(TimeoutError): work()", False),
        ("with self._setbacks.expected(KmsError): work()", False),
    ],
)
def test_the_rule_finds_what_it_is_for(body: str, is_fault: bool) -> None:
    assert bool(list(faults_of(ast.parse(body), "file.py"))) is is_fault
