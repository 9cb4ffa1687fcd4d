"""A ciphertext is bound to its key: only that key, or a related multi-Region key, opens it."""

from __future__ import annotations

import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import errors
from meridian.kms.v1 import types_pb2 as t

CONTEXT = {"tenant": "a", "purpose": "invoice"}


@pytest.fixture(scope="module")
def replicated(two_regions: Deployment) -> str:
    with two_regions.client() as alice:
        key_id: str = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    two_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    return key_id


def encrypt(two_regions: Deployment, key_id: str, region: str = HOME) -> bytes:
    with two_regions.client(region, "app") as app:
        blob: bytes = app.encrypt(key_id=key_id, plaintext=b"secret", encryption_context=CONTEXT).ciphertext_blob
        return blob


@pytest.mark.parametrize(("made", "opened"), [(HOME, HOME), (HOME, AWAY), (AWAY, HOME), (AWAY, AWAY)])
def test_related_keys_open_each_others_ciphertexts(two_regions: Deployment, replicated: str, made: str, opened: str) -> None:
    blob = encrypt(two_regions, replicated, made)
    with two_regions.client(opened, "app") as app:
        answer = app.decrypt(ciphertext_blob=blob, encryption_context=CONTEXT)
    assert answer.plaintext == b"secret"
    assert answer.key_id == f"arn:aws:kms:{opened}:111122223333:key/{replicated}"


def test_an_unrelated_key_is_not_the_key_of_the_ciphertext(two_regions: Deployment, replicated: str) -> None:
    blob = encrypt(two_regions, replicated)
    with two_regions.client() as alice:
        single = alice.create_key().key_metadata.key_id
        other_set = alice.create_key(multi_region=True).key_metadata.key_id
    with two_regions.client(HOME, "app") as app:
        for other in (single, other_set):
            with pytest.raises(errors.IncorrectKeyException):
                app.decrypt(ciphertext_blob=blob, key_id=other, encryption_context=CONTEXT)


def test_a_single_region_ciphertext_opens_nowhere_else(two_regions: Deployment) -> None:
    with two_regions.client() as alice:
        single = alice.create_key().key_metadata.key_id
    blob = encrypt(two_regions, single)
    with two_regions.client(AWAY, "app") as app, pytest.raises(errors.AccessDeniedException, match="does not exist in this region"):
        app.decrypt(ciphertext_blob=blob, encryption_context=CONTEXT)


def test_a_ciphertext_of_a_key_without_a_replica_there_looks_like_a_forbidden_one(two_regions: Deployment) -> None:
    with two_regions.client() as alice:
        lonely = alice.create_key(multi_region=True).key_metadata.key_id
    blob = encrypt(two_regions, lonely)
    with two_regions.client(AWAY, "app") as app, pytest.raises(errors.AccessDeniedException) as absent:
        app.decrypt(ciphertext_blob=blob, encryption_context=CONTEXT)
    with two_regions.client(HOME, "bob") as bob, pytest.raises(errors.AccessDeniedException) as forbidden:
        bob.decrypt(ciphertext_blob=blob, encryption_context=CONTEXT)
    assert absent.value.message == forbidden.value.message


@pytest.mark.parametrize("context", [{}, {"tenant": "b", "purpose": "invoice"}, {"tenant": "a"}, {**CONTEXT, "more": "x"}])
def test_another_encryption_context_does_not_open_it_and_tells_nothing(
    two_regions: Deployment, replicated: str, context: dict[str, str]
) -> None:
    blob = encrypt(two_regions, replicated)
    with two_regions.client(AWAY, "app") as app, pytest.raises(errors.InvalidCiphertextException) as caught:
        app.decrypt(ciphertext_blob=blob, encryption_context=context)
    assert caught.value.message == ""


def test_every_kind_of_damage_gets_the_same_answer(two_regions: Deployment, replicated: str) -> None:
    blob = encrypt(two_regions, replicated)
    answers = set()
    with two_regions.client(HOME, "app") as app:
        for at in (30, 60, 90, 125, len(blob) - 1):  # material id, nonce, commitment, ciphertext, tag
            damaged = bytearray(blob)
            damaged[at] ^= 1
            with pytest.raises(errors.InvalidCiphertextException) as caught:
                app.decrypt(ciphertext_blob=bytes(damaged), encryption_context=CONTEXT)
            answers.add((caught.value.code, caught.value.message, tuple(sorted(set(caught.value.metadata) - {"request_id"}))))
    assert len(answers) == 1


def test_the_arn_of_another_region_is_not_the_key(two_regions: Deployment, replicated: str) -> None:
    blob = encrypt(two_regions, replicated)
    with two_regions.client(AWAY, "app") as app, pytest.raises(errors.IncorrectKeyException):
        arn = f"arn:aws:kms:{HOME}:111122223333:key/{replicated}"
        app.decrypt(ciphertext_blob=blob, key_id=arn, encryption_context=CONTEXT)


def test_re_encryption_moves_a_ciphertext_to_another_key(two_regions: Deployment, replicated: str) -> None:
    with two_regions.client() as alice:
        single = alice.create_key().key_metadata.key_id
    blob = encrypt(two_regions, replicated)
    with two_regions.client(HOME, "app") as app:
        moved = app.re_encrypt(
            ciphertext_blob=blob, source_encryption_context=CONTEXT, destination_key_id=single, destination_encryption_context={"n": "1"}
        )
        opened = app.decrypt(ciphertext_blob=moved.ciphertext_blob, key_id=single, encryption_context={"n": "1"})
    assert opened.plaintext == b"secret"
    assert moved.source_key_material_id != moved.destination_key_material_id
