"""What the policy schema declares, as values: actions with their groups, and the attributes of each context.

From these a narrow schema is cut for one action and the attributes that a slice of policies reads. A missing, mistyped or extra
attribute is refused by the narrow schema as by the whole one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

Attributes = dict[str, str]
"""Attribute name, with "?" where it is optional → type as written."""

ENCRYPTION_CONTEXT = "encryptionContext"
TYPE = re.compile(r"\btype (\w+) = \{(.*?)\};", re.DOTALL)
ENTITY = re.compile(r"\bentity (\w+)(?: in \[[^\]]*\])?(?: \{(.*?)\})?[^;{]*;", re.DOTALL)
ACTION = re.compile(r"\baction ([\w,\s]+?)(?: in \[([\w,\s]*)\])?(?: appliesTo \{(.*?)\})?;", re.DOTALL)
FIELD = re.compile(r"(\w+\??)\s*:\s*([\w<>]+)")
LIST = re.compile(r"(principal|resource):\s*\[([^\]]*)\]")
CONTEXT = re.compile(r"context:\s*(\{.*\}|\w+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action or action group."""

    name: str
    groups: tuple[str, ...]
    principals: str = ""
    resources: str = ""
    context: tuple[tuple[str, str], ...] = ()

    @property
    def resource_types(self) -> frozenset[str]:
        """Names of the entity types that it is done to: "Key", "KeyStore" …; none for a group."""
        return frozenset(each.strip() for each in self.resources.split(",")) - {""}

    @property
    def principal_types(self) -> frozenset[str]:
        """Names of the entity types that do it: "User", "Role", "Service"; none for a group."""
        return frozenset(each.strip() for each in self.principals.split(",")) - {""}


class SchemaModel:
    """The schema text, taken apart."""

    def __init__(self, text: str) -> None:
        self.text = text
        bare = "\n".join(line.split("//", 1)[0] for line in text.splitlines())
        self.types: dict[str, Attributes] = {m[1]: dict(FIELD.findall(m[2])) for m in TYPE.finditer(bare)}
        self._entities = bare[: TYPE.search(bare).start()]  # type: ignore[union-attr]  # the schema declares types after entities
        self.actions: dict[str, ActionRow] = {}
        for match in ACTION.finditer(bare):
            for row in self._rows(match):
                self.actions[row.name] = row

    def _rows(self, match: re.Match[str]) -> Iterable[ActionRow]:
        groups = tuple(g.strip() for g in (match[2] or "").split(",") if g.strip())
        body = match[3] or ""
        lists = dict(LIST.findall(body))
        context = CONTEXT.search(body)
        attributes: Attributes = {}
        if context is not None:
            attributes = dict(FIELD.findall(context[1])) if context[1].startswith("{") else self.types[context[1]]
        for name in match[1].split(","):
            fields = tuple(attributes.items())
            yield ActionRow(name.strip(), groups, lists.get("principal", ""), lists.get("resource", ""), fields)

    @cached_property
    def entities(self) -> dict[str, Attributes]:
        """Attributes of each entity type."""
        return {m[1]: dict(FIELD.findall(m[2] or "")) for m in ENTITY.finditer(self._entities)}

    @cached_property
    def ancestors(self) -> dict[str, frozenset[str]]:
        """Every group that an action is in, itself included."""
        return {name: frozenset(self._closure(name)) for name in self.actions}

    def _closure(self, name: str) -> Iterable[str]:
        yield name
        for group in self.actions[name].groups:
            yield from self._closure(group)

    def context_attributes(self, action: str) -> Attributes:
        """Attributes of an action's context, `request` included."""
        return dict(self.actions[action].context)

    def narrow(
        self, action: str, attributes: frozenset[str], request_attributes: frozenset[str], context_record: tuple[str, ...] | None
    ) -> str:
        """A schema for one action whose context has only these attributes.

        With `context_record`, the encryption context is a record of just these optional texts and no longer an entity.
        """
        row = self.actions[action]
        kinds = dict(row.context)
        if context_record is not None and ENCRYPTION_CONTEXT in kinds:
            kinds[ENCRYPTION_CONTEXT] = "{" + ", ".join(f"{json.dumps(name, ensure_ascii=False)}?: String" for name in context_record) + "}"
        fields = [f"{name}: {kind}" for name, kind in kinds.items() if name.rstrip("?") in attributes and name != "request"]
        if request_attributes:
            inner = [f"{n}: {k}" for n, k in self.types["Request"].items() if n.rstrip("?") in request_attributes]
            fields.append("request: {" + ", ".join(inner) + "}")
        groups = [self.actions[name] for name in sorted(self.ancestors[action] - {action})]
        lines = [_declaration(g) for g in groups]
        declared = _declaration(row).removesuffix(";")
        lines.append(
            f"{declared} appliesTo {{ principal: [{row.principals}], resource: [{row.resources}], context: {{{', '.join(fields)}}} }};"
        )
        return self._entities + "\n".join(lines) + "\n}\n"


def _declaration(row: ActionRow) -> str:
    """Of an action or a group that is in others, or in none."""
    return f"action {row.name} in [{', '.join(row.groups)}];" if row.groups else f"action {row.name};"
