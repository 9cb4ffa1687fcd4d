"""Suites of policy tests: YAML files of fixtures, cases, matrices and invariants.

A file fixes `now` and `region` and names principals, keys and contexts once. In a case, lists of principals, actions or keys
multiply; `expect` is allow or deny; `by` names the policies that must be the reason, all of them and no other. In a matrix every
cell that no row allows expects deny. An invariant is for `prove`.

Source: docs/policy-guide.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, product
from math import prod
from pathlib import Path
from typing import Any, Final

from meridian.authorization.language.schema_model import SchemaModel
from meridian.domain.close_names import did_you_mean
from meridian.policy_kit.fixtures import SCOPE, Fixtures, Request, fixtures_of
from meridian.policy_kit.rows import Row, RowError, require_fields, understood
from meridian.policy_kit.yaml_text import read_yaml

DOCUMENT: Final = frozenset(
    {"policies", "now", "region", "regionLabels", "orgUnits", "principals", "keys", "contexts", "tests", "matrices", "invariants"}
)
DOCUMENT_KINDS: Final[Mapping[str, type]] = {
    **dict.fromkeys(("policies", "region"), str),
    **dict.fromkeys(("regionLabels", "orgUnits", "principals", "keys", "contexts"), Mapping),
    **dict.fromkeys(("tests", "matrices", "invariants"), list),
}
KINDS_IN_WORDS: Final[Mapping[type, str]] = {str: "text", list: "a list", Mapping: "names with values"}
AXES: Final = ("principal", "action", "key")
CASE: Final = frozenset({"name", "context", "request", "use", "expect", "by", *AXES, *(f"{axis}s" for axis in AXES)})
MATRIX: Final = frozenset({"name", "context", "request", "use", "allow", *(f"{axis}s" for axis in AXES)})
ALLOWED: Final = frozenset({"by", *AXES, *(f"{axis}s" for axis in AXES)})
INVARIANT: Final = frozenset({"name", "forall", "where", "never", "always"})
EFFECTS: Final = ("allow", "deny")
PARTS: Final = ("tests", "matrices", "invariants")
"""What a file may test by."""
CELLS_MAX: Final = 100_000
"""Of one file: what its cases and matrices multiply to."""


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of a case or matrix, with what is expected of it."""

    file: str
    name: str
    request: Request
    expect: str
    by: tuple[str, ...] | None
    """Sorted ids; None where any reason will do."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A sentence over all values of what the policies read."""

    file: str
    name: str
    forall: Mapping[str, Any]
    where: str
    """A Cedar expression; only cells in which it holds count."""
    never: str
    """The effect that no such cell may have."""

    @property
    def actions(self) -> list[str]:
        """The actions and groups that `forall` names; none where it names none."""
        return _listed(self.forall.get("action") or self.forall.get("actions") or [])


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


@dataclass(frozen=True, slots=True)
class Suite:
    """One file."""

    path: Path
    policies: Path | None
    """A folder of its own, where the file names one."""
    fixtures: Fixtures
    cases: tuple[Case, ...]
    invariants: tuple[Invariant, ...]


def load_suites(tests: Path, model: SchemaModel) -> tuple[Suite, ...]:
    """One file, or every *.yaml file of a folder. Raises: RowError, TextFault."""
    files = sorted(tests.glob("*.yaml")) if tests.is_dir() else [tests]
    if not files:
        raise RowError(f"{tests}: no test files")
    return tuple(load_suite(path, model) for path in files)


def load_suite(path: Path, model: SchemaModel) -> Suite:
    """Raises: RowError naming file, place and field; TextFault."""
    document = read_yaml(path)
    require_fields(document, DOCUMENT, str(path))
    _require_kinds(document, str(path))
    _require_something(document, str(path))
    with understood(str(path)):
        fixtures = fixtures_of(document, path.name)
        tests = (case for row in document.get("tests") or () for case in _cases(path.name, row, fixtures, model))
        matrices = (case for row in document.get("matrices") or () for case in _matrix(path.name, row, fixtures, model))
        cases = tuple(_bounded(chain(tests, matrices), str(path)))
        invariants = tuple(_invariant(path.name, row) for row in document.get("invariants") or ())
        folder = path.parent / document["policies"] if "policies" in document else None
    return Suite(path, folder, fixtures, cases, invariants)


def _require_kinds(document: Row, place: str) -> None:
    """Raises: RowError."""
    for name, kind in DOCUMENT_KINDS.items():
        value = document.get(name)
        if name in document and not isinstance(value, kind) and not (value is None and kind is list):
            raise RowError(f"{place}: {name} must be {KINDS_IN_WORDS[kind]}")


def _require_something(document: Row, place: str) -> None:
    """What is to be tested and is empty passes whatever the policies say. Raises: RowError."""
    for part in PARTS:
        if part in document and not document[part]:
            raise RowError(f"{place}: {part} is empty and tests nothing")


def _require_few(axes: list[list[str]], place: str) -> None:
    cells = prod(map(len, axes))
    if cells > CELLS_MAX:
        raise RowError(f"{place}: is {cells:,} cells, more than {CELLS_MAX:,}")


def _bounded(cases: Iterator[Case], place: str) -> Iterator[Case]:
    for number, case in enumerate(cases, 1):
        if number > CELLS_MAX:
            raise RowError(f"{place}: has more than {CELLS_MAX:,} cells; split the file")
        yield case


def _cases(file: str, row: Any, fixtures: Fixtures, model: SchemaModel) -> Iterator[Case]:
    place = _place(file, row)
    require_fields(row, CASE, place, ("name", "expect"))
    expect = _effect(row["expect"], place)
    by = tuple(sorted(row["by"])) if "by" in row else None
    axes = [_many(row, axis, place) for axis in AXES]
    _require_few(axes, place)
    _require_known_context(row, axes[1], model, place)
    for cell in product(*axes):
        yield Case(file, row["name"], _request(row, cell, fixtures, model, place), expect, by)


def _matrix(file: str, row: Any, fixtures: Fixtures, model: SchemaModel) -> Iterator[Case]:
    place = _place(file, row)
    require_fields(row, MATRIX, place, ("name", "principals", "actions", "allow"))
    axes = [_many(row, axis, place) for axis in AXES]
    _require_few(axes, place)
    _require_known_context(row, axes[1], model, place)
    allowed = _allowed(row, axes, place)
    for cell in product(*axes):
        expect = "allow" if cell in allowed else "deny"
        yield Case(file, row["name"], _request(row, cell, fixtures, model, place), expect, allowed.get(cell))


def _allowed(row: Row, axes: list[list[str]], place: str) -> dict[tuple[str, ...], tuple[str, ...] | None]:
    found: dict[tuple[str, ...], tuple[str, ...] | None] = {}
    for entry in row["allow"]:
        require_fields(entry, ALLOWED, f"{place}: allow")
        own = [_many(entry, axis, place) if axis in entry or f"{axis}s" in entry else whole for axis, whole in zip(AXES, axes, strict=True)]
        for cell in product(*own):
            if any(name not in whole for name, whole in zip(cell, axes, strict=True)):
                raise RowError(f"{place}: allow names {' '.join(cell)}, which is no cell of the matrix")
            found[cell] = tuple(sorted(entry["by"])) if "by" in entry else None
    return found


def _request(row: Row, cell: tuple[str, ...], fixtures: Fixtures, model: SchemaModel, place: str) -> Request:
    principal, action, resource = cell
    use = row.get("use", "")
    if use and use not in fixtures.contexts:
        raise RowError(f"{place}: context {use} is not among the fixtures of the file{did_you_mean(use, fixtures.contexts)}")
    context = {**(fixtures.contexts.get(use) or {}), **(row.get("context") or {})}
    try:
        return fixtures.request(principal, action, resource, context, row.get("request") or {}, model)
    except RowError as fault:
        raise RowError(f"{place}: {fault}") from fault


def _require_known_context(row: Row, actions: list[str], model: SchemaModel, place: str) -> None:
    """An attribute that no action of the case has is a slip of the pen."""
    known = {name.rstrip("?") for action in actions if action in model.actions for name in model.context_attributes(action)}
    unknown = sorted(set(row.get("context") or {}) - known)
    if unknown:
        raise RowError(f"{place}: context.{unknown[0]} is an attribute of none of its actions{did_you_mean(unknown[0], known)}")
    requested = {name.rstrip("?") for name in model.types["Request"]}
    unknown = sorted(set(row.get("request") or {}) - requested)
    if unknown:
        raise RowError(f"{place}: request.{unknown[0]} is unknown{did_you_mean(unknown[0], requested)}")


def _invariant(file: str, row: Any) -> Invariant:
    place = _place(file, row)
    require_fields(row, INVARIANT, place, ("name",))
    if ("never" in row) == ("always" in row):
        raise RowError(f"{place}: either never or always says what must hold")
    forall, where = row.get("forall") or {}, row.get("where", "true")
    if not isinstance(forall, Mapping) or not isinstance(where, str):
        raise RowError(f"{place}: forall has names with values, and where is text")
    if not all(isinstance(name, str) for name in _listed(forall.get("action") or forall.get("actions") or [])):
        raise RowError(f"{place}: forall.action is the name of an action, or a list of names")
    never = _effect(row["never"], place) if "never" in row else EFFECTS[1 - EFFECTS.index(_effect(row["always"], place))]
    return Invariant(file, str(row["name"]), forall, where, never)


def _effect(value: Any, place: str) -> str:
    if value not in EFFECTS:
        raise RowError(f"{place}: {value} is neither allow nor deny")
    return str(value)


def _place(file: str, row: Any) -> str:
    return f"{file}: {row.get('name', 'a case without a name') if isinstance(row, Mapping) else row}"


def _many(row: Row, axis: str, place: str) -> list[str]:
    value = row[f"{axis}s"] if f"{axis}s" in row else row.get(axis, SCOPE if axis == "key" else None)
    if value is None:
        raise RowError(f"{place}: {axis} is missing")
    if value == []:
        raise RowError(f"{place}: {axis}s is empty and names nothing to test")
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
