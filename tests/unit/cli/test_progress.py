"""What takes its time says so on a terminal, and nowhere else."""

from __future__ import annotations

import sys

import pytest

from meridian.cli.progress import busy, progress


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_and_a_line_are_shown_on_terminals_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_terminal: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal, raising=False)
    with busy("checking [red]every[/red] record\x1b"):
        pass
    with progress("cells", 5) as advance:
        advance(2)
        advance(3)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert ("checking [red]every[/red] record\\u001b" in shown.err) is is_terminal
    assert ("5/5" in shown.err) is is_terminal
