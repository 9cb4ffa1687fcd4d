"""Every command of the README is run, as it is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader would stand: the checkout, with its environment."""
    bin_folder = tmp_path / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    for command in ("meridian", "aws"):
        (bin_folder / command).symlink_to(Path(sys.executable).parent / command)
    (tmp_path / "policy").symlink_to(ROOT / "policy")
    return tmp_path


@pytest.mark.timeout(180)
def test_the_tour_runs_as_printed(folder: Path) -> None:
    first = free_ports(4)
    blocks = "\n".join(re.findall(r"```sh tour\n(.*?)```", README, re.DOTALL))
    assert blocks.count("meridian") >= 7
    # The reader's ports may be taken here by others: the only change that is made.
    script = blocks.replace("--data ./tour >", f"--data ./tour --grpc-port {first} --admin-port {first + 2} >")
    ending = "kill %1; wait %1"
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail; set -m; trap 'kill %1 2>/dev/null || true' EXIT\n{script}\ntrap - EXIT\n{ending}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=150,
        env={**os.environ, "MERIDIAN_TOUR": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "meet me in Dublin" in done.stdout
    assert '"eventName":"Decrypt"' in done.stdout
    assert "0 failed" in done.stdout


@pytest.mark.deep
def test_the_recorded_walk_says_what_the_commands_say(folder: Path) -> None:
    (walk,) = re.findall(r"```console walk\n(.*?)```", README, re.DOTALL)
    steps = re.findall(r"^\$ (.*?[^\\])\n(.*?)(?=^\$ |\Z)", walk, re.MULTILINE | re.DOTALL)
    assert len(steps) >= 3
    for command, printed in steps:
        line = command.replace("meridian", ".venv/bin/meridian", 1)
        done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout == printed, done.stderr


@pytest.mark.deep
@pytest.mark.timeout(180)
@pytest.mark.parametrize("demo", [["demo.py"], ["demo.py", "--front", "envoy"], ["demo_xks.py"]], ids=" ".join)
def test_the_demonstration_tells_its_story_to_the_end(demo: list[str]) -> None:
    command = [sys.executable, str(ROOT / "scripts" / demo[0]), *demo[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything was as told." in done.stdout


def test_the_commands_that_the_readme_promises_are_targets_with_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([\w-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


def test_links_of_the_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_document_that_the_code_names_exists() -> None:
    named = {m for p in (ROOT / "service").rglob("*.py") for m in re.findall(r"docs/[\w/-]+\.md", p.read_text())}
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_the_tour_waits_for_no_process_that_has_ended(tmp_path: Path) -> None:
    (loop,) = re.findall(r"^until .*$", README, re.MULTILINE)
    done = subprocess.run(["bash", "-c", f"false > tour.log &\n{loop}\necho on"], cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert done.stdout == "on\n"
