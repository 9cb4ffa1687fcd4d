"""The settings file: what cannot work is refused before anything starts, named as it stands in the file."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from meridian.cli.dev_folder import DevFolder, free_port
from meridian.cli.region_place import RegionPlace
from meridian.settings import Settings, SettingsError, load_settings
from meridian.settings_sections import is_loopback
from meridian.settings_words import PATTERNS, faults_of, mistaken_types


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[RegionPlace, str]:
    """A folder as `meridian dev` makes it, and its settings."""
    folder = DevFolder(tmp_path_factory.mktemp("dev"), ["us-east-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port)
    folder.prepare(None)
    folder.write_settings({})
    return folder.places[0], folder.places[0].settings.read_text()


@pytest.fixture
def settings(written: tuple[RegionPlace, str]) -> Path:
    """Settings as `meridian dev` writes them, whatever the test before wrote there."""
    place, text = written
    place.settings.write_text(text)
    return place.settings


CASES = [
    ("development = true\n", "", "grpc.bearer_tokens: static tokens are for development alone"),
    ('listen = "127.0.0.1:7401"', 'listen = "0.0.0.0:7401"', "development is for loopback addresses alone: grpc.listen"),
    ('listen = "127.0.0.1:7601"', 'listen = "[::]:7601"', "development is for loopback addresses alone: admin.listen"),
    ('listen = "127.0.0.1:7501"', 'listen = "kms.example:7501"', "aws: plaintext is for loopback addresses alone"),
    ('listen = "127.0.0.1:7401"', 'listen = "127.0.0.1"', "grpc.listen: must be host:port"),
    ('listen = "127.0.0.1:7401"', 'listen = "127.0.0.1:0"', "grpc.listen: must be host:port"),
    ('listen = "127.0.0.1:7401"', 'listen = "::1:7401"', "grpc.listen: must be host:port"),
    ("[peer]\n", "[peer]\nbearer_tokens = true\n", "peer.bearer_tokens: is no setting"),
    *[
        ("limits.import", f'front = {{ {kind}, grpc_web_origins = ["{origin}"] }}\nlimits.import', f"front.grpc_web_origins{told}")
        for kind, origin, told in (
            ('kind = "grpcio"', "https://console.example.com", ': needs front.kind = "envoy"'),
            ('kind = "envoy"', "*", ".0: must be as a browser writes it"),
            ('kind = "envoy"', "https://console.example.com/", ".0: must be as a browser writes it"),
            ('kind = "envoy"', "https://console.example.com/page", ".0: must be as a browser writes it"),
            ('kind = "envoy"', "https://Console.example.com", ".0: must be as a browser writes it"),
            ('kind = "envoy"', "https://console.example.com:443", ".0: must be as a browser writes it"),
            ('kind = "envoy"', "https://a.example.com:8443:1", ".0: must be as a browser writes it"),
            ('kind = "envoy"', "null", ".0: must be as a browser writes it"),
            ('kind = "envoy"', "http://console.example.com", ".0: plaintext is for loopback"),
        )
    ],
    ("limits.import", "front.http3 = true\nlimits.import", 'front.http3: needs front.kind = "envoy"'),
    ("[grpc]\n", "[grpc]\nclient_certificate_hours_max = 0\n", "grpc.client_certificate_hours_max: must be greater than 0"),
    (
        "[audit]\n",
        '[audit]\notlp.endpoint = "http://collector.example:4317"\n',
        "audit.otlp.endpoint: plaintext is for loopback",
    ),
    ("[audit]\n", '[audit]\notlp.endpoint = "collector.example:4317"\n', "audit.otlp.endpoint: must be https://host:port"),
    ("[audit]\n", '[audit]\notlp.endpoint = "https://collector.example"\n', "audit.otlp.endpoint: must be host:port"),
    ("[audit]\n", '[audit]\ns3.bucket = "Not_A_Bucket"\n', "audit.s3.bucket: must be the name of a bucket"),
    ("[audit]\n", '[audit]\ns3.bucket = "logs"\ns3.prefix = "no-slash"\n', "audit.s3.prefix: must be names of letters"),
    ("[audit]\n", '[audit]\ns3.bucket = "logs"\ns3.timeout_seconds = 121\n', "audit.s3.timeout_seconds: must be 120 or less"),
    ("limits.import", "limits.day_seconds = nan\nlimits.import", "limits.day_seconds: must be from 0.01 to 86,400"),
    ("limits.import", "limits.misspelt = 1\nlimits.import", "limits.misspelt: is no setting"),
    ("rsa = 0", "rsa = -1", "throttle.rsa: must be from 0 to 1,000,000,000"),
    (
        "limits.import",
        "limits.drain_pause_second = 1\nlimits.import",
        "limits.drain_pause_second: is no setting; did you mean drain_pause_seconds?",
    ),
    ("[audit]\n", "[audit]\ndirectori = 1\n", "audit.directori: is no setting; did you mean directory?"),
    ('provider = "', 'pasphrase_file = "x"\nprovider = "', "seals.0.pasphrase_file: is no setting"),
    ("[audit]\n", '[audit]\nmax_batch = "16"\n', "audit.max_batch: must be a number, without quotes"),
    ("[audit]\n", "[audit]\nreserve_bytes = true\n", "audit.reserve_bytes: must be a number"),
    ("[audit]\n", "[audit]\nstdout = 1\n", "audit.stdout: must be true or false"),
    ("limits.import", 'limits.day_seconds = "4"\nlimits.import', "limits.day_seconds: must be a number, without quotes"),
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
    "postgresql://kms:secret@db/kms?password_file=/run/secret": "has a password and a password_file: give one of them",
    "postgresql://kms@db/kms?password_file=secret": "password_file must be one path from the root",
    "postgresql://kms@db/kms?password_file=/a&password_file=/b": "password_file must be one path from the root",
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
    assert f"{settings}: database: {BAD_DATABASES[url]}" in str(refused.value)
    assert "secret" not in str(refused.value).replace(str(settings), "")


@pytest.mark.parametrize(
    "url", ["sqlite:///kms.sqlite3", "postgresql://kms@db/kms", "postgresql:///kms?host=/run/pg&ssl=require&password_file=/run/p"]
)
def test_a_database_that_can_be_used(settings: Path, url: str) -> None:
    text = settings.read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("database = ")]
    settings.write_text(text.replace(line, f'database = "{url}"'))
    assert load_settings(settings).database == url.replace("sqlite:///", f"sqlite:///{settings.parent}/")


def test_a_file_that_cannot_be_read_is_told_without_numbers_of_the_machine(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(SettingsError) as told:
            load_settings(path)
        assert str(told.value) == f"{path}: {why}"


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
    elif isinstance(value, tuple | dict):
        for each in value.values() if isinstance(value, dict) else value:
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
[xks]
listen = "127.0.0.1:7701"
[xks.tls]
certificate = "xks.crt"
private_key = "xks.key"
client_ca = "xks.pem"
[key_store_proxies]
trusted_roots = "roots.pem"
client_certificate = "proxies.crt"
client_private_key = "proxies.key"
[audit.otlp]
endpoint = "https://collector.example:4317"
ca = "collector.pem"
headers_file = "headers"
[tracing]
endpoint = "https://collector.example:4317"
ca = "spans.pem"
headers_file = "headers"
[[seals]]
provider = "passphrase"
passphrase_file = "phrase"
[[seals]]
provider = "pkcs11"
module = "tokens.so"
token = "hsm-a"
key = "meridian-seal"
pin_file = "pin"
[key_store_tokens.cluster-abcdefghijk]
module = "tokens.so"
token = "hsm-b"
trust_anchor = "anchor.pem"
account = "111122223333"
[console]
listen = "127.0.0.1:8499"
origin = "https://kms.example.com"
[console.tls]
certificate = "console.pem"
private_key = "console.key"
client_ca = "people.pem"
[console.oidc]
issuer = "https://login.example.com"
client_id = "meridian"
client_secret_file = "secret"
"""


def test_every_relative_path_begins_at_the_folder_of_the_file(
    settings: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, rest = EVERY_PATH.strip().split("\n", 1)
    (settings.parent / "name").write_text("meridian-0")
    text = f'{first}\nreplica_file = "name"\n{settings.read_text()}\n{rest}'
    text = text.replace("[audit]\n", '[audit]\nreplicas = "logs"\n')
    settings.write_text(text.replace(f"{settings.parent}/", "").replace(f"{settings.parents[1]}/", "../"))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.chdir(settings.parents[1])
    read = load_settings(Path(settings.relative_to(Path.cwd())))
    found = dict(paths_in(read, ""))
    assert set(found) == set(paths_declared(Settings, ""))
    assert [name for name, path in found.items() if not path.is_absolute() or settings.parent not in (path.parent, *path.parents)] == []
    assert read.database == f"sqlite:///{settings.parent}/region.sqlite3"
    assert read.policies.is_dir()
    assert read.principals.is_file()


def test_an_absolute_path_stays(settings: Path) -> None:
    read = load_settings(settings)
    assert read.principals == settings.parents[1] / "principals.toml"
    assert read.database == f"sqlite:///{settings.parent}/region.sqlite3"


# ---- every fault in words

RAW = (
    "Value error",
    "Input",
    "String should",
    "pattern",
    "Extra inputs",
    "keyword",
    "instance of",
    "Field required",
    "tuple",
    "dictionary",
)
"""What the checker of types says, which no operator should have to read."""
WRONG: tuple[Any, ...] = ("x y", "", -1, 0.5, True, [], {}, [7], {"a": 1}, ["x"])
PEER = {
    "region": "eu-west-1",
    "address": "peer:1",
    "spiffe_id": "spiffe://d/peer",
    "transport_fingerprint": "0" * 64,
    "accounts": ["111122223333"],
}
MORE = {
    "peers": [PEER],
    "regions": {"us-east-1": {"labels": ["EU"]}},
    "accounts": {"111122223333": {"org_units": ["ou"]}},
    "services": {"s3": "111122223333/s3"},
}


def places(table: dict[str, Any], before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for name, value in table.items():
        yield (*before, name)
        if isinstance(value, dict):
            yield from places(value, (*before, name))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from places(value[0], (*before, name, 0))


def faults(document: dict[str, Any]) -> list[str]:
    try:
        taken = Settings.model_validate(document)
    except ValidationError as fault:
        return faults_of(fault, Settings)
    return mistaken_types(document, taken)


def test_whatever_is_wrong_is_told_in_words_with_its_place(settings: Path) -> None:
    sound = tomllib.loads(settings.read_text()) | MORE
    sound["audit"] |= {"s3": {"bucket": "logs", "prefix": "kms/"}, "otlp": {"endpoint": "https://collector:4317"}}
    assert faults(sound) == []
    looked_at = 0
    for place in [*places(sound)]:
        *way, last = place
        for wrong in (*WRONG, None):
            document: Any = deepcopy(sound)
            table = document
            for step in way:
                table = table[step]
            if wrong is None:
                table[f"{last}x"] = 1  # a name that is none, but near to one
            else:
                table[last] = wrong
            for line in faults(document):
                looked_at += 1
                assert not any(raw in line for raw in RAW), line
                assert ": " in line, line
    assert looked_at > 300


def test_every_pattern_of_the_settings_has_words() -> None:
    patterns = set(re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(Settings.model_json_schema())))
    named = set(re.findall(r'"patternProperties": \{("(?:[^"\\]|\\.)*")', json.dumps(Settings.model_json_schema())))
    assert {json.loads(each) for each in patterns | named} == set(PATTERNS)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"region": "us-east-1"}, "peers.0.region: us-east-1 is this Region itself"),
        ({"spiffe_id": "spiffe://d/other"}, "peers.1.region: peers.0 has the same one"),
        ({"region": "ap-south-1"}, "peers.1.spiffe_id: peers.0 has the same one"),
    ],
    ids=["itself", "region", "spiffe_id"],
)
def test_each_peer_is_another_region(settings: Path, change: dict[str, str], told: str) -> None:
    sound = tomllib.loads(settings.read_text())
    peers = [PEER | change] if change.get("region") == "us-east-1" else [PEER, PEER | change]
    assert faults(sound | {"peers": peers}) == [told]
    third = {"region": "ap-south-1", "spiffe_id": "spiffe://d/third"}  # before the Regions are made, fingerprints are alike
    assert faults(sound | {"peers": [PEER, PEER | third]}) == []


def test_a_token_is_of_one_purpose() -> None:
    from types import SimpleNamespace

    from meridian.settings_rules import faults_between

    one = SimpleNamespace(module="/lib/p11.so", token="hsm-a")
    other = SimpleNamespace(module="/lib/p11.so", token="hsm-b")
    assert faults_between(SimpleNamespace(seals=(one,), key_store_tokens={"cluster-b": other})) == []
    assert faults_between(SimpleNamespace(seals=(one,), key_store_tokens={"cluster-a": one})) == [
        "key_store_tokens.cluster-a.token: seals.0 has the same one"
    ]
    assert faults_between(SimpleNamespace(seals=(one, one), key_store_tokens={})) == ["seals.1.token: seals.0 has the same one"]


@pytest.mark.parametrize(("name", "told"), [("none.toml", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_told_in_words(tmp_path: Path, name: str, told: str) -> None:
    path = tmp_path / name
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert str(caught.value) == f"{path}: {told}"
