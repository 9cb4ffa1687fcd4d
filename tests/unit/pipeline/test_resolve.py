"""Which keys a call is about, and what a caller is told of one that is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from tests.reported_events import ReportedEvents
from tests.unit.domain.made_keys import ACCOUNT, ARN, HOME, KEY_ID, MULTI_KEY_ID, OTHER_ACCOUNT, PRIMARY, key_of
from tests.unit.pipeline.steps import ALICE, BOB, Directory, call_of, done

from meridian.domain.ciphertext_blob import header_prefix
from meridian.domain.key import Key
from meridian.domain.key_store import KeyStoreType
from meridian.errors import (
    AccessDeniedException,
    IncorrectKeyException,
    InvalidArnException,
    InvalidCiphertextException,
    KmsError,
    KMSInternalException,
    NotFoundException,
)  # fmt: skip
from meridian.kms.v1 import types_pb2 as t
from meridian.pipeline.denial import foreign_denial
from meridian.pipeline.resolve import UNUSABLE_CIPHERTEXT, Resolve
from meridian.ports.security_events import SecurityEvent

OWN, RELATED = key_of(), key_of(key_id=MULTI_KEY_ID, multi_region=PRIMARY)
FOREIGN = key_of(account=OTHER_ACCOUNT)
FOREIGN_ARN = ARN.replace(ACCOUNT, OTHER_ACCOUNT)
ALIAS = "alias/payments"
RSA = t.ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_256


def blob_of(key: Key) -> bytes:
    return header_prefix(key.number, multi_region=key.multi_region is not None, material_id="a" * 64, suite=1) + b"x" * 100


class Stores:
    """A store of key stores alone: one of this account, in a token."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        async def find(account: str, store_id: str) -> Any:
            return SimpleNamespace(kind="AWS_CLOUDHSM") if (account, store_id) == (ACCOUNT, "cks-1") else None

        yield SimpleNamespace(key_stores=SimpleNamespace(find=find))


def resolve(directory: Directory, events: ReportedEvents | None = None) -> Resolve:
    stores: Any = Stores()
    return Resolve(directory, stores, events or ReportedEvents(), partition="aws", region=HOME)


def refused(operation: str, directory: Directory, **fields: Any) -> KmsError:
    with pytest.raises(KmsError) as caught:
        done(resolve(directory), call_of(operation, **fields))
    return caught.value


@pytest.mark.parametrize("text", [KEY_ID, ARN, ALIAS, f"arn:aws:kms:{HOME}:{ACCOUNT}:{ALIAS}"])
def test_a_key_is_found_by_every_name_and_the_second_time_without_the_store(text: str) -> None:
    directory = Directory(OWN, aliases={ALIAS: OWN})
    for waits in (True, False):
        call = call_of("DescribeKey", key_id=text)
        assert done(resolve(directory), call) is waits
        assert call.keys == {"key_id": OWN}
        assert call.aliases == ({"key_id": ALIAS} if ALIAS in text else {})
    assert len(directory.asked) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (KEY_ID, f"Key '{ARN}' does not exist"),
        (ARN, f"Key '{ARN}' does not exist"),
        (ALIAS, f"Alias arn:aws:kms:{HOME}:{ACCOUNT}:{ALIAS} is not found."),
        (ARN.replace(HOME, "eu-west-1"), "Invalid arn eu-west-1"),
        (ARN.replace("arn:aws:", "arn:aws-cn:"), f"Invalid arn {HOME}"),
    ],
)
def test_an_own_key_that_is_not_there_is_not_found(text: str, words: str) -> None:
    fault = refused("DescribeKey", Directory(), key_id=text)
    assert (type(fault), fault.message) == (NotFoundException, words)


def test_an_alias_names_no_key_where_none_is_taken_also_one_that_is_in_memory() -> None:
    directory = Directory(OWN, aliases={ALIAS: OWN})
    directory.remember(ACCOUNT, ALIAS, OWN)
    assert isinstance(refused("DisableKey", directory, key_id=ALIAS), InvalidArnException)


@pytest.mark.parametrize("name", [KEY_ID, ALIAS])
def test_a_key_of_another_account_is_there_or_absent_and_nobody_is_told_which(name: str) -> None:
    text = FOREIGN_ARN if name == KEY_ID else f"arn:aws:kms:{HOME}:{OTHER_ACCOUNT}:{ALIAS}"
    there = Directory(FOREIGN, aliases={ALIAS: FOREIGN})
    for _ in range(2):  # it is never answered from memory
        call = call_of("DescribeKey", key_id=text)
        assert done(resolve(there), call)
        assert (call.keys, call.absent) == ({"key_id": FOREIGN}, {})
    assert there.asked == [(ACCOUNT, OTHER_ACCOUNT, name)] * 2
    call = call_of("DescribeKey", key_id=text)
    assert done(resolve(Directory()), call)
    assert call.keys == {}
    assert call.absent["key_id"].message == foreign_denial(ALICE, "DescribeKey").message


def test_a_foreign_key_that_cannot_be_read_is_absent_and_reported() -> None:
    events, directory = ReportedEvents(), Directory()
    directory.fault = LookupError("a row that nobody can read")
    call = call_of("DescribeKey", key_id=FOREIGN_ARN)
    done(resolve(directory, events), call)
    assert list(call.absent) == ["key_id"]
    assert events.reported == [(SecurityEvent.UNFORESEEN_FAULT, "a look for a key of another account", {"fault": "LookupError"})]
    directory.fault = KMSInternalException(reason="stale")
    with pytest.raises(KMSInternalException):
        done(resolve(directory, events), call_of("DescribeKey", key_id=FOREIGN_ARN))


# ---- ciphertexts


@pytest.mark.parametrize(("operation", "field"), [("Decrypt", "key_id"), ("ReEncrypt", "source_key_id")])
@pytest.mark.parametrize("key", [OWN, RELATED], ids=["single", "related"])
def test_a_ciphertext_names_its_key(operation: str, field: str, key: Key) -> None:
    directory = Directory(key)
    call = call_of(operation, ciphertext_blob=blob_of(key))
    assert done(resolve(directory), call)
    assert call.keys == {field: key}
    assert call.blob is not None
    assert directory.asked == [(ACCOUNT, key.number, key.multi_region is not None)]
    directory.remember(ACCOUNT, key.key_id, key)
    again = call_of(operation, ciphertext_blob=blob_of(key))
    assert not done(resolve(directory), again)
    assert again.keys == {field: key}


def test_a_ciphertext_of_nobodys_key_is_unusable_as_one_of_a_key_that_is_closed() -> None:
    call = call_of("Decrypt", ciphertext_blob=blob_of(OWN))
    done(resolve(Directory()), call)
    assert call.absent["key_id"].message == UNUSABLE_CIPHERTEXT
    foreign, directory = call_of("Decrypt", ciphertext_blob=blob_of(FOREIGN)), Directory(FOREIGN)
    directory.remember("nobody", "x", FOREIGN)
    assert done(resolve(directory), foreign)
    assert foreign.keys == {"key_id": FOREIGN}


def test_what_is_no_ciphertext_is_refused_but_for_keys_whose_ciphertexts_are_bare() -> None:
    assert isinstance(refused("Decrypt", Directory(OWN), ciphertext_blob=b"x", key_id=KEY_ID), InvalidCiphertextException)
    symmetric = t.ENCRYPTION_ALGORITHM_SPEC_SYMMETRIC_DEFAULT
    for named in ({"encryption_algorithm": symmetric}, {}):
        assert isinstance(refused("Decrypt", Directory(OWN), ciphertext_blob=b"x", **named), InvalidCiphertextException)
    call = call_of("Decrypt", ciphertext_blob=b"x", key_id=KEY_ID, encryption_algorithm=RSA)
    done(resolve(Directory(OWN)), call)
    assert (call.blob, call.keys) == (None, {"key_id": OWN})
    left_out = call_of(
        "Decrypt", ciphertext_blob=b"x", key_id=KEY_ID, dry_run=True, dry_run_modifiers=[t.DRY_RUN_MODIFIER_TYPE_IGNORE_CIPHERTEXT]
    )
    done(resolve(Directory(OWN)), left_out)
    assert left_out.blob is None


def test_a_key_named_beside_a_ciphertext_may_be_in_no_other_region() -> None:
    fault = refused("Decrypt", Directory(OWN), ciphertext_blob=blob_of(OWN), key_id=ARN.replace(HOME, "eu-west-1"))
    assert (type(fault), fault.reason) == (IncorrectKeyException, "key ARN of another Region")
    again = refused("Encrypt", Directory(OWN), key_id=ARN.replace(HOME, "eu-west-1"))
    assert isinstance(again, NotFoundException)


def test_an_id_beside_a_ciphertext_may_be_that_of_another_accounts_key() -> None:
    call = call_of("Decrypt", ciphertext_blob=blob_of(FOREIGN), key_id=KEY_ID)
    done(resolve(Directory(FOREIGN)), call)
    assert call.keys == {"key_id": FOREIGN}
    absent = call_of("Decrypt", ciphertext_blob=blob_of(OWN), key_id=KEY_ID)
    done(resolve(Directory()), absent)
    assert absent.absent["key_id"].message == foreign_denial(ALICE, "Decrypt").message
    other = refused("Decrypt", Directory(FOREIGN), ciphertext_blob=blob_of(RELATED), key_id=KEY_ID)
    assert isinstance(other, NotFoundException)
    named = refused("Decrypt", Directory(FOREIGN), ciphertext_blob=blob_of(FOREIGN), key_id=ARN)
    assert isinstance(named, NotFoundException)


def test_both_keys_of_a_re_encryption_are_found_and_the_permission_of_an_absent_one_is_its_own() -> None:
    call = call_of("ReEncrypt", ciphertext_blob=blob_of(OWN), destination_key_id=MULTI_KEY_ID)
    done(resolve(Directory(OWN, RELATED)), call)
    assert call.keys == {"source_key_id": OWN, "destination_key_id": RELATED}
    foreign = call_of("ReEncrypt", ciphertext_blob=blob_of(OWN), destination_key_id=FOREIGN_ARN)
    done(resolve(Directory(OWN)), foreign)
    assert foreign.absent["destination_key_id"].message == foreign_denial(ALICE, "ReEncryptTo").message


def test_a_key_in_memory_and_one_that_is_not_are_both_found() -> None:
    directory = Directory(OWN, RELATED)
    directory.remember(ACCOUNT, KEY_ID, OWN)
    call = call_of("ReEncrypt", ciphertext_blob=blob_of(OWN), source_key_id=KEY_ID, destination_key_id=MULTI_KEY_ID)
    assert done(resolve(directory), call)
    assert call.keys == {"source_key_id": OWN, "destination_key_id": RELATED}
    assert directory.asked == [(ACCOUNT, MULTI_KEY_ID)]


# ---- aliases that change


def test_the_key_behind_an_alias_that_moves_is_decided_on_too() -> None:
    call = call_of("UpdateAlias", alias_name=ALIAS, target_key_id=MULTI_KEY_ID)
    done(resolve(Directory(OWN, RELATED, aliases={ALIAS: OWN})), call)
    assert call.keys == {"alias_name": OWN, "target_key_id": RELATED}
    ended = call_of("DeleteAlias", alias_name=ALIAS)
    done(resolve(Directory(OWN, aliases={ALIAS: OWN})), ended)
    assert ended.keys == {"alias_name": OWN}
    fault = refused("DeleteAlias", Directory(OWN), alias_name=ALIAS)
    assert (type(fault), fault.message) == (NotFoundException, f"Alias arn:aws:kms:{HOME}:{ACCOUNT}:{ALIAS} is not found.")


def test_a_call_that_names_no_key_looks_for_none() -> None:
    directory = Directory(OWN)
    call = call_of("RetireGrant", grant_token="x")
    assert not done(resolve(directory), call)
    assert (call.keys, directory.asked) == ({}, [])
    assert not isinstance(foreign_denial(ALICE, "x"), NotFoundException)
    assert isinstance(foreign_denial(ALICE, "x"), AccessDeniedException)


@pytest.mark.parametrize(
    ("store_id", "principal", "kind"), [("cks-1", ALICE, KeyStoreType.AWS_CLOUDHSM), ("cks-2", ALICE, ""), ("cks-1", BOB, "")]
)
def test_a_key_store_has_the_type_it_was_made_with_and_one_that_is_not_there_has_none(store_id: str, principal: Any, kind: str) -> None:
    call = call_of("DeleteCustomKeyStore", principal, custom_key_store_id=store_id)
    assert done(resolve(Directory(OWN)), call)
    assert (call.key_store_type, call.keys) == (kind, {})
    other = call_of("ListKeys")
    done(resolve(Directory(OWN)), other)
    assert other.key_store_type is None
