"""An expression of Cedar's JSON form as the text that an author would write, with no more parentheses than it needs.

Source: Cedar Policy Language Reference, JSON policy format, and the grammar's order of precedence.
"""

from __future__ import annotations

import json
from typing import Any, Final

from meridian.authorization.language.cedar_text import cedar_text
from meridian.authorization.language.evaluator import Est

IF, OR, AND, COMPARE, ADD, MULTIPLY, UNARY, MEMBER = range(8)
"""Levels of precedence, loosest first."""

INFIX: Final = {
    "||": OR,
    "&&": AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), COMPARE),
    "+": ADD,
    "-": ADD,
    "*": MULTIPLY,
}
METHODS: Final = frozenset({"contains", "containsAll", "containsAny", "getTag", "hasTag"})
CONSTRUCTORS: Final = frozenset({"ip", "decimal", "datetime", "duration"})


def expression_text(expression: Est) -> str:
    """One expression as Cedar text, on one line."""
    return _print(expression)[0]


def _at(expression: Est, level: int) -> str:
    """The text, in parentheses where it binds more loosely than its place asks."""
    text, own = _print(expression)
    return text if own >= level else f"({text})"


def _print(expression: Est) -> tuple[str, int]:
    [(operator, inner)] = expression.items()
    if operator in INFIX:
        level = INFIX[operator]
        # Comparisons do not chain; the others are read from the left.
        left = _at(inner["left"], level + (level == COMPARE))
        return f"{left} {operator} {_at(inner['right'], level + 1)}", level
    if operator in METHODS:
        return f"{_at(inner['left'], MEMBER)}.{operator}({_at(inner['right'], IF)})", MEMBER
    made = _PRINTERS.get(operator)
    return _extension(operator, inner) if made is None else made(inner)


def _extension(name: str, arguments: list[Est]) -> tuple[str, int]:
    """A constructor of an extension type, or a method of one."""
    if name in CONSTRUCTORS:
        return f"{name}({', '.join(_at(a, IF) for a in arguments)})", MEMBER
    return f"{_at(arguments[0], MEMBER)}.{name}({', '.join(_at(a, IF) for a in arguments[1:])})", MEMBER


def _value(value: Any) -> tuple[str, int]:
    if isinstance(value, dict):
        entity = value["__entity"]
        return f"{entity['type']}::{cedar_text(entity['id'])}", MEMBER
    if isinstance(value, str):
        return cedar_text(value), MEMBER
    return json.dumps(value), UNARY if isinstance(value, int) and value < 0 else MEMBER


def _access(inner: Est) -> tuple[str, int]:
    name, left = inner["attr"], _at(inner["left"], MEMBER)
    return (f"{left}.{name}" if _is_name(name) else f"{left}[{cedar_text(name)}]"), MEMBER


def _has(inner: Est) -> tuple[str, int]:
    name = inner["attr"]
    return f"{_at(inner['left'], ADD)} has {name if _is_name(name) else cedar_text(name)}", COMPARE


def _like(inner: Est) -> tuple[str, int]:
    pattern = "".join("*" if part == "Wildcard" else cedar_text(part["Literal"])[1:-1].replace("*", "\\*") for part in inner["pattern"])
    return f'{_at(inner["left"], ADD)} like "{pattern}"', COMPARE


def _is(inner: Est) -> tuple[str, int]:
    inside = f" in {_at(inner['in'], ADD)}" if "in" in inner else ""
    return f"{_at(inner['left'], ADD)} is {inner['entity_type']}{inside}", COMPARE


def _choice(inner: Est) -> tuple[str, int]:
    return f"if {_at(inner['if'], IF)} then {_at(inner['then'], IF)} else {_at(inner['else'], IF)}", IF


def _record(inner: Est) -> tuple[str, int]:
    pairs = (f"{name if _is_name(name) else cedar_text(name)}: {_at(value, IF)}" for name, value in inner.items())
    return "{" + ", ".join(pairs) + "}", MEMBER


def _is_name(text: str) -> bool:
    return text.isascii() and text.isidentifier()


_PRINTERS: Final[dict[str, Any]] = {
    "Value": _value,
    "Var": lambda name: (name, MEMBER),
    ".": _access,
    "has": _has,
    "like": _like,
    "is": _is,
    "if-then-else": _choice,
    "Set": lambda items: (f"[{', '.join(_at(item, IF) for item in items)}]", MEMBER),
    "Record": _record,
    "!": lambda inner: (f"!{_at(inner['arg'], UNARY)}", UNARY),
    "neg": lambda inner: (f"-{_at(inner['arg'], UNARY)}", UNARY),
    "isEmpty": lambda inner: (f"{_at(inner['arg'], MEMBER)}.isEmpty()", MEMBER),
}
