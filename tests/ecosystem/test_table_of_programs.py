"""What users are shown of programs that work unchanged is what is pinned and tested; what cannot be brought is said."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest
from deploy_objects import ROOT, ToolFault
from ecosystem_pins import ECOSYSTEM, MARK, PROGRAMS, STORIES, Go, is_current, made_from
from ecosystem_programs import bring

PAGE = (ROOT / "docs" / "clients.md").read_text()
SDK = Go("sdk-go", "github.com/aws/aws-sdk-go-v2/service/kms")


def shown() -> list[list[str]]:
    """The rows of the page's table, cell by cell."""
    section = PAGE.partition("## Programs that people already run\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return rows[1:]


def test_the_page_has_each_program_with_its_version_and_its_tests() -> None:
    found = [(row[0], row[1], row[4].strip("`")) for row in shown()]
    assert found == [(each.title, each.source.version, each.tests) for each in PROGRAMS.values()]


def test_each_is_told_with_what_was_done_and_what_differs() -> None:
    assert all(len(row) == 5 and all(row) for row in shown())


@pytest.mark.parametrize("name", PROGRAMS)
def test_its_tests_speak_of_it(name: str) -> None:
    program = PROGRAMS[name]
    text = (ROOT / program.tests).read_text()
    assert (f'"{name}"' in text) if program.tests.startswith(ECOSYSTEM) else re.search(r"^def test_", text, re.MULTILINE)


def test_every_story_belongs_to_a_program() -> None:
    folders = {each.source.folder for each in PROGRAMS.values() if hasattr(each.source, "folder")}
    assert {path.name for path in STORIES.iterdir()} == folders


def test_another_pin_or_another_line_is_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecosystem_pins.STORIES", tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "main.go").write_text("package main")
    first = made_from(Go("one", "example.com/one"))
    assert made_from(Go("one", "example.com/one")) == first
    assert made_from(Go("one", "example.com/one", "example.com/one/cmd")) != first
    (tmp_path / "one" / "main.go").write_text("package main // and more")
    assert made_from(Go("one", "example.com/one")) != first


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where programs are brought to, instead of the machine's folder."""
    monkeypatch.setattr("ecosystem_pins.BROUGHT", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("elsewhere")
def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolFault, match=r"^go is absent: sdk-go was not built$"):
        bring("sdk-go", SDK, time.monotonic() + 60)
    assert not is_current("sdk-go", SDK)


@pytest.mark.usefixtures("elsewhere")
def test_at_the_end_of_the_time_it_says_what_is_missing() -> None:
    if shutil.which("go") is None:
        pytest.skip("go is absent")
    with pytest.raises(ToolFault, match=r"^sdk-go was not built within the time given"):
        bring("sdk-go", SDK, time.monotonic())
    assert not is_current("sdk-go", SDK)


def test_what_a_new_pin_fails_to_bring_is_no_longer_there(elsewhere: Path) -> None:
    (elsewhere / "sdk-go").mkdir()
    (elsewhere / "sdk-go" / MARK).write_text(made_from(SDK))
    assert is_current("sdk-go", SDK)
    with pytest.raises(ToolFault):
        bring("sdk-go", SDK, time.monotonic())
    assert not is_current("sdk-go", SDK)
