"""Seals open the root key or stop the start; rows open under their own identity only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from tests.reported_events import ReportedEvents

from meridian.adapters.entropy_os import OsEntropy
from meridian.crypto.aead import OpenError
from meridian.domain.secret import Secret, SecretAccess
from meridian.engine.keyring import Keyring, KeyringRows, RowIdentity, create, next_kek, next_root, unlock
from meridian.engine.seals import FileSeal, PassphraseSeal, Seal, SealError
from meridian.ports.security_events import SecurityEvent
from meridian.ports.store.region import RegionIdentity

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REGION = RegionIdentity("deployment-1", "aws", "us-east-1", 0, NOW)
ROW = RowIdentity("key-material", "aws", "111122223333", "us-east-1", "k", "SYMMETRIC_DEFAULT", "AWS_KMS", b"m" * 32, 1)
CHEAP: Final[dict[str, Any]] = {"time_cost": 3, "memory_kib": 64 * 1024, "parallelism": 1}


def seal_file(folder: Path, data: bytes = b"s" * 32, mode: int = 0o600) -> FileSeal:
    path = folder / "seal"
    path.write_bytes(data)
    path.chmod(mode)
    return FileSeal(path)


def passphrase(folder: Path, text: str) -> PassphraseSeal:
    path = folder / f"passphrase-{text}"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return PassphraseSeal(path, **CHEAP)


def keyring(folder: Path) -> Keyring:
    seals = [seal_file(folder)]
    roots, kek = create(REGION, seals, NOW, OsEntropy())
    return unlock(REGION, roots, [kek], seals, OsEntropy(), ReportedEvents())


def test_either_of_two_seals_opens_the_same_keyring(tmp_path: Path) -> None:
    both: list[Seal] = [seal_file(tmp_path), passphrase(tmp_path, "correct horse")]
    roots, kek = create(REGION, both, NOW, OsEntropy())
    sealed = unlock(REGION, roots, [kek], both, OsEntropy(), ReportedEvents()).wrap(ROW, b"material")
    for one in both:
        assert unlock(REGION, roots, [kek], [one], OsEntropy(), ReportedEvents()).unwrap(ROW, sealed) == b"material"


def test_a_wrong_seal_opens_nothing_and_says_which(tmp_path: Path) -> None:
    roots, kek = create(REGION, [passphrase(tmp_path, "right")], NOW, OsEntropy())
    with pytest.raises(SealError, match=": the passphrase seal does not open"):
        unlock(REGION, roots, [kek], [passphrase(tmp_path, "wrong")], OsEntropy(), ReportedEvents())
    with pytest.raises(SealError, match="no seal for any of passphrase"):
        unlock(REGION, roots, [kek], [seal_file(tmp_path)], OsEntropy(), ReportedEvents())


@pytest.mark.parametrize("other", [{"deployment": "d2"}, {"region": "eu-west-1"}, {"partition": "aws-cn"}])
def test_a_keyring_moved_to_another_region_does_not_open(tmp_path: Path, other: dict[str, Any]) -> None:
    seals = [seal_file(tmp_path)]
    roots, kek = create(REGION, seals, NOW, OsEntropy())
    with pytest.raises(SealError):
        unlock(replace(REGION, **other), roots, [kek], seals, OsEntropy(), ReportedEvents())


@pytest.mark.parametrize(("data", "mode", "fault"), [(b"s" * 32, 0o644, "looser"), (b"s" * 31, 0o600, "31 bytes"), (b"", 0o600, "0 bytes")])
def test_a_careless_seal_file_is_refused(tmp_path: Path, data: bytes, mode: int, fault: str) -> None:
    with pytest.raises(SealError, match=fault):
        seal_file(tmp_path, data, mode).key(b"")


def test_an_absent_seal_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="No such file"):
        FileSeal(tmp_path / "nothing").key(b"")


def test_a_passphrase_that_others_may_read_is_refused(tmp_path: Path) -> None:
    seal = passphrase(tmp_path, "x")
    seal.path.chmod(0o644)
    with pytest.raises(SealError, match=r"passphrase file .*mode 0644 is looser"):
        create(REGION, [seal], NOW, OsEntropy())


@pytest.mark.parametrize("cost", [{"time_cost": 2}, {"memory_kib": 1024}])
def test_a_cheap_passphrase_is_refused(tmp_path: Path, cost: dict[str, int]) -> None:
    (tmp_path / "p").write_text("x")
    with pytest.raises(SealError, match="below the floor"):
        PassphraseSeal(tmp_path / "p", **{**CHEAP, **cost}).new_parameters(OsEntropy())


def test_lowered_parameters_in_the_database_do_not_open_the_root(tmp_path: Path) -> None:
    seal = passphrase(tmp_path, "x")
    roots, kek = create(REGION, [seal], NOW, OsEntropy())
    forged = [replace(roots[0], parameters=PassphraseSeal(seal.path, 3, 64 * 1024, 2).new_parameters(OsEntropy()))]
    with pytest.raises(SealError):
        unlock(REGION, forged, [kek], [seal], OsEntropy(), ReportedEvents())


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "secret"},
        {"partition": "aws-cn"},
        {"account": "444455556666"},
        {"region": "eu-west-1"},
        {"key_id": "k2"},
        {"key_spec": "HMAC_256"},
        {"origin": "EXTERNAL"},
        {"row_id": b"n" * 32},
        {"row_version": 2},
    ],
)
def test_a_row_opens_under_its_own_identity_only(tmp_path: Path, change: dict[str, Any]) -> None:
    ring = keyring(tmp_path)
    sealed = ring.wrap(ROW, b"material")
    assert ring.unwrap(ROW, sealed) == b"material"
    with pytest.raises(OpenError):
        ring.unwrap(ROW._replace(**change), sealed)


def test_every_changed_byte_of_a_row_is_refused(tmp_path: Path) -> None:
    ring = keyring(tmp_path)
    sealed = ring.wrap(ROW, b"m" * 32)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 0x80
        with pytest.raises(OpenError):
            ring.unwrap(ROW, bytes(changed))


def test_a_secret_shows_itself_to_nobody() -> None:
    import pickle

    secret = Secret(b"the material")
    assert "material" not in repr(secret)
    assert secret.reveal(SecretAccess()) == b"the material"
    for attempt in (lambda: secret == secret, lambda: pickle.dumps(secret), lambda: hash(secret), lambda: secret.reveal(None)):  # type: ignore[arg-type]  # the wrong type is the test
        with pytest.raises(TypeError):
            attempt()


def test_a_retired_key_encryption_key_that_does_not_open_stops_no_other(tmp_path: Path) -> None:
    seals = [seal_file(tmp_path)]
    roots, first = create(REGION, seals, NOW, OsEntropy())
    keks = [first]
    for _ in range(5):
        added = next_kek(REGION, KeyringRows(tuple(roots), tuple(keks)), seals, NOW, OsEntropy())
        keks = [*(replace(kek, is_active=False) for kek in keks), added]
    before = unlock(REGION, roots, keks, seals, OsEntropy(), ReportedEvents())
    row = before.wrap(ROW, b"material")
    keks[2] = replace(keks[2], sealed_bytes=bytes(len(keks[2].sealed_bytes)))

    events = ReportedEvents()
    ring = unlock(REGION, roots, keks, seals, OsEntropy(), events)
    assert ring.unwrap(ROW, row) == b"material"
    assert (ring.unopened, ring.numbers) == (frozenset({3}), frozenset({1, 2, 3, 4, 5, 6}))
    assert [(event, subject) for event, subject, _ in events.reported] == [
        (SecurityEvent.WRAPPED_ROW_UNREADABLE, "key-encryption key 3"),
    ]

    renewed = next_root(REGION, KeyringRows(tuple(roots), tuple(keks)), seals, OsEntropy(), events)
    assert {kek.kek_number for kek in renewed.keks} == {1, 2, 4, 5, 6}
    assert len(events.reported) == 2
    turned = unlock(REGION, renewed.roots, [*renewed.keks, keks[2]], seals, OsEntropy(), events)
    assert turned.unwrap(ROW, row) == b"material"


def test_the_active_key_encryption_key_must_open(tmp_path: Path) -> None:
    seals = [seal_file(tmp_path)]
    roots, kek = create(REGION, seals, NOW, OsEntropy())
    spoilt = replace(kek, sealed_bytes=bytes(len(kek.sealed_bytes)))
    with pytest.raises(SealError, match="key-encryption key 1"):
        unlock(REGION, roots, [spoilt], seals, OsEntropy(), ReportedEvents())
    with pytest.raises(SealError, match="the active one"):
        next_root(REGION, KeyringRows(tuple(roots), (spoilt,)), seals, OsEntropy(), ReportedEvents())
