"""What options of calls read of files: no more than a request, or an envelope, can hold."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.cli.test_dev_folder import prepared, principals
from tests.unit.cli.test_every_file_option import BYTES, TEXTS

from meridian.cli import envelope_files, values
from meridian.cli.exit_codes import SETUP, USAGE
from meridian.cli.main import main
from meridian.contract.catalog import rpcs
from meridian.contract.fields import descriptor_of
from meridian.domain.limits import Limits

FIELDS = [
    (name, field.name)
    for name, rpc in rpcs().items()
    for field in descriptor_of(rpc.request_class).fields
    if field.name in BYTES | TEXTS and values.option_of(field).metavar != values.JSON
]


@pytest.mark.parametrize(("operation", "name"), FIELDS)
def test_a_file_longer_than_the_largest_request_is_refused_by_name(operation: str, name: str) -> None:
    rpc = rpcs()[operation]
    option = f"--{name.replace('_', '-')}"
    value = "@/dev/zero" if name == "policy" else "/dev/zero"
    done = CliRunner().invoke(main, ["kms", rpc.method_name.replace("_", "-"), option, value])
    assert done.exit_code == USAGE
    assert f"{option}: /dev/zero: is longer than 262,144 bytes, the most that can be used here" in done.output


def test_a_file_of_the_largest_request_is_read_and_one_byte_more_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    most = Limits().request_bytes
    assert most == values.REQUEST_BYTES_MAX
    for length, standard in itertools.product((most, most + 1), (False, True)):
        (tmp_path / "file").write_bytes(bytes(length))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bytes(length))))
        place = "-" if standard else str(tmp_path / "file")
        if length == most:
            assert len(values.read_bytes(place, "--plaintext", most)) == most
        else:
            with pytest.raises(values.FileOfOptionError, match="is longer than"):
                values.read_bytes(place, "--plaintext", most)


@pytest.mark.parametrize("command", ["encrypt", "decrypt"])
def test_an_envelope_is_read_up_to_its_length_and_no_further(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(envelope_files, "BYTES_MAX", 1000)
    monkeypatch.setattr(envelope_files, "SEALED_BYTES_MAX", 2000)
    key = ["--key-id", "alias/a"] if command == "encrypt" else []
    done = CliRunner().invoke(main, ["envelope", command, *key, "/dev/zero", str(tmp_path / "target")])
    assert done.exit_code == USAGE
    assert f"is longer than {1000 if command == 'encrypt' else 2000:,} bytes" in done.output


@pytest.mark.parametrize("option", ["--ca", "--certificate", "--private-key", "--token-file"])
def test_what_proves_a_caller_is_read_up_to_a_length(option: str, tmp_path: Path) -> None:
    prepared(tmp_path, principals(("alice", "spiffe://tests/alice")))
    clients = tmp_path / "clients"
    given = {
        "--endpoint": "127.0.0.1:1",
        "--ca": str(tmp_path / "client-ca.crt"),
        "--certificate": str(clients / "alice.crt"),
        "--private-key": str(clients / "alice.key"),
        option: "/dev/zero",
    }
    done = CliRunner().invoke(main, ["kms", "list-keys", *itertools.chain.from_iterable(given.items())])
    assert done.exit_code == SETUP
    assert f"{option}: /dev/zero: is longer than 4,194,304 bytes" in done.output


def test_public_audit_keys_are_read_up_to_a_length(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["audit", "verify", str(tmp_path), "--keys", "/dev/zero"])
    assert done.exit_code == USAGE
    assert "--keys: /dev/zero: is longer than 1,048,576 bytes" in done.output
