"""YAML that says each thing once, and no more than can be read in seconds.

Of a name that is given twice most readers keep the last, and a list of tests before it is gone without a word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from meridian.policy_kit.texts import TextFault, text_of

CHARACTERS_MAX: Final = 512 * 1024
"""Of one text: read within seconds."""
DEPTH_MAX: Final = 100
"""Lists and names within each other."""
VALUES_MAX: Final = 100_000
"""Names and values of one text, those that an alias stands for counted again at each place."""
NUMBER_CHARACTERS_MAX: Final = 64
NUMBERS: Final = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})
SHOWN_MAX: Final = 64
"""Characters of a name or value that a fault tells."""


def read_yaml(path: Path) -> Any:
    """The document of a file. Raises: TextFault that names file and line."""
    return parse_yaml(text_of(path), str(path))


def parse_yaml(text: str, place: str) -> Any:
    """The document of a text. Raises: TextFault that names the place and the line."""
    if len(text) > CHARACTERS_MAX:
        raise TextFault(f"{place}: is longer than {CHARACTERS_MAX:,} characters, the most that is read")
    try:
        return yaml.load(text, Loader=_Once)  # noqa: S506 - a safe loader, made stricter
    except yaml.reader.ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1
        raise TextFault(f"{place}:{line}: a character that YAML does not allow") from fault
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line_of = f"{place}:{mark.line + 1}" if mark is not None else place
        raise TextFault(f"{line_of}: {fault.problem or fault.context}") from fault


class _Once(yaml.SafeLoader):
    """Refuses a name that is given twice, what nests or repeats itself beyond its bounds, and a value that its kind does not have."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._values = 0
        self._values_of: dict[int, int] = {}
        """Of each node that is complete, by its identity; the nodes live as long as the loader."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # a package without types
        before, self._depth = self._values, self._depth + 1
        if self._depth > DEPTH_MAX:
            raise _fault(f"nests more than {DEPTH_MAX} levels", event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._values_of:
                raise _fault("an alias stands for what it is a part of", event.start_mark)
            self._values += self._values_of[id(node)]
        else:
            self._values += 1
            self._values_of[id(node)] = self._values - before
        if self._values > VALUES_MAX:
            raise _fault(f"has more than {VALUES_MAX:,} names and values", event.start_mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[object] = set()
        for name, _ in node.value:
            if not isinstance(name, yaml.ScalarNode):
                raise _fault("a list or names cannot be a name", name.start_mark)
            value = name.value if name.tag == "tag:yaml.org,2002:merge" else self.construct_object(name)
            if value in seen:
                raise _fault(f"{name.value[:SHOWN_MAX]!r} is given more than once", name.start_mark)
            seen.add(value)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - the signature that PyYAML calls
        if node.tag in NUMBERS and len(node.value) > NUMBER_CHARACTERS_MAX:
            raise _fault(f"a number has more than {NUMBER_CHARACTERS_MAX} characters", node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError, LookupError, AttributeError, TypeError) as fault:
            raise _fault(f"{str(node.value)[:SHOWN_MAX]!r} is no value of its kind", node.start_mark) from fault


def _fault(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
