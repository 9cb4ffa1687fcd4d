"""Make what follows from the chart and from the code: values.schema.json, deploy/base, components and Regions; `--check` compares.

The chart is the one source. What is made is committed, so that `kubectl apply -k` needs nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml
from dashboard import dashboard
from deploy_objects import (
    CHART,
    DEPLOY,
    NAMESPACE,
    ROOT,
    Object,
    ToolFault,
    annotation,
    by_name,
    installed,
    objects_in,
    rendered,
)  # fmt: skip
from deploy_schema import values_schema

SOURCE: Final = "# Source: meridian/templates/"
MADE: Final = "# Made from the chart by `make deploy`; change the chart or its values.\n"
WITHOUT_CHART: Final = DEPLOY / "monitoring"
BASE, MONITORING, REGIONS = DEPLOY / "base", DEPLOY / "components" / "monitoring", DEPLOY / "regions"
WITH_MONITORING: Final = ("--set", "monitoring.enabled=true")


def main() -> int:
    """Writes the files, or compares them; the answer is the exit code."""
    check = sys.argv[1:] == ["--check"]
    try:
        made = {**dict(_from_code()), **(dict(_policies()))}
        if not check:
            _write(made)  # Helm reads them
        made |= dict(_from_chart())
    except ToolFault as fault:
        print(f"deploy: {fault}", file=sys.stderr)
        return 1
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    stale += [path for folder in (BASE, CHART / "policies") for path in sorted(folder.glob("*")) if path not in made]
    if check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} does not follow from the chart and the code: make deploy", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        if path not in made:
            path.unlink()
    _write(made)
    return 0


def _write(made: Mapping[Path, str]) -> None:
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _from_code() -> Iterator[tuple[Path, str]]:
    yield CHART / "values.schema.json", values_schema()
    yield WITHOUT_CHART / "dashboard.json", dashboard()
    yield WITHOUT_CHART / "alerts.yaml", MADE + _alerts()


def _alerts() -> str:
    """The rules for a Prometheus that no operator configures: of every Region that it scrapes, with the runbooks of the chart's values."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rules = (CHART / "files" / "alerts.yaml").read_text()
    return rules.replace(',region="REGION"', "").replace("RUNBOOKS", values["monitoring"]["runbooks"])


def _policies() -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / "policy" / "policies").glob("*.cedar")):
        yield CHART / "policies" / path.name, path.read_text()


def _from_chart() -> Iterator[tuple[Path, str]]:
    base = rendered(namespace=NAMESPACE)
    files = dict(_files(base))
    for name, text in files.items():
        yield BASE / name, text
    yield BASE / "kustomization.yaml", _kustomization("Kustomization", sorted(files))
    more = by_name(objects_in(rendered(*WITH_MONITORING, namespace=NAMESPACE)))
    component = [more[name] for name in more if name not in by_name(objects_in(base))]
    yield MONITORING / "objects.yaml", _text(component)
    yield MONITORING / "kustomization.yaml", _kustomization("Component", ["objects.yaml"])
    for folder in sorted(REGIONS.iterdir()):
        text = rendered("--values", str(folder / "values.yaml"), namespace=f"meridian-{folder.name}")
        yield folder / "objects.yaml", _text(installed(objects_in(text)))


def _files(text: str) -> Iterator[tuple[str, str]]:
    """(file name, text) for each template, with the template's comments."""
    found: dict[str, list[str]] = {}
    for document in text.split("\n---\n"):
        lines = [line.rstrip() for line in document.removeprefix("---\n").strip().splitlines()]
        if lines and lines[0].startswith(SOURCE) and not any(annotation(o, "helm.sh/hook") == "test" for o in objects_in(document)):
            found.setdefault(lines[0].removeprefix(SOURCE), []).append("\n".join(lines[1:]))
    for name, documents in found.items():
        yield name, MADE + "\n---\n".join(documents) + "\n"


def _kustomization(kind: str, resources: list[str]) -> str:
    version = "v1alpha1" if kind == "Component" else "v1beta1"
    head = f"apiVersion: kustomize.config.k8s.io/{version}\nkind: {kind}\nresources:\n"
    return MADE + head + "".join(f"  - {name}\n" for name in resources)


def _text(objects: list[Object]) -> str:
    return MADE + yaml.safe_dump_all(objects, width=140, sort_keys=False)


if __name__ == "__main__":
    sys.exit(main())
