"""Output that cannot be written: one sentence and the exit code of the table, never a traceback, and nothing that stood there is lost."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meridian.cli import calling, envelope_files
from meridian.cli.exit_codes import OUTPUT, USAGE
from meridian.cli.main import main
from meridian.cli.whole_files import write_whole
from meridian.contract.catalog import rpcs

pytestmark = pytest.mark.thorough

FULL = os.strerror(errno.ENOSPC)
SUITE = "principals: {ann: {}}\nkeys: {k: {}}\ntests: [{name: t, principal: ann, action: Encrypt, key: k, expect: deny}]\n"
UGLY = '@id("a.b")\n@layer("guardrail")\n@reason("r")\nforbid   (principal,action,resource);\n'


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files can be made, and what is written into them cannot be kept."""

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, FULL)

    monkeypatch.setattr(os, "fsync", refuse)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments])


def answer_calls(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Every call is answered, without a Region."""

    class Answering:
        def __init__(self, _: object) -> None: ...
        def __enter__(self) -> Answering:
            return self

        def __exit__(self, *_: object) -> None: ...
        def call(self, *_: object) -> Any:
            answer: Any = rpcs()["DescribeKey"].response_class()
            answer.key_metadata.key_id = "k"
            return answer

    monkeypatch.setattr(calling, "Client", Answering)
    monkeypatch.setattr(calling, "endpoint_of", lambda _: None)
    monkeypatch.setattr(envelope_files, "_through_client", lambda *_: data)


@pytest.mark.parametrize("operation", ["encrypt", "decrypt"])
def test_the_only_copy_of_a_file_outlives_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_disk: None, operation: str
) -> None:
    answer_calls(monkeypatch, b"made of it")
    only = tmp_path / "only"
    only.write_bytes(b"precious")
    key = ["--key-id", "k"] if operation == "encrypt" else []
    done = invoke("envelope", operation, str(only), str(only), *key)
    assert done.exit_code == OUTPUT
    assert done.output == f"Error: TARGET: {only}: {FULL}; the call has been made\n"
    assert only.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [only]


def written_by(name: str, folder: Path) -> tuple[list[str], Path]:
    """The arguments of a command, and the file that it writes over."""
    (folder / "p").mkdir()
    policy, suite, target = folder / "p" / "a.cedar", folder / "s.yaml", folder / "target"
    policy.write_text(UGLY)
    suite.write_text(SUITE)
    target.write_text("before")
    return {
        "fmt": (["policy", "fmt", str(policy)], policy),
        "--junit": (["policy", "test", str(suite), "--junit", str(target)], target),
        "--svg": (["policy", "graph", str(suite), "--svg", str(target)], target),
        "--out": (["kms", "describe-key", "--field", "KeyMetadata.KeyId", "--out", str(target)], target),
    }[name]


@pytest.mark.parametrize("name", ["fmt", "--junit", "--svg", "--out"])
def test_what_a_command_writes_over_stays_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_disk: None, name: str
) -> None:
    answer_calls(monkeypatch, b"")
    arguments, target = written_by(name, tmp_path)
    before = target.read_bytes()
    done = invoke(*arguments)
    assert done.exit_code == OUTPUT, done.output
    assert f"{name}: {target}: {FULL}" in done.output
    assert ("the call has been made" in done.output) == (name == "--out")
    assert target.read_bytes() == before
    assert not [path for path in tmp_path.rglob("*") if "partial" in path.name]


@pytest.mark.parametrize("name", ["fmt", "--junit", "--svg", "--out"])
def test_it_is_written_where_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    answer_calls(monkeypatch, b"")
    arguments, target = written_by(name, tmp_path)
    before = target.read_bytes()
    target.chmod(0o640)
    done = invoke(*arguments)
    assert done.exit_code == 0, done.output
    assert target.read_bytes() != before
    assert stat.S_IMODE(target.stat().st_mode) == (0o600 if name == "--out" else 0o640)


def test_a_new_file_that_is_no_secret_has_the_mode_of_every_new_file(tmp_path: Path) -> None:
    write_whole(tmp_path / "mine", b"x", private=False)
    (tmp_path / "usual").touch()
    assert (tmp_path / "mine").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_device_takes_what_is_written_or_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_calls(monkeypatch, b"")
    done = invoke("kms", "describe-key", "--field", "KeyMetadata.KeyId", "--out", "/dev/full")
    assert (done.exit_code, done.output) == (OUTPUT, f"Error: --out: /dev/full: {FULL}; the call has been made\n")
    assert invoke("kms", "describe-key", "--field", "KeyMetadata.KeyId", "--out", "/dev/null").exit_code == 0


def test_a_file_of_what_is_not_said_is_no_file(tmp_path: Path) -> None:
    done = invoke("kms", "describe-key", "--key-id", "k", "--out", str(tmp_path / "x"))
    assert done.exit_code == USAGE
    assert "--field" in done.output


# ---- standard output, of real processes


def to_a_full_device() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def closed() -> None:
    os.close(1)


def to_nobody() -> None:
    reading, writing = os.pipe()
    os.dup2(writing, 1)
    os.close(reading)
    os.close(writing)


PRINTING = [
    (["--help"], False),
    (["policy", "--help"], False),
    (["policy", "fmt", "--help"], False),
    (["--version"], False),
    (["policy", "validate"], True),
    (["policy", "graph"], True),
    (["policy", "graph", "-o", "json"], True),
]
"""Commands, and whether they do more than to print a text: help that nobody reads is no mistake."""


@pytest.mark.parametrize(("arguments", "is_work"), PRINTING, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
@pytest.mark.parametrize(("way", "why"), [(to_a_full_device, FULL), (to_nobody, os.strerror(errno.EPIPE)), (closed, "is closed")])
def test_standard_output_that_takes_nothing_is_told(arguments: list[str], is_work: bool, way: Callable[[], None], why: str) -> None:
    if way is not to_a_full_device and not is_work:
        return
    done = subprocess.run(
        [sys.executable, "-m", "meridian", *arguments], stderr=subprocess.PIPE, text=True, timeout=60, check=False, preexec_fn=way
    )
    assert done.stderr == f"Error: standard output: {why}\n"
    assert done.returncode == OUTPUT


def test_nobody_is_called_for_an_answer_that_cannot_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_calls(monkeypatch, b"")
    code = (
        "import sys\nfrom meridian.cli import calling\ncalling.Client = calling.endpoint_of = lambda *_: sys.exit(99)\n"
        "from meridian.cli.main import main\nmain(['kms', 'describe-key'])"
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, timeout=60, check=False, preexec_fn=closed)
    assert (done.returncode, done.stderr) == (OUTPUT, "Error: standard output: is closed\n")
