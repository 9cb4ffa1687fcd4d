"""`meridian-client` holds what the client needs of this package and asks for no library that it does not need, at the service's version."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
SERVICE = ROOT / "service"
OWN: dict[str, Any] = tomllib.loads((ROOT / "clients" / "python" / "pyproject.toml").read_text())
WHOLE: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
INCLUDED: dict[str, str] = OWN["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
LIBRARIES = {"grpc": "grpcio", "google.protobuf": "protobuf", "google.rpc": "googleapis-common-protos", "cryptography": "cryptography"}
"""Modules by the distribution that brings them. google.rpc is pure Python over protobuf."""
OF_TESTS = {"pytest"}
"""Of `meridian.testing.pytest_fixtures` alone, which only pytest imports."""


def included() -> list[Path]:
    found = [SERVICE / target for target in INCLUDED.values() if (SERVICE / target).suffix == ".py"]
    for target in INCLUDED.values():
        if (SERVICE / target).is_dir():
            found += sorted((SERVICE / target).rglob("*.py"))
    return found


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_there(module: str, files: set[Path]) -> bool:
    """Whether a module, or what holds this name, is in the distribution."""
    place = SERVICE.joinpath(*module.split("."))
    return place.with_suffix(".py") in files or place / "__init__.py" in files or place.parent.with_suffix(".py") in files


def test_it_has_every_module_that_its_modules_import() -> None:
    files = {path.resolve() for path in included()}
    assert len(files) > 50
    for path in files:
        for module in imported(path):
            if module.startswith("meridian."):
                assert is_there(module, files) or is_there(module.rpartition(".")[0], files), f"{path}: {module}"


def test_it_asks_for_the_libraries_that_it_imports() -> None:
    needed = set()
    for path in included():
        for module in imported(path):
            first = module.partition(".")[0]
            if first in sys.stdlib_module_names or first in {"meridian", "__future__"}:
                continue
            name = next((each for each in LIBRARIES if module == each or module.startswith(f"{each}.")), None)
            if name is None:
                assert module.partition(".")[0] in OF_TESTS | {"google"}, f"{path}: {module}"
                continue
            needed.add(LIBRARIES[name])
    asked = {re.split(r"[<>=]", each)[0]: each for each in OWN["project"]["dependencies"]}
    assert set(asked) == needed
    of_service = {re.split(r"[<>=\[]", each)[0]: each for each in WHOLE["project"]["dependencies"]}
    assert {name: of_service[name] for name in asked} == asked, "the same versions as the service's"


def test_it_is_of_the_service_s_version() -> None:
    version = OWN["tool"]["hatch"]["version"]
    text = (ROOT / "clients" / "python" / version["path"]).read_text()
    found = re.search(version["pattern"], text)
    assert found is not None
    assert found["version"] == WHOLE["project"]["version"]
    assert OWN["project"]["requires-python"] == WHOLE["project"]["requires-python"]
