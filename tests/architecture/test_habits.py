"""What is to be had beside the code works: release notes, hooks, the watching of rooms, editors' files, the example for contributors."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
COMMAND = ["make", "-s", "release-notes", "VERSION=Unreleased"]
CHANGELOG = """# Changelog

## Unreleased

## [1.1.0] - 2026-02-01

### Added

- A thing.

## 1.0.0 - 2026-01-01

- The first.
"""


def release_notes(folder: Path, changelog: str, version: str) -> subprocess.CompletedProcess[str]:
    (folder / "scripts").mkdir()
    (folder / "CHANGELOG.md").write_text(changelog)
    script = folder / "scripts" / "release_notes.py"
    script.write_text((ROOT / "scripts" / "release_notes.py").read_text())
    return subprocess.run([sys.executable, str(script), version], capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(("version", "notes"), [("1.1.0", "### Added\n\n- A thing.\n"), ("1.0.0", "- The first.\n")])
def test_the_notes_of_a_release_are_its_section_alone(tmp_path: Path, version: str, notes: str) -> None:
    assert release_notes(tmp_path, CHANGELOG, version).stdout == notes


@pytest.mark.parametrize("version", ["Unreleased", "1.1", "", "2.0.0"])
def test_a_version_of_which_nothing_is_said_has_no_notes(tmp_path: Path, version: str) -> None:
    done = release_notes(tmp_path, CHANGELOG, version)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"nothing of {version!r}" in done.stderr


@pytest.mark.parametrize("heading", ["## 1.0.0", "## Version 3", "## [1.1.0"])
def test_a_heading_that_is_wrong_is_named(tmp_path: Path, heading: str) -> None:
    done = release_notes(tmp_path, f"{CHANGELOG}\n{heading}\n\n- More.\n", "1.1.0")
    assert (done.returncode, done.stdout) == (2, "")
    assert repr(heading) in done.stderr


def test_the_changelog_has_notes_of_what_comes_next() -> None:
    done = subprocess.run(
        ["make", "-s", "release-notes", "VERSION=Unreleased"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("### ")


def test_hooks_download_nothing_and_call_what_is_here() -> None:
    assert [each["repo"] for each in HOOKS] == ["local"]
    for hook in HOOKS[0]["hooks"]:
        tool, *arguments = hook["entry"].split()
        assert hook["language"] == "system", hook["id"]
        if tool == "make":
            assert set(arguments) <= TARGETS | {"gen-check"}, hook["id"]
        else:
            assert (ROOT / tool).is_file(), hook["id"]


def test_the_editor_is_told_of_tools_and_folders_that_are_here() -> None:
    settings = json.loads((ROOT / ".vscode" / "settings.json").read_text())
    json.loads((ROOT / ".vscode" / "extensions.json").read_text())
    named = [settings["python.defaultInterpreterPath"], settings["buf.commandLine.path"]]
    named += [*settings["python.testing.pytestArgs"], *settings["python.analysis.extraPaths"]]
    for path in named:
        assert (ROOT / path.removeprefix("${workspaceFolder}/")).exists(), path
    assert "max_line_length = 140" in (ROOT / ".editorconfig").read_text()
    assert "line-length = 140" in (ROOT / "pyproject.toml").read_text()


def test_a_change_runs_the_tests_of_its_room(tmp_path: Path) -> None:
    for folder in (
        "scripts",
        "service/meridian/audit",
        "service/meridian/kms",
        "tests/unit/audit",
        "tests/unit/pipeline",
        "policy",
        "protos",
    ):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "scripts" / "watch.py").write_text((ROOT / "scripts" / "watch.py").read_text())
    for room in ("audit", "pipeline"):
        (tmp_path / f"tests/unit/{room}/test_it.py").write_text(f"def test_it() -> None:\n    print('seen {room}')\n    assert False\n")
    seen = tmp_path / "seen"
    with seen.open("w") as out:
        watch = subprocess.Popen([sys.executable, "-u", str(tmp_path / "scripts" / "watch.py")], stdout=out, stderr=subprocess.STDOUT)
    try:
        await_text(seen, "Waiting")
        (tmp_path / "service/meridian/audit/record.py").write_text("")
        await_text(seen, "seen audit")
        assert "seen pipeline" not in seen.read_text(), "only the room that changed"
        (tmp_path / "service/meridian/call.py").write_text("")
        await_text(seen, "── tests/unit\n")
    finally:
        watch.kill()
        watch.wait(timeout=10)


def await_text(file: Path, text: str) -> None:
    end = time.monotonic() + 60
    while text not in file.read_text():
        assert time.monotonic() < end, file.read_text()
        time.sleep(0.05)


def test_contributors_are_sent_to_targets_and_files_that_are_there() -> None:
    named = re.findall(r"`make ([a-z-]+)", CONTRIBUTING) + re.findall(r"^    make ([a-z-]+)", CONTRIBUTING, re.MULTILINE)
    assert set(named) <= TARGETS
    paths = re.findall(r"`([\w./-]+\.(?:py|md|proto|yaml|cedar|toml))`", CONTRIBUTING) + re.findall(r"\]\(([\w./-]+)\)", CONTRIBUTING)
    assert len(paths) > 8
    for path in paths:
        assert any((base / path).exists() for base in (ROOT, ROOT / "service" / "meridian")), path


def test_the_worked_example_fits_the_code() -> None:
    """Each line that the example leaves as it is stands in the file that it names, so the example can still be made."""
    blocks = re.findall(r"`([\w./-]+)`:?\n\n```diff\n(.*?)```", CONTRIBUTING, re.DOTALL)
    assert len(blocks) == 3, "contract, operation, test"
    for path, diff in blocks:
        text = (ROOT / path).read_text()
        kept = [line[1:] for line in diff.splitlines() if line.startswith(" ") and line != " …"]
        added = [line[1:] for line in diff.splitlines() if line.startswith("+") and line[1:].strip()]
        assert kept
        assert added
        for line in kept:
            assert line in text.splitlines(), f"{path} has no line {line!r}"
        assert not set(added) <= set(text.splitlines()), f"{path}: the example was made"
