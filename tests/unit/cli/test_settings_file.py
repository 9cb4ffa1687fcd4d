"""The settings file: what cannot work is refused before anything starts, named as it stands in the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from meridian.cli.dev_files import DevFolder, free_port
from meridian.settings import Settings, SettingsError, load_settings
from meridian.settings_sections import is_loopback


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings as `meridian dev` writes them."""
    folder = DevFolder(tmp_path, ["us-east-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port)
    folder.prepare(None)
    folder.write_settings({})
    return folder.places[0].settings


CASES = [
    ("development = true\n", "", "grpc.bearer_tokens: static tokens are for development alone"),
    ('listen = "127.0.0.1:7401"', 'listen = "0.0.0.0:7401"', "development is for loopback addresses alone: grpc.listen"),
    ('listen = "127.0.0.1:7601"', 'listen = "[::]:7601"', "development is for loopback addresses alone: admin.listen"),
    ('listen = "127.0.0.1:7501"', 'listen = "kms.example:7501"', "aws: Value error, plaintext is for loopback addresses alone"),
    ('listen = "127.0.0.1:7401"', 'listen = "127.0.0.1"', "grpc.listen: Value error, must be host:port"),
    ('listen = "127.0.0.1:7401"', 'listen = "127.0.0.1:0"', "grpc.listen: Value error, must be host:port"),
    ('listen = "127.0.0.1:7401"', 'listen = "::1:7401"', "grpc.listen: Value error, must be host:port"),
    ("[peer]\n", "[peer]\nbearer_tokens = true\n", "peer.bearer_tokens: Extra inputs are not permitted"),
    ("[grpc]\n", "[grpc]\nclient_certificate_hours_max = 0\n", "grpc.client_certificate_hours_max: Input should be greater than 0"),
    (
        "[audit]\n",
        '[audit]\notlp.endpoint = "http://collector.example:4317"\n',
        "audit.otlp.endpoint: Value error, plaintext is for loopback",
    ),
    ("[audit]\n", '[audit]\notlp.endpoint = "collector.example:4317"\n', "audit.otlp.endpoint: Value error, must be https://host:port"),
    ("[audit]\n", '[audit]\notlp.endpoint = "https://collector.example"\n', "audit.otlp.endpoint: Value error, must be host:port"),
    ("[audit]\n", '[audit]\ns3.bucket = "Not_A_Bucket"\n', "audit.s3.bucket: String should match pattern"),
    ("[audit]\n", '[audit]\ns3.bucket = "logs"\ns3.prefix = "no-slash"\n', "audit.s3.prefix: String should match pattern"),
    ("[audit]\n", '[audit]\ns3.bucket = "logs"\ns3.timeout_seconds = 121\n', "audit.s3.timeout_seconds: Input should be less than"),
    ("limits.import", "limits.day_seconds = nan\nlimits.import", "limits: Value error, must be numbers from 0: day_seconds"),
    ("limits.import", "limits.misspelt = 1\nlimits.import", "limits.misspelt: Unexpected keyword argument"),
    ("rsa = 0", "rsa = -1", "throttle: Value error, must be numbers from 0: rsa"),
]


@pytest.mark.parametrize(("old", "new", "told"), CASES, ids=lambda value: "")
def test_what_cannot_work_is_refused_by_name(settings: Path, old: str, new: str, told: str) -> None:
    load_settings(settings)
    text = settings.read_text()
    assert old in text
    settings.write_text(text.replace(old, new))
    with pytest.raises(SettingsError) as refused:
        load_settings(settings)
    assert told in str(refused.value)


def test_a_region_for_others_listens_anywhere_without_tokens(settings: Path) -> None:
    text = settings.read_text().replace("development = true\n", "").replace("bearer_tokens = true\n", "")
    settings.write_text(text.replace('listen = "127.0.0.1:7401"', 'listen = "[::]:7401"'))
    assert load_settings(settings).grpc.listen == "[::]:7401"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("a.localhost:1", False),
    ],
)
def test_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


BAD_DATABASES = {
    "secret": "is no URL",
    "mysql://kms:secret@db/kms": "must be sqlite:///path or postgresql://user@host/name",
    "postgresql://kms:secret@db:port/kms": "is no URL",
    "postgresql://db/kms?password=secret&sslmode=require": "has parameters that are not known here: password, sslmode",
    "sqlite://": "names no file",
    "sqlite:///": "names no file",
    "sqlite:///:memory:": "names no file",
    "sqlite://secret/kms.sqlite3": "names no file",
    "sqlite:////srv/kms.sqlite3?mode=ro": "has parameters that are not known here: mode",
}


@pytest.mark.parametrize("url", BAD_DATABASES)
def test_a_database_that_cannot_be_used_is_refused_without_its_password(settings: Path, url: str) -> None:
    lines = settings.read_text().splitlines()
    settings.write_text("\n".join(f'database = "{url}"' if line.startswith("database = ") else line for line in lines))
    with pytest.raises(SettingsError) as refused:
        load_settings(settings)
    assert f"{settings}: database: Value error, {BAD_DATABASES[url]}" in str(refused.value)
    assert "secret" not in str(refused.value).replace(str(settings), "")


@pytest.mark.parametrize("url", ["sqlite:///kms.sqlite3", "postgresql://kms@db/kms", "postgresql:///kms?host=/run/pg&ssl=require"])
def test_a_database_that_can_be_used(settings: Path, url: str) -> None:
    text = settings.read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("database = ")]
    settings.write_text(text.replace(line, f'database = "{url}"'))
    assert load_settings(settings).database == url.replace("sqlite:///", f"sqlite:///{settings.parent}/")


def test_a_file_without_an_end_is_read_up_to_a_length() -> None:
    with pytest.raises(SettingsError, match="/dev/zero: is longer than 4,194,304 bytes"):
        load_settings(Path("/dev/zero"))


def paths_in(value: object, name: str) -> Iterator[tuple[str, Path]]:
    """Every path of the settings, under its dotted name."""
    if isinstance(value, Path):
        yield name, value
    elif isinstance(value, BaseModel):
        for inner in type(value).model_fields:
            yield from paths_in(getattr(value, inner), f"{name}.{inner}".lstrip("."))
    elif isinstance(value, tuple):
        for each in value:
            yield from paths_in(each, name)


def paths_declared(section: type[BaseModel], name: str) -> Iterator[str]:
    """The dotted name of every setting that is a path."""
    for inner, field in section.model_fields.items():
        for kind in kinds_in(field.annotation):
            if kind is Path:
                yield f"{name}.{inner}".lstrip(".")
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from paths_declared(kind, f"{name}.{inner}".lstrip("."))


def kinds_in(annotation: object) -> Iterator[object]:
    inner = get_args(annotation)
    if not inner:
        yield annotation
    for each in inner:
        yield from kinds_in(each)


EVERY_PATH = """
denied_spiffe_ids = "denied"
[aws.tls]
certificate = "aws.crt"
private_key = "aws.key"
[audit.otlp]
endpoint = "https://collector.example:4317"
ca = "collector.pem"
headers_file = "headers"
[[seals]]
provider = "passphrase"
passphrase_file = "phrase"
"""


def test_every_relative_path_begins_at_the_folder_of_the_file(
    settings: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, rest = EVERY_PATH.strip().split("\n", 1)
    text = f"{first}\n{settings.read_text()}\n{rest}"
    settings.write_text(text.replace(f"{settings.parent}/", "").replace(f"{tmp_path}/", "../"))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.chdir(settings.parents[1])
    read = load_settings(Path(settings.relative_to(Path.cwd())))
    found = dict(paths_in(read, ""))
    assert set(found) == set(paths_declared(Settings, ""))
    assert [name for name, path in found.items() if not path.is_absolute() or settings.parent not in (path.parent, *path.parents)] == []
    assert read.database == f"sqlite:///{settings.parent}/region.sqlite3"
    assert read.policies.is_dir()
    assert read.principals.is_file()


def test_an_absolute_path_stays(settings: Path, tmp_path: Path) -> None:
    read = load_settings(settings)
    assert read.principals == tmp_path / "principals.toml"
    assert read.database == f"sqlite:///{settings.parent}/region.sqlite3"
