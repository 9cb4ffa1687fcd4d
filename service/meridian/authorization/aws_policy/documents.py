"""Documents of AWS, before it matters what they are attached to: read as a whole, with their statements and the labels of these.

Source: IAM User Guide, IAM JSON policy element reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.language.evaluator import PolicySyntaxError
from meridian.domain.strict_json import JsonFault, parse_json

CURRENT, EARLIER = "2012-10-17", "2008-10-17"
DOCUMENT: Final = frozenset({"Version", "Id", "Statement"})
STATEMENT: Final = frozenset({"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"})
CEDAR_CHARACTERS_MAX: Final = 131_072
"""Before it is laid out; what may be stored is less."""
UNLABELLED: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class Labels:
    """What the policies of one text are called, each otherwise."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, sid: Any, number: int) -> str:
        """The label of a statement."""
        own = UNLABELLED.sub("-", sid).strip("-") if isinstance(sid, str) else ""
        return self.free(own or f"statement-{number + 1}")

    def free(self, wanted: str) -> str:
        """The label, or one after it that nothing else in the text has; it is taken from now on."""
        label, again = wanted, 1
        while label in self._taken:
            again += 1
            label = f"{wanted}.{again}"
        self._taken.add(label)
        return label


def read_document(text: str) -> Mapping[str, Any]:
    """Raises: RefusedDocument."""
    try:
        document = parse_json(text, parse_float=_fraction)
    except JsonFault as fault:
        raise RefusedDocument("the document", Why.NO_JSON, fault=str(fault)) from fault
    if not isinstance(document, Mapping):
        raise RefusedDocument("the document", Why.NO_OBJECT)
    for name in document:
        if name not in DOCUMENT:
            raise RefusedDocument(name, Why.NO_ELEMENT)
    require_text(document, "Id", "Id")
    if document.get("Version", EARLIER) not in (CURRENT, EARLIER):
        raise RefusedDocument("Version", Why.VERSION)
    if not document.get("Statement"):
        raise RefusedDocument("Statement", Why.NO_STATEMENT)
    return document


def require_text(holder: Mapping[str, Any], name: str, place: str) -> None:
    if name in holder and not isinstance(holder[name], str):
        raise RefusedDocument(place, Why.NAME_NO_TEXT)


def _fraction(text: str) -> float:
    """A number with a fraction, which is told in no more digits than are kept."""
    number = float(text)
    try:
        exact = Decimal(text) == Decimal(repr(number))
    except ArithmeticError:
        exact = False
    if not exact:
        raise JsonFault(f"the number {text} has more digits than are kept")
    return number


def statements_of(document: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str, int]]:
    """Each statement with its place and number, its elements known and its effect one of two. Raises: RefusedDocument."""
    given = document["Statement"]
    for number, statement in enumerate(given if isinstance(given, list) else [given]):
        place = f"Statement[{number}]" if isinstance(given, list) else "Statement"
        if not isinstance(statement, Mapping):
            raise RefusedDocument(place, Why.STATEMENT_NO_OBJECT)
        for name in statement:
            if name not in STATEMENT:
                raise RefusedDocument(f"{place}.{name}", Why.STATEMENT_NO_ELEMENT)
        require_text(statement, "Sid", f"{place}.Sid")
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise RefusedDocument(f"{place}.Effect", Why.EFFECT)
        yield statement, place, number


def laid_out(policies: Sequence[str], lay_out: Callable[[str], str]) -> str:
    """The policies as one text in its canonical layout. Raises: RefusedDocument."""
    if sum(map(len, policies)) > CEDAR_CHARACTERS_MAX:
        raise RefusedDocument("Statement", Why.TOO_LONG)
    try:
        return lay_out("\n".join(policies)) if policies else ""
    except PolicySyntaxError as fault:  # a text that Cedar cannot bear: too deep, or with characters that it has no form for
        raise RefusedDocument("Statement", Why.NO_CEDAR, fault=str(fault)) from fault


def action_scope(names: Sequence[str]) -> str:
    return f"action in [{', '.join(f'KMS::Action::{json.dumps(name)}' for name in names)}]"


def comment(sid: Any) -> str:
    """The Sid in one line of what is printable."""
    return "".join(c for c in " ".join(sid.split()) if c.isprintable()) if isinstance(sid, str) else ""
