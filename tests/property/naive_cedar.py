"""A tiny interpreter for the part of Cedar that random policies use, and the text of its expressions.

Written from the Cedar Policy Language Reference alone. It shares nothing with the service, so that the two can disagree.

An expression is a tuple: its operator, then its operands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

Expr = tuple[Any, ...]
LONG_MAX = 2**63 - 1
WILD = None
"""A star in the pattern of `like`; other parts of a pattern are literal texts."""


class CedarError(Exception):
    """An expression that cannot be evaluated."""


class Uid(NamedTuple):
    kind: str
    name: str


@dataclass(frozen=True)
class World:
    """What a request brings: its variables, and what is known of every entity."""

    variables: Mapping[str, Any]
    attributes: Mapping[Uid, Mapping[str, Any]]
    tags: Mapping[Uid, Mapping[str, str]]
    containers: Mapping[Uid, frozenset[Uid]]
    """Everything that an entity is in, itself left out."""

    def holds(self, inner: Uid, outer: Uid) -> bool:
        return inner == outer or outer in self.containers.get(inner, ())


def value_of(expr: Expr, world: World) -> Any:
    """The value of an expression. Raises: CedarError."""
    return _OPERATORS[expr[0]](world, *expr[1:])


def truth_of(expr: Expr, world: World) -> bool:
    value = value_of(expr, world)
    if not isinstance(value, bool):
        raise CedarError("no truth value")
    return value


def _of_kind(kind: type, *values: Any) -> tuple[Any, ...]:
    for value in values:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise CedarError(f"no {kind.__name__}: {value!r}")
    return values


def _fields(world: World, value: Any) -> Mapping[str, Any]:
    if isinstance(value, Uid):
        return world.attributes.get(value, {})
    if isinstance(value, dict):
        return value
    raise CedarError("neither a record nor an entity")


def _get(world: World, of: Expr, name: str) -> Any:
    fields = _fields(world, value_of(of, world))
    if name not in fields:
        raise CedarError(f"no attribute {name}")
    return fields[name]


def _tags(world: World, of: Expr, name: Expr) -> tuple[Mapping[str, str], str]:
    [owner] = _of_kind(Uid, value_of(of, world))
    [tag] = _of_kind(str, value_of(name, world))
    return world.tags.get(owner, {}), tag


def _has_tag(world: World, of: Expr, name: Expr) -> bool:
    tags, tag = _tags(world, of, name)
    return tag in tags


def _get_tag(world: World, of: Expr, name: Expr) -> str:
    tags, tag = _tags(world, of, name)
    if tag not in tags:
        raise CedarError(f"no tag {tag}")
    return tags[tag]


def _equal(world: World, left: Expr, right: Expr) -> bool:
    one, other = value_of(left, world), value_of(right, world)
    return type(one) is type(other) and bool(one == other)


def _less(world: World, left: Expr, right: Expr) -> bool:
    one, other = value_of(left, world), value_of(right, world)
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one < other
    one, other = _of_kind(int, one, other)
    return bool(one < other)


def _arithmetic(made: Callable[[int, int], int]) -> Callable[[World, Expr, Expr], int]:
    def run(world: World, left: Expr, right: Expr) -> int:
        result = made(*_of_kind(int, value_of(left, world), value_of(right, world)))
        if not -LONG_MAX - 1 <= result <= LONG_MAX:
            raise CedarError("overflow")
        return result

    return run


def _in(world: World, left: Expr, right: Expr) -> bool:
    [inner] = _of_kind(Uid, value_of(left, world))
    outer = value_of(right, world)
    outers = _of_kind(Uid, *(outer if isinstance(outer, frozenset) else [outer]))
    return any(world.holds(inner, one) for one in outers)


def _like(world: World, left: Expr, pattern: tuple[str | None, ...]) -> bool:
    [text] = _of_kind(str, value_of(left, world))
    return re.fullmatch("".join(".*" if part is WILD else re.escape(part) for part in pattern), text, re.DOTALL) is not None


def _sets(relation: Callable[[frozenset[Any], frozenset[Any]], bool]) -> Callable[[World, Expr, Expr], bool]:
    return lambda world, left, right: relation(*_of_kind(frozenset, value_of(left, world), value_of(right, world)))


def _contains(world: World, left: Expr, right: Expr) -> bool:
    [items] = _of_kind(frozenset, value_of(left, world))
    return value_of(right, world) in items


def _if(world: World, test: Expr, then: Expr, otherwise: Expr) -> Any:
    return value_of(then if truth_of(test, world) else otherwise, world)


def _is(world: World, left: Expr, kind: str) -> bool:
    [uid] = _of_kind(Uid, value_of(left, world))
    return bool(uid.kind == kind)


def _in_range(world: World, left: Expr, network: str) -> bool:
    return ip_address(value_of(left, world)) in ip_network(network)


_OPERATORS: dict[str, Callable[..., Any]] = {
    "lit": lambda _world, value: value,
    "time": lambda _world, text: datetime.fromisoformat(text),
    "uid": lambda _world, kind, name: Uid(kind, name),
    "var": lambda world, name: world.variables[name],
    "set": lambda world, *items: frozenset(value_of(item, world) for item in items),
    "record": lambda world, name, value: {name: value_of(value, world)},
    ".": _get,
    "has": lambda world, of, name: name in _fields(world, value_of(of, world)),
    "hasTag": _has_tag,
    "getTag": _get_tag,
    "==": _equal,
    "!=": lambda world, left, right: not _equal(world, left, right),
    "<": _less,
    "+": _arithmetic(lambda left, right: left + right),
    "*": _arithmetic(lambda left, right: left * right),
    "!": lambda world, arg: not truth_of(arg, world),
    "&&": lambda world, left, right: truth_of(left, world) and truth_of(right, world),
    "||": lambda world, left, right: truth_of(left, world) or truth_of(right, world),
    "if": _if,
    "in": _in,
    "is": _is,
    "like": _like,
    "contains": _contains,
    "containsAll": _sets(lambda left, right: left >= right),
    "containsAny": _sets(lambda left, right: not left.isdisjoint(right)),
    "isInRange": _in_range,
}


# ---- as text


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def text_of(expr: Expr) -> str:
    """The Cedar text of an expression, with parentheses around all of it."""
    return _PRINTERS[expr[0]](*expr[1:])


def _infix(operator: str) -> Callable[[Expr, Expr], str]:
    return lambda left, right: f"({text_of(left)} {operator} {text_of(right)})"


def _method(name: str) -> Callable[[Expr, Expr], str]:
    return lambda left, right: f"{text_of(left)}.{name}({text_of(right)})"


def _pattern(pattern: tuple[str | None, ...]) -> str:
    return "".join("*" if part is WILD else quoted(part)[1:-1].replace("*", "\\*") for part in pattern)


_PRINTERS: dict[str, Callable[..., str]] = {
    "lit": lambda value: quoted(value) if isinstance(value, str) else json.dumps(value),
    "time": lambda text: f"datetime({quoted(text)})",
    "uid": lambda kind, name: f"{kind}::{quoted(name)}",
    "var": lambda name: name,
    "set": lambda *items: f"[{', '.join(text_of(item) for item in items)}]",
    "record": lambda name, value: f"{{{quoted(name)}: {text_of(value)}}}",
    ".": lambda of, name: f"{text_of(of)}[{quoted(name)}]",
    "has": lambda of, name: f"({text_of(of)} has {quoted(name)})",
    "!": lambda arg: f"(!{text_of(arg)})",
    "if": lambda test, then, otherwise: f"(if {text_of(test)} then {text_of(then)} else {text_of(otherwise)})",
    "is": lambda left, kind: f"({text_of(left)} is {kind})",
    "like": lambda left, pattern: f'({text_of(left)} like "{_pattern(pattern)}")',
    "isInRange": lambda left, network: f"{text_of(left)}.isInRange(ip({quoted(network)}))",
    **{name: _infix(name) for name in ("==", "!=", "<", "+", "*", "&&", "||", "in")},
    **{name: _method(name) for name in ("hasTag", "getTag", "contains", "containsAll", "containsAny")},
}
