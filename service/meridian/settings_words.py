"""What is wrong with a settings file, in words: which setting, and what it must be."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

FAULTS_MAX: Final = 50
"""How many are told."""
PATTERNS: Final[Mapping[str, str]] = {
    r"^[0-9]{12}$": "must be the 12 digits of an account",
    r"^([a-z]+-){2,3}\d+$": "must be the name of a Region, such as us-east-1",
    r"^[0-9a-f]{64}$": "must be 64 hexadecimal digits, in small letters",
    r"^aws[a-z-]*$": "must be aws, or begin with it, in small letters and hyphens",
    r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$": "must be the name of a bucket: 3 to 63 small letters, digits, dots and hyphens",
    r"^([\w.-]+/)*$": "must be names of letters, digits, `_`, `.` and `-`, each with a slash behind it",
    r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$": "must be at most 253 letters, digits, dots, hyphens and underscores",
    r"^spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9._-]+)+$": "must be a SPIFFE ID: spiffe://trust.domain/path",
    r"^[a-z0-9][a-z0-9.-]{0,254}$": "must be the name of a service of AWS, such as s3.amazonaws.com",
    r"^[0-9]{12}/[^/\s]\S{0,255}$": "must be a service here: the 12 digits of its account, `/` and its name",
    r"^[A-Za-z0-9*_.-]{1,253}$": "must be a name in certificates: letters, digits, `*`, `_`, `.` and `-`",
    r"^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}\d+\.vpce-svc-[0-9a-z]+$": "must be the name of an endpoint service",
    r"^cluster-[2-7a-zA-Z]{11,16}$": "must be cluster- and 11 to 16 letters and digits from 2 to 7",
    r"^[\x21\x23-\x5b\x5d-\x7e]{1,128}$": "must be a scope: at most 128 letters of ASCII, no spaces, quotes or backslashes",
    r"^[\x21-\x7e]{1,256}$": "must be at most 256 letters of ASCII without spaces",
    r"^[a-z0-9-]{1,64}$": "must be at most 64 small letters, digits and hyphens",
}
"""What a text must be that does not match this pattern."""
UNKNOWN: Final = ("extra_forbidden", "unexpected_keyword_argument")
KINDS: Final[Mapping[str, str]] = {
    "missing": "is needed",
    "string_type": "must be text, in quotes",
    "path_type": "must be a path, in quotes",
    "model_type": "must be a table",
    "dataclass_type": "must be a table",
    "dict_type": "must be a table",
    "tuple_type": "must be a list",
    "model_attributes_type": "must be a table",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number that is not without end",
}
"""What a value must be, by the kind of fault that the check of types names."""

BOUND_WORDS: Final[Mapping[str, str]] = {
    "greater_than": "must be greater than {bound:,.10g}",
    "greater_than_equal": "must be {bound:,.10g} or more",
    "less_than": "must be less than {bound:,.10g}",
    "less_than_equal": "must be {bound:,.10g} or less",
    "string_too_short": "must have {bound} characters or more",
    "string_too_long": "must have {bound} characters or fewer",
}
"""What a number or a text must be that is out of its bounds."""

Loc = tuple[int | str, ...]
SEAL_KIND_AT: Final = 2
"""Behind `seals` and the number of the seal."""


def faults_of(fault: ValidationError, settings: type[BaseModel]) -> list[str]:
    """A line for each fault: the setting as it stands in the file, and what is wrong with it."""
    lines = [_line(_setting(each), text) for each in fault.errors() for text in _words(each, settings).splitlines()]
    return lines[:FAULTS_MAX]


def mistaken_types(document: Mapping[str, object], settings: object) -> list[str]:
    """Texts, numbers and truth values that stand for one of another of these kinds: quotes around a number are a mistake."""
    found = (f"{place}: {words}" for place, words in _mistaken("", document, settings))
    return [line for line, _ in zip(found, range(FAULTS_MAX), strict=False)]


def _line(loc: Loc, words: str) -> str:
    return ": ".join([*([".".join(map(str, loc))] if loc else []), words])


def _setting(fault: Any) -> Loc:
    """Where the fault is, without what only the checker of types knows: the kind of a seal, and that a name is meant, not its value."""
    loc: Loc = fault["loc"]
    if loc[:1] == ("seals",) and len(loc) > SEAL_KIND_AT:
        loc = loc[:SEAL_KIND_AT] + loc[SEAL_KIND_AT + 1 :]
    return loc[:-1] if loc[-1:] == ("[key]",) else loc


def _words(fault: Any, settings: type[BaseModel]) -> str:
    kind, context, loc = fault["type"], fault.get("ctx", {}), fault["loc"]
    if kind == "value_error":
        return str(context["error"])
    if kind in UNKNOWN:
        return _unknown(str(loc[-1]), _known_at(loc[:-1], settings))
    if kind == "string_pattern_mismatch":
        return PATTERNS[context["pattern"]]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tags = context.get("expected_tags") or "'file', 'passphrase'"
        return f"{str(context['discriminator']).strip(chr(39))} must be one of {str(tags).replace(chr(39), '')}"
    if kind in BOUND_WORDS:
        ((_, bound),) = context.items()
        return BOUND_WORDS[kind].format(bound=bound)
    return KINDS.get(kind) or _sentence(fault["msg"])


def _sentence(text: str) -> str:
    for begins in ("Input should ", "String should ", "value is not "):
        if text.startswith(begins):
            return f"must {'be ' if begins.startswith('value') else ''}{text.removeprefix(begins)}"
    return text


def _unknown(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"is no setting{f'; did you mean {near[0]}?' if near else ''}"


# ---- the names that a table may have


def _known_at(loc: Loc, settings: type[BaseModel]) -> list[str]:
    tables: list[type] = [settings]
    for step in loc:
        within = [table for each in tables for table in _tables_in(_types_of(each).get(str(step)))]
        tables = within or [each for each in tables if _is_tagged(each, step)] or tables
    return sorted({name for each in tables for name in _types_of(each)})


def _types_of(table: type) -> Mapping[str, Any]:
    if issubclass(table, BaseModel):
        return {name: field.annotation for name, field in table.model_fields.items()}
    return {field.name: None for field in fields(table)} if is_dataclass(table) else {}


def _is_tagged(table: type, step: int | str) -> bool:
    return any(step in get_args(annotation) for annotation in _types_of(table).values())


def _tables_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and (is_dataclass(annotation) or issubclass(annotation, BaseModel)):
        yield annotation
    for part in get_args(annotation):
        yield from _tables_in(part)


# ---- values of another type that would be taken all the same


def _mistaken(place: str, said: object, taken: object) -> Iterator[tuple[str, str]]:
    if isinstance(said, dict):
        for name, value in said.items():
            inner = taken.get(name) if isinstance(taken, Mapping) else getattr(taken, name, None)
            yield from _mistaken(f"{place}.{name}" if place else name, value, inner)
    elif isinstance(said, list) and isinstance(taken, Sequence):
        for at, (value, inner) in enumerate(zip(said, taken, strict=False)):
            yield from _mistaken(f"{place}.{at}", value, inner)
    elif isinstance(taken, bool) and not isinstance(said, bool):
        yield place, KINDS["bool_type"]
    elif isinstance(taken, int | float) and not isinstance(taken, bool) and (isinstance(said, bool) or not isinstance(said, int | float)):
        yield place, f"{KINDS['float_type']}, without quotes" if isinstance(said, str) else KINDS["float_type"]
