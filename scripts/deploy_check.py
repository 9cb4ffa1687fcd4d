"""`make deploy-check`: everything about deploy/ that can be judged without a cluster and without a network. A tool that is absent is named,
and then the check has not passed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import yaml
from deploy_objects import CHART, DEPLOY, ROOT, ToolFault, by_name, installed, objects_in, rendered, run, tool

VARIANTS: Final = {
    "default": (),
    **{path.stem: ("--values", str(path)) for path in sorted((CHART / "ci").glob("*.yaml"))},
    **{path.parent.name: ("--values", str(path)) for path in sorted((DEPLOY / "regions").glob("*/values.yaml"))},
}
"""What the chart is rendered with."""

Lines = Iterator[str]


def main() -> int:
    """The number of checks that did not pass is told; 1 where it is not 0."""
    passed = failed = 0
    for name, check in CHECKS.items():
        try:
            for line in check():
                print(f"{name}: {line}")
            passed += 1
        except (ToolFault, ValueError) as fault:
            print(f"{name}: FAILED: {fault}", file=sys.stderr)
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _needed(name: str) -> str:
    """Raises: ToolFault."""
    found = tool(name)
    if found is None:
        raise ToolFault(f"{name} is absent: make deploy-tools, or Debian's package (promtool: prometheus)")
    return found


def made() -> Lines:
    yield run([sys.executable, ROOT / "scripts" / "deploy.py", "--check"], ROOT) or "what is made from the chart and the code is current"


def lint() -> Lines:
    for name, options in VARIANTS.items():
        run([_needed("helm"), "lint", "--strict", "--quiet", CHART, *options], ROOT)
        yield name


def kustomize() -> Lines:
    """What kubectl makes of the base, the component and the Regions is what Helm makes of the chart."""
    for folder in (DEPLOY / "base", *sorted((DEPLOY / "regions").iterdir())):
        built = by_name(objects_in(run([_needed("kubectl"), "kustomize", folder], ROOT)))
        options = VARIANTS.get(folder.name, ())
        namespace = "meridian" if folder.name == "base" else f"meridian-{folder.name}"
        chart = by_name(installed(objects_in(rendered(*options, namespace=namespace))))
        built.pop(("Namespace", namespace), None)
        different = sorted(name for name in {*built, *chart} if built.get(name) != chart.get(name))
        if different:
            raise ValueError(f"{folder.name}: {different} differ from the chart")
        yield f"{folder.name}: {len(built)} objects are those of the chart"


def schemas() -> Lines:
    python = Path(_needed("kubernetes-validate")).with_name("python")
    for name, options in VARIANTS.items():
        text = rendered(*options, namespace="meridian")
        done = subprocess.run(
            [python, ROOT / "scripts" / "deploy_validate.py"], input=text, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode != 0:
            raise ValueError(f"{name}: {done.stdout}{done.stderr[-1000:]}")
        yield f"{name}: {done.stdout.strip()}"


def rules() -> Lines:
    """The alert rules, and their unit tests."""
    groups = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text().replace("REGION", "us-east-1"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "alerts.yaml")
        path.write_text(yaml.safe_dump(groups))
        yield run([_needed("promtool"), "check", "rules", path], ROOT).strip().splitlines()[-1].strip()
        test = Path(folder, "alerts_test.yaml")
        test.write_text((ROOT / "tests" / "deploy" / "alerts_test.yaml").read_text())
        run([_needed("promtool"), "test", "rules", test], Path(folder))
    yield "the rules fire and rest as their tests say"


def scan() -> Lines:
    checkov = _needed("checkov")
    for name, options in VARIANTS.items():
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "objects.yaml").write_text(rendered(*options, namespace="meridian"))
            done = subprocess.run(
                [checkov, "--directory", folder, "--config-file", DEPLOY / "checkov.yaml"],
                capture_output=True, text=True, timeout=300, check=False, cwd=folder,
            )  # fmt: skip
        if done.returncode != 0:
            raise ValueError(f"{name}: {done.stdout[-3000:]}{done.stderr[-500:]}")
        (summary,) = [line for line in done.stdout.splitlines() if line.startswith("Passed checks")]
        yield f"{name}: {summary}"


def containerfile() -> Lines:
    run([_needed("hadolint"), DEPLOY / "image" / "Containerfile"], ROOT)
    yield "hadolint finds nothing"


CHECKS: Final[dict[str, Callable[[], Lines]]] = {
    "made": made,
    "lint": lint,
    "kustomize": kustomize,
    "schemas": schemas,
    "rules": rules,
    "scan": scan,
    "containerfile": containerfile,
}


if __name__ == "__main__":
    sys.exit(main())
