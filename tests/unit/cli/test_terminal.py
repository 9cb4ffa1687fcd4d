"""What somebody else wrote draws on a terminal and commands nothing there; a pipe and a file get it as it is."""

from __future__ import annotations

import ast
import io
import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from tests.source_trees import nodes

import meridian
from meridian.cli import calling, terminal
from meridian.cli.main import main
from meridian.cli.terminal import printable, say, say_value
from meridian.contract.catalog import rpcs

SERVICE = Path(meridian.__file__).parent
COMMANDS = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202e\r\u2028\U000e0001\b"
HOSTILE = f"before{COMMANDS}after"
PRINTERS = {"click.echo", "click.secho", "print", "sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer.write", "os.write"}
ELSEWHERE = {
    ("adapters/separate_processes.py", "os.write"): "into a child process",
    ("adapters/audit_stdout.py", "os.write"): "records, for a collector",
}
"""THE table of places besides `terminal.py` that write to standard output or error."""


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> tuple[Terminal, Terminal]:
    made = Terminal(io.BytesIO(), "utf-8"), Terminal(io.BytesIO(), "utf-8")
    monkeypatch.setattr("sys.stdout", made[0])
    monkeypatch.setattr("sys.stderr", made[1])
    return made


def shown(stream: Terminal) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()


def draws(text: str) -> bool:
    return all(c.isprintable() or c in "\n\t" for c in text)


def test_a_printable_text_is_as_it_was_and_the_rest_is_json() -> None:
    assert printable("Größe 鍵 🔑\n\tx") == "Größe 鍵 🔑\n\tx"
    assert draws(printable(HOSTILE))
    assert json.loads(f'"{printable(HOSTILE)}"') == HOSTILE
    assert printable("\udcff") == "\\udcff"


def test_texts_and_bytes_are_escaped_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = on_a_terminal(monkeypatch)
    say(HOSTILE)
    say(HOSTILE, err=True)
    say_value(HOSTILE.encode() + b"\xff\n")
    for stream in streams:
        assert draws(shown(stream))
        assert "before\\u001b]0;owned" in shown(stream)
    assert shown(streams[0]).endswith("after\\xff\n")


def test_texts_and_bytes_are_raw_in_a_pipe(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    say(HOSTILE)
    say(HOSTILE, err=True)
    say_value(b"\x1b\xff")
    out, err = capfdbinary.readouterr()
    assert (out, err) == (f"{HOSTILE}\n".encode() + b"\x1b\xff", f"{HOSTILE}\n".encode())


@pytest.mark.parametrize("options", [["--field", "KeyMetadata.Description"], ["-o", "json"], ["-o", "table"], []])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_description_that_somebody_else_wrote(options: list[str], is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    answer: Any = rpcs()["DescribeKey"].response_class()
    answer.key_metadata.description = HOSTILE

    class Answers:
        def __init__(self, *_: object) -> None: ...

        def __enter__(self) -> Answers:
            return self

        def __exit__(self, *_: object) -> None: ...

        def call(self, *_: object) -> Any:
            return answer

    monkeypatch.setattr(calling, "Client", Answers)
    monkeypatch.setattr(calling, "endpoint_of", lambda options: None)
    if not is_terminal:
        done = CliRunner().invoke(main, ["kms", "describe-key", "--key-id", "alias/a", *options])
        assert options[:1] != ["--field"] or done.stdout == f"{HOSTILE}\n"
        return
    out, _ = on_a_terminal(monkeypatch)
    main(["kms", "describe-key", "--key-id", "alias/a", *options], standalone_mode=False)
    # a table has sequences of its own: those of this text are not among them
    assert not {"\x07", "\x9b", "\u202e", "\r", "\b", "\x7f"} & set(shown(out))
    assert "\x1b]0;" not in shown(out)
    assert "after" in shown(out)


def test_a_message_of_click_that_quotes_a_file_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_terminal(monkeypatch)
    with pytest.raises(click.ClickException) as caught:
        main(["kms", "encrypt", "--plaintext", f"/absent{COMMANDS}"], standalone_mode=False)
    assert draws(caught.value.message)
    assert "/absent\\u001b" in caught.value.message


def test_on_a_real_terminal(tmp_path: Path) -> None:
    """One command of the whole program, its output a pseudo terminal."""
    policy = f'@id("a{COMMANDS[:4]}") @layer("guardrail") @reason("r") forbid (principal, action, resource) when {{ 1 }};'
    (tmp_path / "x.cedar").write_text(policy)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "meridian", "policy", "validate", str(tmp_path)]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL) as child:
        os.close(theirs)
        output = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            output += piece
        child.wait(60)
    os.close(ours)
    assert b"x.cedar:1: a" in output
    assert b"\\u001b]0;" in output
    assert b"\x1b]" not in output


def writers() -> set[tuple[str, str]]:
    calls = ((file, node.func) for file, all_of_it in nodes().items() for node in all_of_it if isinstance(node, ast.Call))
    return {(file, name) for file, function in calls if (name := ast.unparse(function)) in PRINTERS}


def test_everything_is_printed_in_one_place() -> None:
    """What prints elsewhere prints somebody's text raw some day."""
    own = str(Path(terminal.__file__).relative_to(SERVICE))
    assert {each for each in writers() if each[0] != own} == set(ELSEWHERE)
