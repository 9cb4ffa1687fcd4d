"""What a slice of policies can read of entities, by name: enough to tell which callers and keys it cannot tell apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from meridian.authorization.language.entities import Entity
from meridian.authorization.language.evaluator import Est
from meridian.authorization.language.read_set import LEAVES


@dataclass(frozen=True, slots=True)
class EntityReads:
    """Names of attributes, and of tags; None where a tag is read by a name that is not spelled out."""

    attributes: frozenset[str]
    tags: frozenset[str] | None

    def part_read(self, entities: Iterable[Entity]) -> bytes:
        """These entities as the policies see them. Where two lists have the same, no policy answers otherwise to one than to the other:
        every entity with its containers is in it, and of attributes and tags whatever a policy names."""
        return orjson.dumps([self._seen(each) for each in entities])

    def _seen(self, entity: Entity) -> list[Any]:
        tags, attrs = entity.get("tags", {}), entity["attrs"]
        seen = tags if self.tags is None else {name: tags[name] for name in tags if name in self.tags}
        return [entity["uid"], entity["parents"], {name: attrs[name] for name in attrs if name in self.attributes}, seen]


def entity_reads(policies: Iterable[Est]) -> EntityReads:
    """Every name that stands behind a dot or `has`, and every tag that is tested or read, whatever it is read of."""
    attributes: set[str] = set()
    tags: set[str] = set()
    computed = False
    level: list[Est] = [condition["body"] for policy in policies for condition in policy["conditions"]]
    while level:
        [(operator, operands)] = level.pop().items()
        if operator in LEAVES:
            continue
        if operator in (".", "has"):
            attributes.add(operands["attr"])
        if operator in ("hasTag", "getTag"):
            name = operands["right"].get("Value")
            tags.add(name) if isinstance(name, str) else None
            computed |= not isinstance(name, str)
        # Names of a record are the author's: each value is looked at, never the whole.
        level += [each for each in (operands.values() if isinstance(operands, dict) else operands) if isinstance(each, dict)]
    return EntityReads(frozenset(attributes), None if computed else frozenset(tags))
