"""The certificates of `meridian dev`: each principal has its own, under its whole name."""

from __future__ import annotations

from pathlib import Path

import pytest

from meridian.cli.certificate_pairs import certificate_of, private_key_of
from meridian.cli.dev_files import DevFolder, free_port
from meridian.crypto.certificate_life import require_key_of
from meridian.crypto.certificate_uris import certificate_uris
from meridian.engine.secret_files import FileFault

NAMES = ("alice", "alice.a", "alice.b", "alice.crt", "alice.", "team/alice.a", "a.b.c")


def spiffe_id(name: str) -> str:
    return f"spiffe://tests/{name}"


def principals(*named: tuple[str, str]) -> bytes:
    """A principals file: name and SPIFFE id of each."""
    row = '[[principals]]\nkind = "User"\naccount = "111122223333"\nname = "{}"\nspiffe_id = "{}"\n'
    return "".join(row.format(*each) for each in named).encode()


def prepared(root: Path, given: bytes) -> Path:
    """The folder of the clients' certificates."""
    DevFolder(root, ["us-east-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port).prepare(given)
    return root / "clients"


def test_each_principal_has_the_certificate_of_its_whole_name(tmp_path: Path) -> None:
    clients = prepared(tmp_path, principals(*((name, spiffe_id(name)) for name in NAMES)))
    assert {path.relative_to(clients).as_posix() for path in clients.rglob("*.crt")} == {f"{name}.crt" for name in (*NAMES, "transport")}
    for name in NAMES:
        certificate = (clients / f"{name}.crt").read_bytes()
        assert certificate_uris(certificate) == (spiffe_id(name),)
        require_key_of(certificate, (clients / f"{name}.key").read_bytes())
    assert certificate_uris((clients / "transport.crt").read_bytes()) == ()


def test_a_certificate_of_another_principal_is_made_anew(tmp_path: Path) -> None:
    clients = prepared(tmp_path, principals(("alice", spiffe_id("alice.a"))))
    kept = (clients / "transport.crt").read_bytes()
    prepared(tmp_path, principals(("alice", spiffe_id("alice"))))
    assert certificate_uris(certificate_of(clients / "alice").read_bytes()) == (spiffe_id("alice"),)
    require_key_of(certificate_of(clients / "alice").read_bytes(), private_key_of(clients / "alice").read_bytes())
    assert (clients / "transport.crt").read_bytes() == kept


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ((("bob", "spiffe://one/bob"), ("bob", "spiffe://two/bob")), "principal 2: clients/bob.crt is the file of principal 1"),
        ((("transport", "spiffe://one/transport"),), "principal 1: clients/transport.crt is the file of the certificate that names nobody"),
    ],
    ids=["two of one name", "the name of nobody"],
)
def test_two_principals_have_no_file_in_common(tmp_path: Path, named: tuple[tuple[str, str], ...], told: str) -> None:
    source = tmp_path / "principals.toml"
    source.write_bytes(principals(*named))
    with pytest.raises(FileFault, match=told):
        prepared(tmp_path / "dev", source.read_bytes())
