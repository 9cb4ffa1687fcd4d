"""`meridian dev` and what operators do wrong: it says so in a line, and what is there goes on, or stays as it is."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.ports import free_ports

from meridian.cli.main import main
from meridian.cli.region_place import HOST

REGION = "us-east-1"
MERIDIAN = [sys.executable, "-m", "meridian", "dev", "--regions", REGION]
SOUND = '[[principals]]\nkind = "User"\naccount = "111122223333"\nname = "carol"\nspiffe_id = "spiffe://dev.meridian.internal/1/carol"\n'
BAD_FILES = {
    "absent": (None, "No such file"),
    "no TOML": (b"[[principals\n", "line 1"),
    "not UTF-8": (b"\xff\xfe", "is no UTF-8 text"),
    "no such kind": (SOUND.replace("User", "Robot").encode(), "principal 1: kind must be one of"),
    "no table": (b"principals = 7\n", "principals must be tables"),
    "a name that leads out": (SOUND.replace("carol", "../carol").encode(), "principal 1: no files of this name"),
}


@dataclass(frozen=True, slots=True)
class Running:
    """A deployment that serves."""

    process: subprocess.Popen[str]
    data: Path
    errors: Path

    def wait_for(self, text: str) -> None:
        until = time.monotonic() + 20
        while text not in self.errors.read_text():
            assert self.process.poll() is None, f"dev has ended: {self.errors.read_text()}"
            assert time.monotonic() < until, f"{text!r} is not in {self.errors.read_text()!r}"
            time.sleep(0.05)


def ports() -> list[str]:
    first = free_ports(2)
    return ["--grpc-port", str(first), "--admin-port", str(first + 1)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("dev")
    with (root / "errors").open("w") as errors:
        process = subprocess.Popen([*MERIDIAN, "--data", str(root / "d"), *ports()], stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    assert any(line.startswith("ready") for line in process.stdout), (root / "errors").read_text()
    yield Running(process, root / "d", root / "errors")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0


@pytest.mark.timeout(120)
def test_a_broken_principals_file_is_told_in_a_line_and_taken_when_it_is_right(running: Running) -> None:
    file = running.data / "principals.toml"
    right = file.read_text()
    file.write_text(f"{right}\n[[principals\n")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for(f"nothing is renewed: {file}: ")
    (told,) = [line for line in running.errors.read_text().splitlines() if "nothing is renewed" in line]
    assert f"at line {len(right.splitlines()) + 2}" in told
    file.write_text(f"{right}\n{SOUND}")
    running.wait_for("files are renewed again")
    assert (running.data / "clients" / "carol.crt").is_file(), "without another signal"
    file.write_text(right)


@pytest.mark.timeout(60)
def test_a_second_one_in_the_same_folder_writes_nothing(running: Running) -> None:
    def written() -> dict[Path, tuple[int, bytes]]:
        changing = {"log", "region.sqlite3", "region.sqlite3-wal", "region.sqlite3-shm"}
        found = [p for p in running.data.rglob("*") if p.is_file() and p.name not in changing and p.parent.name != "audit"]
        return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in found}

    before = written()
    done = subprocess.run([*MERIDIAN, "--data", str(running.data), *ports()], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr.splitlines()) == (
        3,
        [f"--data: another process has the folder {running.data}: is `meridian dev` running in it already?"],
    )
    assert written() == before


@pytest.mark.timeout(60)
def test_a_region_that_does_not_start_shows_the_log_of_this_start_alone(tmp_path: Path) -> None:
    (tmp_path / "d" / REGION).mkdir(parents=True)
    (tmp_path / "d" / REGION / "log").write_text("cannot start: what was wrong last week\n")
    own = ports()
    with socket.create_server((HOST, int(own[1]))):
        done = subprocess.run([*MERIDIAN, "--data", str(tmp_path / "d"), *own], capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 3
    assert f"{REGION} did not start:" in done.stderr
    assert own[1] in done.stderr
    assert "last week" not in done.stderr


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["dev", "--regions", REGION, *arguments])


@pytest.mark.parametrize("bad", BAD_FILES)
def test_principals_that_no_region_would_take_are_refused_before_anything_is_written(tmp_path: Path, bad: str) -> None:
    content, told = BAD_FILES[bad]
    file = tmp_path / "p.toml"
    if content is not None:
        file.write_bytes(content)
    done = run("--data", str(tmp_path / "d"), "--principals", str(file))
    assert (done.exit_code, done.exception.__class__) == (3, SystemExit)
    (line,) = done.output.splitlines()
    assert line.startswith(f"--principals: {file}: ")
    assert told in line
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("aws-ports.json", b"\xff"),
        ("peer-ports.json", b'["7"]'),
        ("principals.toml", b"[[\n"),
        ("client-ca.crt", b"garbage"),
        ("client-ca.key", b"garbage"),
        ("clients/alice.crt", b"garbage"),
        (f"{REGION}/peer.crt", b"garbage"),
    ],
)
def test_a_folder_with_a_file_that_cannot_be_used_names_it(tmp_path: Path, name: str, content: bytes) -> None:
    from tests.ports import free_port

    from meridian.cli.dev_folder import DevFolder

    root = tmp_path / "d"
    DevFolder(root, [REGION], grpc_port=7401, admin_port=7601, aws_port=None, find_port=free_port).prepare(None)
    (root / name).write_bytes(content)
    done = run("--data", str(root))
    assert (done.exit_code, done.exception.__class__) == (3, SystemExit)
    assert done.output.startswith(f"--data: {root} cannot be used: {root / name}"[:-4])
    assert len(done.output.splitlines()) == 1


def test_what_is_no_folder_and_no_region_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for place in (file, file / "below"):
        done = run("--data", str(place))
        assert (done.exit_code, done.exception.__class__) == (3, SystemExit)
        assert done.output.startswith(f"--data: {place} cannot be used: ")
        assert "Errno" not in done.output
    done = CliRunner().invoke(main, ["dev", "--data", str(tmp_path / "d"), "--regions", "us-east-1,../mars"])
    assert done.exit_code == 2
    assert "--regions: ../mars is no name of a Region" in done.output
    assert not (tmp_path / "d").exists()


def test_a_port_that_is_taken_is_told_with_the_options_that_choose_another(tmp_path: Path) -> None:
    first = free_ports(2)
    with socket.create_server((HOST, first)):
        command = [*MERIDIAN, "--data", str(tmp_path / "d"), "--grpc-port", str(first), "--admin-port", str(first + 1)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert f"cannot listen on {HOST}:{first}: Address already in use" in done.stderr
    assert done.stderr.splitlines()[-1] == "other ports: --grpc-port, --admin-port, --aws-port"
