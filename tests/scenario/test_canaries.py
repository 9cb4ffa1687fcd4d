"""Every operation is called with secrets that can be recognised; then everything that two Regions have written, sent and shown is searched
for them: databases with their journals, audit logs, logs, metrics, what collectors of records and of spans were sent, standard output, and
what commands print.

A secret is what the contract says is one, in requests and in answers, and what callers prove themselves by.
"""

from __future__ import annotations

import base64
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from google.protobuf.message import Message
from tests.conformance.good_requests import KIND_OF, Things
from tests.deployment import AWAY, HOME, Deployment
from tests.openssl import bring, random_material
from tests.receivers import Collector, TraceCollector, collector, trace_collector

from meridian.cli.region_place import HOST
from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.contract.catalog import is_secret, rpcs
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.deep
BYTES_MIN = 12
"""What is shorter may stand anywhere by chance."""
FILES_OF_SECRETS = {"env", "seal"}
"""Beside what lies under `clients`, and private keys: where an operator keeps them; `env` is what `meridian dev` gives to shells."""


IN_DATABASES = (".grant_token", ".access_key_id")
"""A grant token serves nobody but the grantee: it is kept with the answer that a repeated CreateGrant gets again. The name of an access
key is shown by DescribeCustomKeyStores. Neither may be anywhere else."""


def is_database(path: Path) -> bool:
    return path.name.startswith("region.sqlite3")


def tagged() -> bytes:
    return b"canary-" + secrets.token_hex(12).encode()


class Secrets:
    """What must be found nowhere, by what it is."""

    def __init__(self) -> None:
        self.known: dict[bytes, str] = {}

    def add(self, value: bytes | str, what: str) -> None:
        data = value.encode() if isinstance(value, str) else value
        if len(data) >= BYTES_MIN:
            self.known[data] = what

    def of(self, message: Message, what: str) -> None:
        """Every secret field, however deep."""
        for field, value in message.ListFields():
            for each in value if field.is_repeated and not hasattr(value, "items") else [value]:
                if is_secret(field) and isinstance(each, bytes | str):
                    self.add(each, f"{what}.{field.name}")
                elif isinstance(each, Message):
                    self.of(each, f"{what}.{field.name}")

    def found_in(self, data: bytes) -> list[str]:
        """What of them is there, as it is or in a form that somebody may have written it in."""
        return [what for value, what in self.known.items() if any(form in data for form in _forms(value))]


def _forms(value: bytes) -> Iterator[bytes]:
    yield value
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for encoded in (base64.b64encode(value), base64.urlsafe_b64encode(value)):
        yield encoded.rstrip(b"=")[:-1]  # the last letter of it may hold bits of what follows
    yield repr(value)[2:-1].encode()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture(scope="module")
def spans() -> Iterator[TraceCollector]:
    """Is sent all that spans may tell."""
    with trace_collector() as made:
        yield made


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory, receiver: Collector, spans: TraceCollector) -> Iterator[Deployment]:
    added = "limits.key_stores_per_account = 100\n"
    deployment = Deployment(tmp_path_factory.mktemp("canaries"), [HOME, AWAY], settings_added=added).prepare()
    for place in deployment.folder.places:
        text = place.settings.read_text()
        text = text.replace("[audit]\n", f'[audit]\notlp.endpoint = "{receiver.url}"\n')
        shown = 'attributes = ["account", "principal", "key", "alias"]'
        place.settings.write_text(f'{text}\n[tracing]\nendpoint = "{spans.url}"\n{shown}\n')
    with deployment.serving():
        yield deployment


@pytest.fixture(scope="module")
def walked(regions: Deployment, tmp_path_factory: pytest.TempPathFactory) -> tuple[Secrets, list[bytes]]:
    """The secrets of a walk through every operation, and what was printed meanwhile."""
    known, folder = Secrets(), tmp_path_factory.mktemp("walk")
    things = Things(regions, folder)
    for path in (regions.root / "clients").glob("*"):
        if path.suffix in (".token", ".secret-access-key"):
            known.add(path.read_text().strip(), path.name)
    for number, (name, rpc) in enumerate(rpcs().items(), 100):
        fields = things.good(
            name,
            things.key(KIND_OF.get(name, "symmetric"), number=number) if "key_id" in rpc.request_class.DESCRIPTOR.fields_by_name else "",
        )
        for field in ("plaintext", "message"):
            if field in fields:
                fields[field] = tagged()
                known.add(fields[field], f"{name}.{field}")
        if name == "Decrypt":
            fields["ciphertext_blob"] = things.client.encrypt(key_id=fields["key_id"], plaintext=tagged()).ciphertext_blob
        request = rpc.request_class(**fields)
        known.of(request, name)
        try:
            answer: Any = getattr(things.client, rpc.method_name)(**fields)
        except KmsServiceError:
            continue  # refused, with the same secrets on its way
        known.of(answer, name)
    material = random_material()
    known.add(material, "imported material")
    imported = str(things.client.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id)
    bring(things.client, folder, imported, material)
    with Client(regions.endpoint(HOME, "transport", "canary-wrong-token-" + "x" * 20)) as wrong, pytest.raises(KmsServiceError):
        wrong.list_keys()
    known.add("canary-wrong-token-" + "x" * 20, "a wrong token")
    return known, [_printed_by_commands(regions, folder, known)]


def _printed_by_commands(regions: Deployment, folder: Path, known: Secrets) -> bytes:
    plaintext, endpoint = tagged(), regions.endpoint(HOME, "developer")
    known.add(plaintext, "the plaintext of a command")
    (folder / "plaintext").write_bytes(plaintext)
    connection = [
        "--endpoint",
        endpoint.target,
        "--ca",
        endpoint.ca,
        "--certificate",
        endpoint.certificate,
        "--private-key",
        endpoint.private_key,
    ]
    with regions.client(caller="developer") as developer:
        key_id = developer.create_key().key_metadata.key_id
    settings = str(regions.place(HOME).settings)
    printed = b""
    for words in (
        ("kms", "encrypt", "--debug", "--key-id", key_id, "--plaintext", folder / "plaintext", *connection),
        ("kms", "generate-data-key", "--debug", "--key-id", "nothing", "--number-of-bytes", "32", *connection),
        ("region", "doctor", "--rows", "--config", settings),
        ("outbox", "list", "-o", "json", "--config", settings),
        ("region", "audit-keys", "--config", settings),
    ):
        done = subprocess.run([sys.executable, "-m", "meridian", *map(str, words)], capture_output=True, timeout=120, check=False)
        printed += done.stdout + done.stderr
    return printed


def _metrics(regions: Deployment, region: str) -> bytes:
    with urllib.request.urlopen(f"http://{HOST}:{regions.place(region).admin_port}/metrics", timeout=10) as answer:
        found: bytes = answer.read()
    return found


def _read(path: Path) -> bytes:
    data = path.read_bytes()
    return zstandard.ZstdDecompressor().decompressobj().decompress(data) if path.suffix == ".zst" else data


def test_no_secret_of_any_operation_is_written_sent_or_shown(
    regions: Deployment, walked: tuple[Secrets, list[bytes]], receiver: Collector, spans: TraceCollector
) -> None:
    known, printed = walked
    assert len(known.known) > 30
    assert {"Encrypt.plaintext", "Decrypt.plaintext", "GenerateDataKey.plaintext", "Sign.message"} <= set(known.known.values())
    for region in (HOME, AWAY):
        assert known.found_in(_metrics(regions, region)) == [], region
    assert [known.found_in(each) for each in printed] == [[]]
    for region in (HOME, AWAY):
        process = regions.processes[region]
        regions.stop(region)
        assert process.stdout is None or process.stdout.closed
    searched = 0
    for path in regions.root.rglob("*"):
        if path.is_file() and path.parent.name != "clients" and path.suffix != ".key" and path.name not in FILES_OF_SECRETS:
            found = [what for what in known.found_in(_read(path)) if not (is_database(path) and what.endswith(IN_DATABASES))]
            assert found == [], path
            searched += 1
    assert searched > 15
    assert len(receiver.lines) > 50
    assert known.found_in(b"\n".join(receiver.lines)) == []
    assert len(spans.spans) > 50
    assert known.found_in(b"\n".join(message.SerializeToString() for message in spans.messages)) == []


def test_the_search_finds_what_is_there() -> None:
    """A search that finds nothing whatever is written would pass, too."""
    known, secret = Secrets(), tagged()
    known.add(secret, "it")
    for form in (secret, secret.hex().encode(), base64.b64encode(secret), b"x" + base64.urlsafe_b64encode(secret) + b"y"):
        assert known.found_in(b"before " + form + b" after") == ["it"], form
    assert known.found_in(b"canary-") == []
