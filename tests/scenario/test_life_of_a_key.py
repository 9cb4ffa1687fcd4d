"""One key by itself: rotation by the calendar and on demand, deletion, and imports that must be refused."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.deployment import HOME, Deployment
from tests.openssl import bring, parameters, random_material, wrap

from meridian.client import Client, errors
from meridian.kms.v1 import types_pb2 as t

DOES_NOT_EXPIRE = t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE


def has_rotated(alice: Client, key_id: str, times: int) -> bool:
    return len(alice.list_key_rotations(key_id=key_id).rotations) == times


def test_a_key_rotates_by_the_calendar_and_everything_still_opens(short_days: Deployment) -> None:
    with short_days.client() as alice, short_days.client(caller="app") as app:
        metadata = alice.create_key().key_metadata
        key_id = metadata.key_id
        alice.enable_key_rotation(key_id=key_id, rotation_period_in_days=90)
        blobs = [app.encrypt(key_id=key_id, plaintext=b"0").ciphertext_blob]
        for number in (1, 2):
            short_days.wait_until(partial(has_rotated, alice, key_id, number))
            blobs.append(app.encrypt(key_id=key_id, plaintext=str(number).encode()).ciphertext_blob)
        alice.disable_key_rotation(key_id=key_id)
        assert len({app.decrypt(ciphertext_blob=blob).key_material_id for blob in blobs}) == 3
        assert {e.rotation_type for e in alice.list_key_rotations(key_id=key_id).rotations} == {t.ROTATION_TYPE_AUTOMATIC}
        everything = t.INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL
        first = alice.list_key_rotations(key_id=key_id, include_key_material=everything, limit=1)
        rest = alice.list_key_rotations(key_id=key_id, include_key_material=everything, marker=first.next_marker)
        assert first.truncated
        assert len(rest.rotations) >= 2
        with pytest.raises(errors.InvalidMarkerException):
            alice.list_key_rotations(key_id=key_id, marker=first.next_marker)
    event = short_days.wait_for_event(HOME, "RotateKey", metadata.arn)
    assert event["serviceEventDetails"]["rotationType"] == "AUTOMATIC"


def test_rotation_on_demand_is_limited_and_repeating_it_is_no_fault(own_regions: Deployment) -> None:
    own_regions.place(HOME).settings.write_text("limits.on_demand_rotations_per_key = 2\n" + own_regions.place(HOME).settings.read_text())
    own_regions.start(HOME)
    with own_regions.client() as alice:
        key_id = alice.create_key().key_metadata.key_id
        for number in (1, 2):
            alice.rotate_key_on_demand(key_id=key_id)
            own_regions.wait_until(partial(has_rotated, alice, key_id, number))
        with pytest.raises(errors.LimitExceededException, match="on-demand rotations limit"):
            alice.rotate_key_on_demand(key_id=key_id)
        alice.enable_key_rotation(key_id=key_id)
        before = alice.get_key_rotation_status(key_id=key_id)
        alice.enable_key_rotation(key_id=key_id)
        assert alice.get_key_rotation_status(key_id=key_id) == before
        assert before.rotation_period_in_days == 365


def test_a_key_is_erased_when_its_window_is_over(short_days: Deployment) -> None:
    with short_days.client() as alice, short_days.client(caller="app") as app:
        metadata = alice.create_key().key_metadata
        key_id = metadata.key_id
        blob = app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
        with pytest.raises(errors.KMSInvalidStateException, match="is not pending deletion"):
            alice.cancel_key_deletion(key_id=key_id)
        alice.schedule_key_deletion(key_id=key_id)
        with pytest.raises(errors.KMSInvalidStateException, match="is pending deletion"):
            app.decrypt(ciphertext_blob=blob)
        assert alice.cancel_key_deletion(key_id=key_id).key_id == metadata.arn
        assert alice.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_DISABLED
        alice.enable_key(key_id=key_id)
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"
        alice.schedule_key_deletion(key_id=key_id)
        short_days.wait_for_event(HOME, "DeleteKey", metadata.arn)
        with pytest.raises(errors.NotFoundException):
            alice.describe_key(key_id=key_id)
        with pytest.raises(errors.AccessDeniedException):
            app.decrypt(ciphertext_blob=blob)


def material_rows(database: Path, key_id: str) -> list[bytes]:
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as opened:
        return [row[0] for row in opened.execute("SELECT sealed_bytes FROM materials WHERE key_id = ?", (key_id,))]


def test_nothing_of_an_erased_key_is_left_in_the_database_file(own_regions: Deployment) -> None:
    settings, database = own_regions.place(HOME).settings, own_regions.place(HOME).folder / "region.sqlite3"
    settings.write_text("limits.day_seconds = 0.05\n" + settings.read_text())
    own_regions.start(HOME)
    with own_regions.client() as alice:
        kept, gone = (alice.create_key().key_metadata for _ in range(2))
        wrapped = {each.key_id: material_rows(database, each.key_id) for each in (kept, gone)}
        alice.schedule_key_deletion(key_id=gone.key_id)
        own_regions.wait_for_event(HOME, "DeleteKey", gone.arn)
    assert own_regions.stop(HOME) == 0
    files = b"".join(path.read_bytes() for path in database.parent.glob("region.sqlite3*"))
    assert [row in files for row in wrapped[kept.key_id]] == [True]
    assert [row in files for row in wrapped[gone.key_id]] == [False]


@pytest.mark.parametrize("days", [6, 31])
def test_a_window_out_of_range_is_refused(two_regions: Deployment, days: int) -> None:
    with two_regions.client() as alice:
        key_id = alice.create_key().key_metadata.key_id
        with pytest.raises((errors.ValidationException, errors.AccessDeniedException)):
            alice.schedule_key_deletion(key_id=key_id, pending_window_in_days=days)
        assert alice.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_ENABLED


def moment(**ahead: float) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(datetime.now(UTC) + timedelta(**ahead))
    return made


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


Change = Callable[[dict[str, Any]], dict[str, Any]]
REFUSED: list[tuple[str, type[Exception], Change]] = [
    ("a flipped token", errors.InvalidImportTokenException, lambda f: {"import_token": flipped(f["import_token"])}),
    ("a cut token", errors.InvalidImportTokenException, lambda f: {"import_token": f["import_token"][:-1]}),
    ("no token at all", errors.InvalidImportTokenException, lambda f: {"import_token": b"x"}),
    (
        "flipped wrapped bytes",
        errors.InvalidCiphertextException,
        lambda f: {"encrypted_key_material": flipped(f["encrypted_key_material"])},
    ),
    ("cut wrapped bytes", errors.InvalidCiphertextException, lambda f: {"encrypted_key_material": f["encrypted_key_material"][:-1]}),
    ("no end and a date", errors.ValidationException, lambda f: {"valid_to": moment(days=1)}),
    ("an end without a date", errors.ValidationException, lambda f: {"expiration_model": 0}),
    ("an end in the past", errors.ValidationException, lambda f: {"expiration_model": 0, "valid_to": moment(seconds=-5)}),
    ("an end too far ahead", errors.ValidationException, lambda f: {"expiration_model": 0, "valid_to": moment(days=366)}),
    ("an id with new material", errors.ValidationException, lambda f: {"import_type": 1, "key_material_id": "a" * 64}),
    ("an id that is not its", errors.IncorrectKeyMaterialException, lambda f: {"import_type": 2, "key_material_id": "a" * 64}),
]


@pytest.mark.parametrize(("error", "change"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_an_import_that_is_wrong_changes_nothing(two_regions: Deployment, tmp_path: Path, error: type[Exception], change: Change) -> None:
    with two_regions.client() as alice:
        key_id = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        given = parameters(alice, key_id)
        fields: dict[str, Any] = {
            "import_token": given.import_token,
            "encrypted_key_material": wrap(tmp_path, given.public_key, random_material()),
            "expiration_model": DOES_NOT_EXPIRE,
        }
        before = alice.describe_key(key_id=key_id)
        with pytest.raises(error):
            alice.import_key_material(key_id=key_id, **(fields | change(fields)))
        assert alice.describe_key(key_id=key_id) == before
        alice.import_key_material(key_id=key_id, **fields)


@pytest.mark.parametrize(
    ("material", "error"),
    [
        (bytes(31), errors.InvalidCiphertextException),
        (bytes(range(33)), errors.InvalidCiphertextException),
        (b"\xff" * 32, errors.IncorrectKeyMaterialException),
    ],
)
def test_material_of_the_wrong_form_is_refused(two_regions: Deployment, tmp_path: Path, material: bytes, error: type[Exception]) -> None:
    with two_regions.client() as alice:
        key_id = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        with pytest.raises(error):
            bring(alice, tmp_path, key_id, material)
        assert alice.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_PENDING_IMPORT


@pytest.mark.parametrize("algorithm", [t.ALGORITHM_SPEC_RSAES_OAEP_SHA_1, t.ALGORITHM_SPEC_RSAES_OAEP_SHA_256])
@pytest.mark.parametrize("spec", [t.WRAPPING_KEY_SPEC_RSA_2048, t.WRAPPING_KEY_SPEC_RSA_3072, t.WRAPPING_KEY_SPEC_RSA_4096])
def test_openssl_wraps_for_every_wrapping_key(
    two_regions: Deployment, tmp_path: Path, spec: t.WrappingKeySpec.ValueType, algorithm: t.AlgorithmSpec.ValueType
) -> None:
    with two_regions.client() as alice:
        key_id = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        given = parameters(alice, key_id, spec, algorithm)
        wrapped = wrap(tmp_path, given.public_key, random_material(), algorithm)
        alice.import_key_material(
            key_id=key_id, import_token=given.import_token, encrypted_key_material=wrapped, expiration_model=DOES_NOT_EXPIRE
        )
        assert alice.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_ENABLED


@pytest.mark.parametrize("algorithm", ["RSAES_PKCS1_V1_5", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"])
def test_a_wrapping_that_does_not_fit_is_refused(two_regions: Deployment, algorithm: str) -> None:
    with two_regions.client() as alice:
        key_id = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        with pytest.raises(errors.ValidationException, match="cannot be used to import a SYMMETRIC_DEFAULT key"):
            parameters(alice, key_id, algorithm=t.AlgorithmSpec.Value(f"ALGORITHM_SPEC_{algorithm}"))


def test_a_key_of_the_service_takes_no_imports(two_regions: Deployment) -> None:
    with two_regions.client() as alice:
        metadata = alice.create_key().key_metadata
        with pytest.raises(errors.UnsupportedOperationException, match="origin is AWS_KMS which is not valid"):
            parameters(alice, metadata.key_id)
        external = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata
        for operation in (alice.enable_key_rotation, alice.disable_key_rotation):
            with pytest.raises(errors.UnsupportedOperationException, match="origin is EXTERNAL which is not valid"):
                operation(key_id=external.key_id)


def test_a_token_dies_of_failed_tries_and_of_age(own_regions: Deployment, tmp_path: Path) -> None:
    settings = own_regions.place(HOME).settings
    settings.write_text("limits.import_tries_per_token = 3\nlimits.import_token_seconds = 2.0\n" + settings.read_text())
    own_regions.start(HOME)
    with own_regions.client() as alice:
        key_id = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        given = parameters(alice, key_id)
        fields = {"key_id": key_id, "import_token": given.import_token, "expiration_model": DOES_NOT_EXPIRE}
        for _ in range(3):
            with pytest.raises(errors.InvalidCiphertextException):
                alice.import_key_material(encrypted_key_material=b"wrong", **fields)
        good = wrap(tmp_path, given.public_key, random_material())
        with pytest.raises(errors.ExpiredImportTokenException):
            alice.import_key_material(encrypted_key_material=good, **fields)
        given = parameters(alice, key_id)
        fields["import_token"] = given.import_token
        good = wrap(tmp_path, given.public_key, random_material())
        own_regions.wait_until(lambda: datetime.now(UTC) > given.parameters_valid_to.ToDatetime(UTC))
        with pytest.raises(errors.ExpiredImportTokenException):
            alice.import_key_material(encrypted_key_material=good, **fields)
