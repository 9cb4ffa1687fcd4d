"""What of the settings is a process's own, where several serve a Region."""

from __future__ import annotations

from pathlib import Path

import pytest

from meridian.bootstrap import seat
from meridian.bootstrap.seat import ALONE, PROCESSES_MAX, Seat, faults_of_sharing, settings_in, usual_processes
from meridian.cli import serve
from meridian.cli.dev_folder import DevFolder, free_port
from meridian.settings import Settings, load_settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = DevFolder(tmp_path, ["us-east-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port)
    folder.prepare(None)
    folder.write_settings({})
    return folder.places[0].settings


def settings_with(path: Path, audit: str = "", top: str = "") -> Settings:
    path.write_text(top + path.read_text().replace("[audit]\n", f"[audit]\n{audit}"))
    return load_settings(path)


def test_one_process_alone_has_the_settings_as_they_are(path: Path) -> None:
    settings = load_settings(path)
    assert settings_in(settings, ALONE) == settings


def test_names_and_directories_are_those_of_each_process(path: Path) -> None:
    settings = settings_with(path, top='replica = "kms-a"\n')
    seats = [settings_in(settings, Seat(number, 3, None)) for number in (1, 2, 3)]
    assert [each.replica for each in seats] == ["kms-a-1", "kms-a-2", "kms-a-3"]
    assert [each.audit.directory for each in seats] == [settings.audit.directory / each.replica for each in seats]


def test_budgets_of_all_are_divided(path: Path) -> None:
    settings = settings_with(path, "keep_bytes = 1000\n")
    seats = [settings_in(settings, Seat(number, 4, None)) for number in range(1, 5)]
    for table in ("grpc", "peer", "aws"):
        assert sum(getattr(each, table).connections for each in seats) == getattr(settings, table).connections
    assert sum(each.audit.keep_bytes for each in seats) == 1000
    assert settings_in(settings, Seat(1, 64, None)).admin.connections == settings.admin.connections


def test_what_is_kept_without_end_stays_so(path: Path) -> None:
    assert settings_in(settings_with(path, "keep_bytes = 0\n"), Seat(1, 4, None)).audit.keep_bytes == 0


@pytest.mark.parametrize(
    ("audit", "top", "named"),
    [
        ("stdout = true\n", "", "audit.stdout: "),
        ("", 'front = { kind = "envoy", http3 = true }\n', "front.http3: "),
        ("", f'replica = "{"a" * 252}"\n', "replica: "),
    ],
)
def test_settings_that_are_for_one_process_are_refused(path: Path, audit: str, top: str, named: str) -> None:
    (line,) = faults_of_sharing(settings_with(path, audit, top), 10)
    assert line.startswith(named)


def test_other_settings_are_for_several(path: Path) -> None:
    assert faults_of_sharing(load_settings(path), 10) == []


@pytest.mark.parametrize(
    ("top", "audit", "cores", "expected"),
    [
        ("", "", 4, 1),
        ('front.kind = "envoy"\n', "", 4, 4),
        ('front.kind = "envoy"\n', "", 1, 1),
        ('front.kind = "envoy"\n', "", 500, PROCESSES_MAX),
        ('front = { kind = "envoy", http3 = true }\n', "", 4, 1),
        ('front.kind = "envoy"\n', "stdout = true\n", 4, 1),
    ],
)
def test_so_many_serve_where_nobody_says_how_many(
    path: Path, monkeypatch: pytest.MonkeyPatch, top: str, audit: str, cores: int, expected: int
) -> None:
    monkeypatch.setattr(seat, "cores", lambda: cores)
    assert usual_processes(settings_with(path, audit, top)) == expected


def test_the_command_takes_as_many_as_there_can_be() -> None:
    assert serve.PROCESSES_MAX == PROCESSES_MAX
