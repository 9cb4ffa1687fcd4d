"""Files with secrets and files that are believed: what is refused names the file and says what to do."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.live_principals import LivePrincipals, read_denied
from meridian.adapters.principals_file import FilePrincipals, PrincipalsFileError
from meridian.adapters.store_sql.dialects import keep_private
from meridian.authentication.certificate_check import CertificateCheck
from meridian.cli.private_files import write_private
from meridian.crypto.certificates import CertificateFiles, new_authority, new_leaf
from meridian.engine.secret_files import BYTES_MAX, FileFault, read_secret, read_trusted
from meridian.errors import UnrecognizedClientException
from meridian.identity import HttpsListener
from meridian.transport.tls_files import TlsPaths, read_tls

NOW = datetime.now(UTC)
CA = new_authority("one", NOW)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o622, 0o700, 0o4600])
def test_a_secret_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"x")
    path.chmod(mode)
    with pytest.raises(FileFault, match=rf"{path}: mode {mode:04o} is looser than .*chmod 0600"):
        read_secret(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_of_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"x")
    path.chmod(mode)
    assert read_secret(path) == b"x"


@pytest.mark.skipif(os.geteuid() != 0, reason="files of other users are made by root alone")
def test_a_group_reads_secrets_of_root_alone_as_kubernetes_mounts_them(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"x")
    path.chmod(0o440)
    assert read_secret(path) == b"x", "root, group of the pod"
    os.chown(path, 12345, -1)
    with pytest.raises(FileFault, match="0440 is looser than 0600"):
        read_secret(path)
    path.chmod(0o400)
    with pytest.raises(FileFault, match="belongs to another user"):
        read_secret(path)


def test_what_is_no_file_or_too_large_or_absent_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * (BYTES_MAX + 1))
    large.chmod(0o600)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, text in ((large, "larger than"), (tmp_path / "pipe", "is no file"), (tmp_path / "none", "No such file")):
        with pytest.raises(FileFault, match=text):
            read_secret(path)
    open_to_all = tmp_path / "believed"
    open_to_all.write_bytes(b"x")
    open_to_all.chmod(0o666)
    with pytest.raises(FileFault, match="lets everybody change it"):
        read_trusted(open_to_all)


def test_what_is_written_privately_is_so_over_an_open_file_and_through_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("before")
    path.chmod(0o666)
    link = tmp_path / "link"
    link.symlink_to(path)
    write_private(link, b"secret")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"secret", 0o600)
    assert link.is_symlink()
    write_private(Path("/dev/null"), b"gone")
    assert not Path("/dev/null").is_file()


def test_a_database_and_its_journals_are_for_their_owner(tmp_path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"r.sqlite3{suffix}").touch(0o644)
    keep_private(f"sqlite:///{tmp_path}/r.sqlite3")
    keep_private(f"sqlite:///{tmp_path}/new.sqlite3")
    keep_private("postgresql://somewhere/else")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 4


def pair(folder: Path, files: CertificateFiles) -> TlsPaths:
    write_private(folder / "c.crt", files.certificate)
    write_private(folder / "c.key", files.private_key)
    write_private(folder / "ca.crt", CA.certificate)
    return TlsPaths(folder / "c.crt", folder / "c.key", folder / "ca.crt")


def test_certificate_key_and_authority_are_checked_as_a_whole(tmp_path: Path) -> None:
    paths = pair(tmp_path, new_leaf(CA, "good", NOW))
    good = read_tls(paths, NOW)
    assert [name for name, _ in good.lives] == ["certificate", "client_ca"]
    other = new_leaf(CA, "other", NOW)
    for path, data, text in (
        (paths.private_key, other.private_key, "is not the private key of"),
        (paths.private_key, b"no key", "is not the private key of"),
        (paths.certificate, b"no certificate", "c.crt: holds no certificate"),
        (paths.certificate, new_leaf(CA, "old", NOW - timedelta(days=9)).certificate, "c.crt: is not valid now"),
        (tmp_path / "ca.crt", new_authority("old", NOW - timedelta(days=9999)).certificate, "ca.crt: is not valid now"),
    ):
        before = path.read_bytes()
        write_private(path, data)
        with pytest.raises(FileFault, match=text):
            read_tls(paths, NOW)
        write_private(path, before)
    assert read_tls(paths, NOW).digest == good.digest


def test_a_certificate_is_judged_by_its_life_and_the_authorities_of_now() -> None:
    short, year = new_leaf(CA, "a", NOW).certificate, new_leaf(CA, "b", NOW, life=timedelta(days=365)).certificate
    check = CertificateCheck(CA.certificate, hours_max=25)
    assert check.require_good(short, NOW)
    for pem, at, reason in (
        (year, NOW, "longer than 25 hours"),
        (short, NOW + timedelta(hours=24), "expired"),
        (short, NOW - timedelta(hours=1), "not yet valid"),
        (b"", NOW, "cannot be read"),
    ):
        with pytest.raises(UnrecognizedClientException) as refused:
            check.require_good(pem, at)
        assert reason in refused.value.reason
    assert CertificateCheck(CA.certificate, hours_max=None).require_good(year, NOW)
    new = new_authority("two", NOW)
    check.use_authorities(CA.certificate + new.certificate)
    assert check.require_good(short, NOW)
    check.use_authorities(new.certificate)
    with pytest.raises(UnrecognizedClientException) as removed:
        check.require_good(short, NOW)
    assert "authority that was removed" in removed.value.reason
    assert check.require_good(new_leaf(new, "c", NOW).certificate, NOW)
    check.use_authorities(CA.certificate)
    assert check.require_good(short, NOW), "taken back"


def principals(folder: Path, text: str) -> FilePrincipals:
    write_private(folder / "p.toml", text.encode())
    return FilePrincipals.load(folder / "p.toml", partition="aws", org_units={})


ANN = '[[principals]]\nkind = "User"\naccount = "111122223333"\nname = "ann"\nspiffe_id = "spiffe://x/ann"\n'


def test_the_deny_list_and_the_switch_of_tokens_act_on_every_question(tmp_path: Path) -> None:
    found = principals(tmp_path, ANN + f'token_sha256 = "{"a" * 64}"\n')
    live = LivePrincipals(found, frozenset(), accepts_tokens=True)
    assert live.find_by_spiffe_id("spiffe://x/ann") is live.find_by_subject("client_certificate", "spiffe://x/ann") is not None
    token = live.find_by_token_hash("a" * 64)
    assert token is not None
    assert live.find_by_subject("bearer_token", token.subject) is token
    live.use_denied(frozenset({"spiffe://x/ann"}))
    assert live.is_denied("spiffe://x/ann")
    assert live.find_by_spiffe_id("spiffe://x/ann") is live.find_by_subject("client_certificate", "spiffe://x/ann") is None
    closed = LivePrincipals(found, frozenset(), accepts_tokens=False)
    assert closed.find_by_token_hash("a" * 64) is closed.find_by_subject("bearer_token", token.subject) is None


def test_a_deny_list_is_whole_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "denied"
    write_private(path, b"# why\nspiffe://x/a  # stolen\n\nspiffe://x/b\n")
    assert read_denied(path) == {"spiffe://x/a", "spiffe://x/b"}
    write_private(path, b"spiffe://x/a\nann\n")
    with pytest.raises(FileFault, match="line 2: no SPIFFE id"):
        read_denied(path)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('groups = "all"\n', "groups must be a list"),
        ("tags = { a = 1 }\n", "tags must be a table"),
        ('token_sha256 = "abc"\n', "token_sha256 must be 64"),
        ('access_key_id = "A"\n', "secret_access_key_file is missing"),
        ('access_key_id = "A"\nsecret_access_key_file = "open"\n', "open: mode 0644 is looser"),
        ('access_key_id = "A"\nsecret_access_key_file = "none"\n', "none: No such file"),
        ('mfa_present = "yes"\n', "mfa_present must be"),
        (ANN.replace('"ann"', '"eve"'), "spiffe_id is given to two principals"),
        (ANN.replace('"ann"', '"xks-export/foo"').replace('"User"', '"Service"'), "name is one of an export"),
        (ANN.replace('"ann"', '"xks-store/foo"').replace('"User"', '"Service"'), "name is one of an export"),
    ],
)
def test_a_principal_with_a_fault_is_told_by_number_and_field(tmp_path: Path, more: str, told: str) -> None:
    (tmp_path / "open").write_text("secret")
    (tmp_path / "open").chmod(0o644)
    with pytest.raises(PrincipalsFileError, match=rf"p.toml: principal [12]: .*{told}"):
        principals(tmp_path, ANN + more)


@pytest.mark.parametrize("name", ["aws", "xks", "console"])
def test_a_listener_of_https_asks_for_certificates_where_an_authority_is_named(tmp_path: Path, name: str) -> None:
    leaf = new_leaf(CA, "server", NOW)
    paths = pair(tmp_path, leaf)
    asked, unasked = (HttpsListener(name, each, SystemClock(), hours_max=None) for each in (paths, replace(paths, client_ca=None)))
    assert unasked.check is None
    assert asked.check is not None
    assert asked.check.require_good(leaf.certificate, NOW)
