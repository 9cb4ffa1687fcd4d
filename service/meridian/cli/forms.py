"""THE forms of output that programs and people may choose, of a value that JSON has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

FORMS: Final = ("json", "yaml", "text", "table")


def as_text(value: Any) -> str:
    """As AWS's own command line has it: a line for each value that stands alone, one of fields between tabs for each row of a list."""
    return "\n".join(_lines(value))


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name in sorted(value):
            inner = value[name]
            if isinstance(inner, Mapping | list):
                yield from (f"{name.upper()}\t{line}" for line in _lines(inner))
            else:
                yield f"{name.upper()}\t{_word(inner)}"
    elif isinstance(value, list):
        if any(isinstance(each, Mapping | list) for each in value):
            for each in value:
                yield "\t".join(_flat(each))
        elif value:
            yield "\t".join(map(_word, value))
    elif value is not None:
        yield _word(value)


def _flat(value: Any) -> Iterator[str]:
    """The values of a row, by the order of their names."""
    if isinstance(value, Mapping):
        for name in sorted(value):
            yield from _flat(value[name])
    elif isinstance(value, list):
        for each in value:
            yield from _flat(each)
    else:
        yield _word(value)


def _word(value: Any) -> str:
    """One field: no tab nor end of a line that somebody wrote into it makes two of it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return " ".join(text.split("\n")).replace("\t", " ") if "\n" in text or "\t" in text else text


def as_yaml(value: Any) -> str:
    """Block style, in the order of the answer."""
    # Not above: few answers are printed so.
    import yaml

    return (
        str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False)).removesuffix("\n").removesuffix("\n...")
    )


def as_json(value: Any) -> str:
    """Two spaces for each level, characters as they are."""
    return json.dumps(value, indent=2, ensure_ascii=False)


WRITERS: Final[Mapping[str, Callable[[Any], str]]] = {"json": as_json, "yaml": as_yaml, "text": as_text}
"""How each form is made; a table is drawn."""
