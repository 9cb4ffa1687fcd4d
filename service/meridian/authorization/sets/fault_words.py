"""What strict validation finds, in words: once for each word that is wrong, where it stands, and what may have been meant.

Cedar says the same of every action that a policy is about, and names neither line nor word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Final

from meridian.authorization.language.evaluator import PolicySyntaxError, parse_policies
from meridian.authorization.language.policy_text import PolicyText
from meridian.authorization.language.schema_model import SchemaModel

OF_POLICY: Final = re.compile(r"^for policy `[^`]*`, ")
IN_CONTEXT: Final = re.compile(r'^attribute `([\w.]+)` in context for KMS::Action::"(\w+)" not found')
ON_ENTITY: Final = re.compile(r"^attribute `([\w.]+)` on entity type `KMS::(\w+)` not found")
ACTION: Final = re.compile(r'^unrecognized action `KMS::Action::"([^"`]*)"`')
TYPE: Final = re.compile(r"^unrecognized entity type `KMS::([\w:]+)`")
FOLLOWS: Final = "unable to find an applicable action"
"""What Cedar adds where something else of the scope is wrong."""
UNEXPECTED: Final = re.compile(r"unexpected token `([^`]+)`")
CALLERS: Final = frozenset({"User", "Role", "Service"})
SHOWN: Final = 2
"""Actions that are named; the others are counted."""
LIKE: Final = 0.7
TRIES_MAX: Final = 32
"""Places of a token that are tried, each by reading the policy up to there."""


@dataclass(frozen=True, slots=True)
class PlacedFault:
    """Where in the file, and what."""

    line: int
    column: int
    """Counted from 1, as is the line; 0 where no word of the policy is meant."""
    text: str

    @property
    def place(self) -> str:
        """`line:column`, or the line alone."""
        return f"{self.line}:{self.column}" if self.column else f"{self.line}"


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A word that the schema does not have."""

    path: str
    word: str
    text: str
    place: re.Pattern[str]
    meant: tuple[str, ...]
    """Whole paths of the schema that are like it."""


def placed_faults(policy: PolicyText, errors: Sequence[str], model: SchemaModel) -> list[PlacedFault]:
    """The faults of one policy, as validation words them."""
    bare = [OF_POLICY.sub("", error) for error in errors]
    about: dict[_Wrong, list[str]] = {}
    others: list[str] = []
    for error in bare:
        wrong, action = _wrong(error, model)
        if wrong is None:
            others.append(error)
        else:
            about.setdefault(wrong, []).extend([action] if action else [])
    found = [_placed(policy, wrong, actions) for wrong, actions in about.items()]
    if about:
        others = [error for error in others if not error.startswith(FOLLOWS)]
    found += [PlacedFault(policy.line, 0, error) for error in dict.fromkeys(others)]
    return sorted(found, key=lambda fault: (fault.line, fault.column))


def _wrong(error: str, model: SchemaModel) -> tuple[_Wrong | None, str]:
    """(what is wrong, the action that this error is about)."""
    if match := IN_CONTEXT.match(error):
        path = f"context.{match[1]}"
        return _attribute(path, model), match[2]
    if match := ON_ENTITY.match(error):
        return _attribute(f"{'principal' if match[2] in CALLERS else 'resource'}.{match[1]}", model), ""
    if match := ACTION.match(error):
        word = match[1]
        place = re.compile(rf'KMS::Action::"({re.escape(word)})"')
        return _Wrong(word, word, f'there is no action "{word}"', place, _like(word, model.actions)), ""
    if match := TYPE.match(error):
        word = match[1]
        types = [f"KMS::{each}" for each in _like(word, model.entities)]
        return _Wrong(word, word, f"there is no entity type KMS::{word}", re.compile(rf"KMS::({re.escape(word)})::"), tuple(types)), ""
    return None, ""


def _attribute(path: str, model: SchemaModel) -> _Wrong:
    word = path.rpartition(".")[2]
    place = re.compile(rf"{re.escape(path.rpartition('.')[0])}\s*(?:\.|has)\s*({re.escape(word)})\b")
    return _Wrong(path, word, f"there is no {path}", place, _meant(path, word, model))


def _meant(path: str, word: str, model: SchemaModel) -> tuple[str, ...]:
    """The same word elsewhere; else the words of the same place that are like it, else of any. None of a word that other actions have."""
    known = _paths(model)
    same = tuple(sorted(each for each in known if each.rpartition(".")[2] == word and each != path))
    if same or path in known:
        return same[:SHOWN]
    here = [each for each in known if each.rpartition(".")[0] == path.rpartition(".")[0]]
    for paths in (here, known):
        names = {each.rpartition(".")[2]: each for each in paths}
        if like := _like(word, names):
            return tuple(names[each] for each in like)
    return ()


def _paths(model: SchemaModel) -> list[str]:
    contexts = {name.rstrip("?") for row in model.actions.values() for name, _ in row.context}
    found = [f"context.{name}" for name in contexts] + [f"context.request.{name.rstrip('?')}" for name in model.types["Request"]]
    for kind, attributes in model.entities.items():
        found += [f"{'principal' if kind in CALLERS else 'resource'}.{name.rstrip('?')}" for name in attributes]
    return sorted(set(found))


def _like(word: str, known: Iterable[str]) -> tuple[str, ...]:
    lower = {name.lower(): name for name in known}
    return tuple(lower[each] for each in get_close_matches(word.lower(), lower, SHOWN, LIKE))


def _placed(policy: PolicyText, wrong: _Wrong, actions: Sequence[str]) -> PlacedFault:
    found = wrong.place.search(policy.text)
    names = sorted(set(actions))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    of = f" for {', '.join(names[:SHOWN])}{more}" if names else ""
    hint = f": did you mean {' or '.join(wrong.meant)}?" if wrong.meant else ""
    line, column = _place_in(policy, found.start(1)) if found is not None else (policy.line, 0)
    return PlacedFault(line, column, f"{wrong.text}{of}{hint}")


def place_of(policy: PolicyText, fault: str) -> str:
    """`line:column` of the token that the parser could not take, or the line where the policy begins, where it names none.

    It is the first place of the token at which the text up to there fails by the same words as the whole.
    """
    token = UNEXPECTED.match(fault)
    for found in islice(_places(policy.text, token[1]), TRIES_MAX) if token is not None else ():
        if _syntax_fault(policy.text[: found.end()]) == fault:
            return ":".join(map(str, _place_in(policy, found.start())))
    return f"{policy.line}"


def _place_in(policy: PolicyText, at: int) -> tuple[int, int]:
    """(line, column) in the file of a character of a policy."""
    before = policy.text[:at]
    newline = before.rfind("\n")
    return policy.line + before.count("\n"), at - newline if newline >= 0 else policy.column + at


def _places(text: str, token: str) -> Iterator[re.Match[str]]:
    yield from re.finditer(rf"\b{re.escape(token)}\b" if token.isidentifier() else re.escape(token), text)


def _syntax_fault(text: str) -> str:
    try:
        parse_policies(text)
    except PolicySyntaxError as fault:
        return str(fault)
    return ""
