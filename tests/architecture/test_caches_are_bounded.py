"""Whatever the service keeps by name is in the table, and where somebody else writes the name there are so many, and none is longer."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sized
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from tests.architecture.caches import CACHES, KEY_NAME, Beside, Bounded, Measured
from tests.source_trees import nodes, trees

from meridian.authentication import aws_signature
from meridian.authentication.certificate_check import CertificateCheck
from meridian.authentication.certificate_names import CertificateNames
from meridian.authentication.failed_attempts import FailedAttempts
from meridian.contract.catalog import limits_of, served_rpcs
from meridian.contract.fields import descriptor_of
from meridian.crypto.certificates import new_authority
from meridian.domain import addresses
from meridian.errors import KmsError
from meridian.transport.grpc_evidence import peer_address

COMMANDS = ("cli/", "client/", "policy_kit/")
"""Rooms of commands and of clients: a process there is one operator's, and ends."""
COLLECTIONS = {"OrderedDict", "defaultdict", "Counter", "WeakKeyDictionary", "WeakValueDictionary", "dict", "set", "BoundedCache", "Newest"}
MORE = 100
LONG = 100_000


def is_empty_collection(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Dict):
        return not value.keys
    if not isinstance(value, ast.Call):
        return False
    name = ast.unparse(value.func)
    return (name in COLLECTIONS and not any(isinstance(given, ast.List | ast.Tuple) for given in value.args)) or (
        name == "field" and any(word in ast.unparse(value) for word in ("dict", "set", "Counter"))
    )


def kept(tree: ast.AST, owner: str = "", *, in_function: bool = False) -> Iterator[tuple[str, ast.AST]]:
    """What outlives a call and is looked up by name: attributes and globals that begin empty, and functions that remember."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if any("cache" in ast.unparse(decorator) for decorator in node.decorator_list):
                yield owner + node.name, node
            yield from kept(node, owner, in_function=True)
        elif isinstance(node, ast.ClassDef):
            yield from kept(node, f"{owner}{node.name}.")
        else:
            if isinstance(node, ast.Assign | ast.AnnAssign) and is_empty_collection(node.value):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if isinstance(target, ast.Attribute):
                    yield owner + target.attr, node
                elif not in_function:
                    yield owner + ast.unparse(target), node
            yield from kept(node, owner, in_function=in_function)


@cache
def caches() -> dict[str, ast.AST]:
    found: dict[str, ast.AST] = {}
    for file, tree in trees().items():
        if not file.startswith(COMMANDS):
            found |= {f"{file} {name}": node for name, node in kept(tree)}
    return found


def test_every_cache_is_in_the_table() -> None:
    assert sorted(caches()) == sorted(CACHES)


def test_a_cache_would_be_found() -> None:
    text = "x = {}\nclass A:\n    b: dict = field(default_factory=dict)\n    def f(self):\n        self.c = OrderedDict()\n        d = {}\n"
    text += "@lru_cache(maxsize=9)\ndef g(): ...\nclass B:\n    @cache\n    def h(self): ...\n"
    assert [name for name, _ in kept(ast.parse(text))] == ["x", "A.b", "A.c", "g", "B.h"]


def counts(node: ast.AST, name: str, bound: str) -> bool:
    """Whether this compares the length of the cache with the bound, hands both to what does, or makes one of the `Newest` so many."""
    words = {each.id if isinstance(each, ast.Name) else each.attr for each in ast.walk(node) if isinstance(each, ast.Name | ast.Attribute)}
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return ast.unparse(node.target).endswith(f".{name}") and ast.unparse(node.value) == f"Newest({bound})"
    return isinstance(node, ast.Compare | ast.Call) and bound in words and (name in words or isinstance(node, ast.Compare))


@pytest.mark.parametrize("place", [place for place, kind in CACHES.items() if isinstance(kind, Bounded)])
def test_the_bound_is_in_the_code(place: str) -> None:
    kind = CACHES[place]
    assert isinstance(kind, Bounded)
    file, name = place.split()
    node = caches()[place]
    if isinstance(node, ast.FunctionDef):
        (decorator,) = node.decorator_list
        assert isinstance(decorator, ast.Call)
        size = decorator.keywords[0].value
        assert ast.unparse(size) == kind.entries or getattr(addresses, ast.unparse(size)) == int(kind.entries)
        return
    room = file.rpartition("/")[0]
    beside = [each for each in nodes() if each == file or ("live_policies" in file and each.rpartition("/")[0] == room)]
    assert any(counts(node, name.rpartition(".")[2], kind.entries) for each in beside for node in nodes()[each])


@pytest.mark.parametrize("place", [place for place, node in caches().items() if "BoundedCache(" in ast.unparse(node)])
def test_a_cache_that_is_measured_has_the_bound_and_the_metric_of_the_table(place: str) -> None:
    kind, node = CACHES[place], caches()[place]
    assert isinstance(kind, Measured)
    assert isinstance(node, ast.AnnAssign)
    assert isinstance(node.value, ast.Call)
    given = {each.arg: ast.unparse(each.value) for each in node.value.keywords}
    assert (ast.literal_eval(node.value.args[1]), given["most"]) == (kind.metric, kind.entries)


def test_what_is_kept_about_keys_and_policies_is_measured() -> None:
    """Keys by their versions, and whatever is as large as a policy."""
    heavy = {
        "Key", "KeyMaterial", "Loaded", "Parsed", "Grant", "Policy", "PolicyDecision", "PolicyHandle", "EntityHandle", "SchemaHandle",
        "CompiledSlice",
    }  # fmt: skip
    unmeasured = {place for place, kind in CACHES.items() if isinstance(kind, Bounded | Beside)}
    for place in sorted(unmeasured):
        node = caches()[place]
        if isinstance(node, ast.AnnAssign):
            words = {each.id for each in ast.walk(node.annotation) if isinstance(each, ast.Name)}
            assert not words & heavy, place


def test_each_measured_cache_has_a_metric_of_its_own() -> None:
    metrics = [kind.metric for kind in CACHES.values() if isinstance(kind, Measured)]
    assert len(metrics) == len(set(metrics))
    assert {place for place, kind in CACHES.items() if isinstance(kind, Measured)} == {
        place for place, node in caches().items() if "BoundedCache(" in ast.unparse(node)
    }


def test_what_goes_with_another_names_one_that_is_bounded() -> None:
    for kind in CACHES.values():
        assert not isinstance(kind, Beside) or isinstance(CACHES[kind.other], Bounded | Measured)


def test_references_to_keys_have_the_length_that_the_table_says() -> None:
    for rpc in served_rpcs().values():
        for field, _ in rpc.key_fields:
            limits: Any = limits_of(descriptor_of(rpc.request_class).fields_by_name[field])
            assert 0 < limits.max <= KEY_NAME, f"{rpc.name} {field}"


# ---- driven: names as long and as many as somebody likes


def _address(number: int) -> str:
    return f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1"


def _addresses(text: str) -> None:
    addresses.plain_address(text)
    addresses.network_of(text)
    peer_address(f"ipv6:%5B{text}%5D:1")


def _failed(attempts: FailedAttempts) -> Callable[[str], None]:
    return lambda text: attempts.note(text, 0.0)


def _refused(ask: Callable[[str], object]) -> Callable[[str], None]:
    def asked(text: str) -> None:
        with pytest.raises((KmsError, ValueError)):
            ask(text)

    return asked


def _certificate(text: str) -> bytes:
    return f"-----{text}".encode()


def driven() -> dict[str, tuple[Callable[[str], object], Callable[[], Sized | Any]]]:
    """For each cache that strangers reach before anybody has checked the name: what is called with a name, and what is kept."""
    attempts, names = FailedAttempts(20), CertificateNames()
    now = datetime(2026, 11, 25, tzinfo=UTC)
    check = CertificateCheck(new_authority("a", now).certificate, hours_max=None)
    return {
        "domain/addresses.py _plain": (_addresses, addresses._plain.cache_info),
        "domain/addresses.py _network": (_addresses, addresses._network.cache_info),
        "authentication/aws_signature.py _moment": (
            _refused(lambda text: aws_signature.require_fresh(text, now)),
            aws_signature._moment.cache_info,
        ),
        "authentication/failed_attempts.py FailedAttempts._buckets": (_failed(attempts), lambda: attempts._buckets),
        "authentication/certificate_names.py CertificateNames._known": (
            _refused(lambda text: names.of(_certificate(text))),
            lambda: names._known,
        ),
        "authentication/certificate_check.py CertificateCheck._known": (
            _refused(lambda text: check.require_good(_certificate(text), now)),
            lambda: check._known,
        ),
    }


def size_of(found: Any) -> int:
    return found.currsize if hasattr(found, "currsize") else len(found)


def value_of(place: str, entries: str) -> int:
    """The number of a bound: itself, or the constant of its file."""
    module = import_module("meridian." + place.partition(" ")[0].removesuffix(".py").replace("/", "."))
    return int(entries) if entries.isdigit() else int(getattr(module, entries))


@pytest.mark.parametrize("place", list(driven()))
def test_strangers_fill_no_cache(place: str) -> None:
    ask, look = driven()[place]
    kind = CACHES[place]
    assert isinstance(kind, Bounded)
    addresses._plain.cache_clear()
    addresses._network.cache_clear()
    aws_signature._moment.cache_clear()
    for character in "0:z":
        ask(character * (kind.name + 1))
        ask(character * LONG)
    assert size_of(look()) <= (1 if "failed_attempts" in place else 0), "what is no address has one name"
    most = value_of(place, kind.entries)
    for number in range(most + MORE):
        ask(_address(number))
    assert size_of(look()) <= most
