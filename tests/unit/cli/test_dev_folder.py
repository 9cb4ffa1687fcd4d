"""The certificates of `meridian dev`: each principal has its own, under its whole name."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests import ports

from meridian.authorization.language.evaluator import SchemaHandle
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import load_policies
from meridian.cli import dev_folder
from meridian.cli.certificate_pairs import certificate_of, private_key_of
from meridian.cli.dev_folder import DevFolder, free_port
from meridian.cli.exit_codes import DENIED, OK
from meridian.cli.main import main
from meridian.cli.private_files import write_private
from meridian.crypto.certificate_life import require_key_of
from meridian.crypto.certificate_uris import certificate_uris
from meridian.engine.secret_files import FileFault
from meridian.settings import load_settings
from meridian.testing import running_region

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


def account_of(account: str, name: str, group: str) -> str:
    groups = f'"{group}"' if group else ""
    return (
        f'[[principals]]\nkind = "User"\naccount = "{account}"\nname = "{name}"\ngroups = [{groups}]\nspiffe_id = "spiffe://tests/{name}"\n'
    )


def decided(policies: Path, account: str, group: str, action: str) -> bool:
    principal = ["--principal", f"User:{account}/somebody", *(["--group", group] if group else [])]
    done = CliRunner().invoke(
        main, ["policy", "explain", "--policies", str(policies), *principal, "--action", action, "--key", f"account={account}"]
    )
    is_allowed = done.output.splitlines()[0].endswith(": allow")
    assert done.exit_code == (OK if is_allowed else DENIED), done.output
    return is_allowed


def test_an_account_that_was_not_foreseen_has_a_policy_that_is_made_once(tmp_path: Path) -> None:
    new = "999988887777"
    prepared(tmp_path, account_of(new, "zoe", "").encode())
    file = tmp_path / "policies" / f"account-{new}.cedar"
    load_policies(tmp_path / "policies", SchemaHandle(schema_text()))
    for group, action, allowed in (
        ("", "Encrypt", True),
        ("developers", "ScheduleKeyDeletion", True),
        ("key-users", "Encrypt", True),
        ("key-users", "ScheduleKeyDeletion", False),
        ("key-administrators", "Encrypt", False),
        ("auditors", "Decrypt", False),
    ):
        assert decided(tmp_path / "policies", new, group, action) is allowed, (group, action)
    file.write_text(f"// nothing for {new}\n")
    prepared(tmp_path, account_of(new, "zoe", "").encode())
    assert file.read_text() == f"// nothing for {new}\n"
    assert len(list((tmp_path / "policies").glob("account-*.cedar"))) == 3


def test_the_environment_names_the_first_principals_where_the_default_ones_are_not_there(tmp_path: Path) -> None:
    prepared(tmp_path, (account_of("999988887777", "zoe", "") + account_of("999988887777", "yan", "")).encode())
    text = (tmp_path / "env").read_text()
    assert f"MERIDIAN_CERTIFICATE='{tmp_path}/clients/zoe.crt'" in text
    assert "AWS_ACCESS_KEY_ID" not in text
    write_private(tmp_path / "clients" / "secret", b"of-yan\n")
    keyed = account_of("999988887777", "yan", "") + 'access_key_id = "AKIAYANYANYANYANYANY"\nsecret_access_key_file = "clients/secret"\n'
    prepared(tmp_path, (account_of("999988887777", "zoe", "") + keyed).encode())
    text = (tmp_path / "env").read_text()
    assert "AWS_ACCESS_KEY_ID='AKIAYANYANYANYANYANY'" in text
    assert "AWS_SECRET_ACCESS_KEY='of-yan'" in text


def test_regions_follow_the_policies_that_the_operator_names(tmp_path: Path) -> None:
    own = tmp_path / 'my "own" policies'
    folder = DevFolder(tmp_path / "dev", ["us-east-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port)
    folder.prepare(None)
    folder.follow_policies(own)
    folder.write_settings({})
    assert load_settings(folder.places[0].settings).policies == own


def test_no_port_of_a_deployment_has_two_uses(tmp_path: Path) -> None:
    found = iter([7401, 7602, 7502, 20_001, 20_001, 20_002, 20_003, 20_004])
    folder = DevFolder(tmp_path, ["us-east-1", "eu-west-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=lambda: next(found))
    assert [place.peer_port for place in folder.places] == [20_001, 20_002]
    again = DevFolder(tmp_path, ["us-east-1", "eu-west-1"], grpc_port=7401, admin_port=7601, aws_port=20_001, find_port=lambda: next(found))
    assert [place.aws_port for place in again.places] == [20_001, 20_002]
    assert {place.peer_port for place in again.places}.isdisjoint({20_001, 20_002}), "what is asked for goes before what was found"


def test_ports_that_are_found_at_random_are_none_that_these_tests_give_out() -> None:
    assert ports.AFTER_LAST <= dev_folder.FIRST_PORT
    assert ports.AFTER_LAST <= running_region.FIRST_PORT
