"""docs/architecture.md says what the code is: its layers, the steps of a call, and the files that it names."""

from __future__ import annotations

import ast
import itertools
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ROOT / "service" / "meridian"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
README = (ROOT / "README.md").read_text()
PIPELINES = SERVICE / "bootstrap" / "pipelines.py"
ENTRANCE = "pipeline/entrance.py"
WALKS = {
    "calls": "",
    "prepared": "a replica",
    "handed_over": "a handover",
    "foretold_replica": "a replica, foretold",
    "foretold_handover": "a handover, foretold",
}
"""Variables of `build_pipelines`, by the name of the walk in the page; callers' own calls have a table of their own."""


def layers_of(text: str, name: str) -> list[str]:
    """The first column of the figure of this name."""
    (figure,) = re.findall(rf"```{name}\n(.*?)```", text, re.DOTALL)
    return [re.split(r" {2,}", line)[0] for line in figure.splitlines()]


def rows_of(text: str, first: str) -> list[list[str]]:
    """The cells of the table whose first heading is this."""
    table = text.split(f"\n| {first} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_figures_have_the_layers_of_the_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [each for each in contracts if each["type"] == "layers"]
    assert "meridian" in [room for each in layers for room in each["containers"]]
    for contract in layers:
        (room,) = contract["containers"]
        assert contract["exhaustive"], "a new module has to be given its place"
        assert "exhaustive_ignores" not in contract
        assert "ignore_imports" not in contract
        assert layers_of(PAGE, f"layers{room.removeprefix('meridian').replace('.', ' of ')}") == contract["layers"]


def sentences() -> dict[str, str]:
    """What the page says of each room: by its folder from the root, or its module."""
    found: dict[str, str] = {}
    for heading, figure in re.findall(r"```layers(.*?)\n(.*?)```", PAGE, re.DOTALL):
        within = SERVICE / heading.removeprefix(" of ")
        for line in figure.splitlines():
            rooms, _, said = line.partition("  ")
            names, texts = re.split(r" [|:] ", rooms), [each.strip() for each in said.split(" | ")]
            assert len(texts) in (1, len(names)), f"a sentence for each of {rooms}"
            assert len(texts) == len(names) or ":" in rooms, f"only what is generated shares a sentence: {rooms}"
            found |= {str((within / name).relative_to(ROOT)): text for name, text in zip(names, itertools.cycle(texts), strict=False)}
    for room, text in rows_of(PAGE, "room"):
        folder = next(base / room.strip("`/") for base in (SERVICE, ROOT) if (base / room.strip("`/")).is_dir())
        found[str(folder.relative_to(ROOT))] = text
    return found


def rooms() -> list[Path]:
    """Every room: the folders at the root, those of the tests, and the packages of the service that are written by hand."""
    ignored = (ROOT / ".gitignore").read_text().replace("/", "").split()
    top = [each for each in ROOT.iterdir() if each.is_dir() and not each.name.startswith(".") and each.name not in (*ignored, "tests")]
    tests = [each for each in (ROOT / "tests").iterdir() if any(each.glob("*.py"))]
    packages = [each.parent for each in SERVICE.rglob("__init__.py")]
    written = [each for each in packages if each != SERVICE and not {"v1", "v2", "migrations"} & set(each.parts)]
    return sorted(each.relative_to(ROOT) for each in (*top, *tests, *written))


@pytest.mark.parametrize("room", rooms(), ids=str)
def test_every_room_has_its_one_sentence(room: Path) -> None:
    said = sentences()
    text = said.get(str(room), "")
    assert 0 < len(text) < 120, f"{room} has no sentence in docs/architecture.md"
    assert not text.endswith("."), "one sentence"


def test_no_sentence_is_of_a_room_that_is_gone() -> None:
    for room, text in sentences().items():
        assert (ROOT / room).is_dir() or (ROOT / f"{room}.py").is_file(), f"{room}: {text}"


class Walks(ast.NodeVisitor):
    """The files of the steps of each walk, as `build_pipelines` names them, in order."""

    def __init__(self) -> None:
        self._modules: dict[str, str] = {}
        self._values: dict[str, ast.expr] = {}
        self.found: dict[str, list[str]] = {}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for name in node.names:
            self._modules[name.asname or name.name] = f"{(node.module or '').removeprefix('meridian.').replace('.', '/')}.py"

    def visit_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.targets[0], ast.Name):
            self._keep(node.targets[0].id, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name) and node.value is not None:
            self._keep(node.target.id, node.value)

    def _keep(self, name: str, value: ast.expr) -> None:
        self._values[name] = value
        for keyword in value.keywords if isinstance(value, ast.Call) else ():
            if keyword.arg == "steps":
                self.found[name] = [*self.found.get(name, []), *self._files(keyword.value)]

    def _files(self, node: ast.expr) -> list[str]:
        match node:
            case ast.Tuple():
                return [file for each in node.elts for file in self._files(each)]
            case ast.Starred() | ast.Attribute():
                return self._files(node.value)
            case ast.Name() if node.id in self._modules:
                return [self._modules[node.id]]
            case ast.Name():
                return self._files(self._values[node.id])
            case ast.Call(func=ast.Name(id="Steps")):
                return [file for part in (*node.args, *[given.value for given in node.keywords]) for file in self._files(part)]
            case ast.Call(func=ast.Name(id="Undisclosed" | "partial")):
                return self._files(node.args[0])
            case ast.Call():
                return self._files(node.func)
            case _:
                raise AssertionError(f"a step that is built in a new way: {ast.unparse(node)}")


def walks() -> dict[str, list[str]]:
    found = Walks()
    found.visit(ast.parse(PIPELINES.read_text()))
    return found.found


def test_the_page_has_the_steps_of_every_walk_in_their_order() -> None:
    built = walks()
    question, before = built.pop("access"), [*built.pop("entrance"), ENTRANCE]
    assert question == [built["calls"][0], *built["calls"][2:7]], "nothing is done that could be repeated"
    names = [row[0] for row in rows_of(PAGE, "step")]
    assert before == ["pipeline/throttle.py", ENTRANCE]
    assert f"CheckAccess walks from {names[2]} to {names[8]}" in PAGE
    assert set(built) == set(WALKS), "a new walk has its table"
    assert all(len(files) > 3 for files in built.values())
    assert [row[1].strip("`") for row in rows_of(PAGE, "step")] == [*before, *built["calls"]]
    others = rows_of(PAGE, "walk")
    for name, walk in WALKS.items():
        if walk:
            assert [row[2].strip("`") for row in others if row[0] == walk] == built[name]
    assert {row[0] for row in others} == set(WALKS.values()) - {""}


def test_the_readme_draws_the_same_steps() -> None:
    (figure,) = re.findall(r"```walk-of-a-call\n(.*?)```", README, re.DOTALL)
    drawn = [re.sub(r"[^a-z ]", "", step).strip() for step in figure.split("→")]
    assert drawn[0].endswith("authenticate")
    assert drawn[1:] == [*(row[0] for row in rows_of(PAGE, "step")), "operation"]


PATHS = sorted(
    set(re.findall(r"`([\w./*-]+(?:\.(?:py|md|proto|toml|yaml|cedarschema)|/))`", PAGE)) | set(re.findall(r"\]\(([^)#]+)\)", PAGE))
)


def test_the_page_names_many_files() -> None:
    assert len(PATHS) > 80
    assert len(rows_of(PAGE, "what")) > 20


@pytest.mark.parametrize("path", PATHS)
def test_every_file_that_the_page_names_is_there(path: str) -> None:
    assert any(list(folder.glob(path.rstrip("/"))) for folder in (ROOT, SERVICE, ROOT / "docs")), path
