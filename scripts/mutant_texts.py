"""The faults that mutmut would plant in a file, and whether one of them changes anything but a sentence that people read."""

from __future__ import annotations

import ast
import difflib
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.file_mutation import mutate_file_contents

MARK = "__mutmut_"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault."""

    name: str
    """As mutmut calls it: the path of its function, and a number."""
    function: str
    file: Path
    lines: tuple[str, ...]
    """Of the file as it is."""
    before: tuple[str, ...]
    after: tuple[str, ...]
    """Of the function."""

    @property
    def change(self) -> str:
        """The lines that differ."""
        return " / ".join(f"{_joined(self.before[a:b])} → {_joined(self.after[c:d])}" for a, b, c, d in self._changes)

    @property
    def place(self) -> str:
        """File and line of the first change, in the tree as it is."""
        length = len(self.before)
        begins = next((at + 1 for at in range(len(self.lines)) if self.lines[at : at + length] == self.before), 1)
        return f"{self.file}:{begins + self._changes[0][0]}"

    @property
    def is_text_only(self) -> bool:
        """Whether it changes nothing but sentences that people read."""
        old, new = (ast.parse(textwrap.dedent("\n".join(lines))) for lines in (self.before, self.after))
        parts = list(_differing(old, new))
        return bool(parts) and all(_is_sentence(part) for part in parts)

    @property
    def _changes(self) -> list[tuple[int, int, int, int]]:
        matcher = difflib.SequenceMatcher(a=self.before, b=self.after, autojunk=False)
        return [code[1:] for code in matcher.get_opcodes() if code[0] != "equal"]


def mutants_of(path: Path) -> Iterator[Mutant]:
    """The faults of a file, which is named from the folder that mutmut's settings are in."""
    source = path.read_text()
    made = mutate_file_contents(str(path), source)
    written, lines = made.code.splitlines(), tuple(source.splitlines())
    module = ".".join(path.with_suffix("").parts[1:]).removesuffix(".__init__")

    def text_of(function: str, bare: str) -> tuple[str, ...]:
        """A function as mutmut writes it, under its own name."""
        span = made.line_span_by_function_name[function]
        text = [line.replace(function, bare) for line in written[span.start - 1 : span.end]]
        return tuple(text[next(number for number, line in enumerate(text) if line.strip()) :])

    for name in made.mutant_names:
        function, _, _ = name.partition(MARK)
        path_in_module = function.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
        bare = path_in_module.rpartition(".")[2]
        before, after = text_of(f"{function}{MARK}orig", bare), text_of(name, bare)
        yield Mutant(f"{module}.{name}", f"{module}.{path_in_module}", path, lines, before, after)


def _joined(lines: Iterable[str]) -> str:
    return " ".join(line.strip() for line in lines)


def _differing(old: ast.AST, new: ast.AST) -> Iterator[ast.AST]:
    """The smallest parts of the old that are not in the new."""
    if _is_sentence(old) or type(old) is not type(new):
        if ast.dump(old) != ast.dump(new):
            yield old
        return
    for field, value in ast.iter_fields(old):
        other = getattr(new, field)
        if isinstance(value, ast.AST) and isinstance(other, ast.AST):
            yield from _differing(value, other)
        elif isinstance(value, list) and len(value) == len(other):
            for one, another in zip(value, other, strict=True):
                if isinstance(one, ast.AST):
                    yield from _differing(one, another)
        elif isinstance(value, list):
            kept = {ast.dump(one) for one in other}
            yield from (one for one in value if ast.dump(one) not in kept)
        elif value != other:
            yield old


def _is_sentence(node: ast.AST) -> bool:
    """A text with a blank in it is for people."""
    if isinstance(node, ast.keyword):
        return _is_sentence(node.value)
    if isinstance(node, ast.JoinedStr):
        return any(_is_sentence(part) for part in node.values)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
