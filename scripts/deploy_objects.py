"""The chart's rendering as Python values, for what is made from it and for what checks it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

ROOT: Final = Path(__file__).resolve().parents[1]
DEPLOY: Final = ROOT / "deploy"
CHART: Final = DEPLOY / "chart"
TOOLS: Final = ROOT / ".tools"
SECONDS: Final = 120
RELEASE: Final = "meridian"
NAMESPACE: Final = "meridian"

Object: TypeAlias = dict[str, Any]
Name: TypeAlias = tuple[str, str]


class ToolFault(Exception):
    """A tool ended otherwise than with 0; the text is what it wrote."""


def tool(name: str) -> str | None:
    """The path of a tool: one that `make deploy-tools` has brought, or one of the machine's. None where there is none."""
    own = [TOOLS / "bin" / name, TOOLS / name / "bin" / name]
    return next((str(path) for path in own if path.exists()), None) or shutil.which(name)


def run(command: Sequence[str | Path], folder: Path) -> str:
    """What a command prints. Raises: ToolFault."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise ToolFault(f"{Path(command[0]).name}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def rendered(*options: str, namespace: str) -> str:
    """The chart as Helm renders it, without a cluster. Raises: ToolFault."""
    helm = tool("helm")
    if helm is None:
        raise ToolFault("helm is absent: make deploy-tools")
    return run([helm, "template", RELEASE, CHART, "--namespace", namespace, *options], ROOT)


def objects_in(text: str) -> list[Object]:
    """Every object of a stream of YAML documents."""
    return [document for document in yaml.safe_load_all(text) if document]


def installed(objects: Iterable[Object]) -> list[Object]:
    """Without what only `helm test` makes."""
    return [each for each in objects if annotation(each, "helm.sh/hook") != "test"]


def annotation(each: Object, name: str) -> str:
    return str((each["metadata"].get("annotations") or {}).get(name, ""))


def name_of(each: Object) -> Name:
    return each["kind"], each["metadata"]["name"]


def by_name(objects: Iterable[Object]) -> dict[Name, Object]:
    """Raises: ValueError where two have one name."""
    found: dict[Name, Object] = {}
    for each in objects:
        if name_of(each) in found:
            raise ValueError(f"two are {' '.join(name_of(each))}")
        found[name_of(each)] = each
    return found
