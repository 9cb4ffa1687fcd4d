"""Grants that could admit a call, and the grant that a call is about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.known_entropy import KnownEntropy
from tests.unit.domain.made_keys import ACCOUNT, ARN, KEY_ID, MULTI_KEY_ID, OTHER_ACCOUNT, key_of
from tests.unit.pipeline.steps import ALICE, BOB, NOW, Directory, call_of, done

from meridian.call import Call
from meridian.domain.grant import EQUALS, SUBSET, Grant
from meridian.errors import (
    AccessDeniedException,
    InvalidArnException,
    InvalidGrantIdException,
    InvalidGrantTokenException,
    InvalidMarkerException,
    KmsError,
    NotFoundException,
    ValidationException,
)  # fmt: skip
from meridian.kms.v1 import types_pb2 as t
from meridian.pipeline.denial import foreign_denial
from meridian.pipeline.find_grants import FindGrants

OWN, OTHER = key_of(), key_of(key_id=MULTI_KEY_ID)
FOREIGN = key_of(account=OTHER_ACCOUNT)
ID, NEW = "0" * 64, "ab" * 32


def grant_of(**changes: Any) -> Grant:
    made = Grant(ID, ACCOUNT, KEY_ID, ALICE.arn, ACCOUNT, frozenset({"Encrypt"}), NOW)
    return replace(made, **changes)


class Stand:
    """What a look for grants asks: rows, tokens, time and chance."""

    def __init__(self, directory: Directory, *rows: Grant) -> None:
        self.rows, self.readings = rows, 0
        itself: Any = self
        self.step = FindGrants(store=itself, page_markers=itself, directory=directory, clock=itself, entropy=KnownEntropy(b"\xab" * 64))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        self.readings += 1

        async def find(grant_id: str) -> Grant | None:
            return next((row for row in self.rows if row.grant_id == grant_id), None)

        yield SimpleNamespace(grants=SimpleNamespace(find=find))

    def open_page_marker(self, label: str, token: str) -> str:
        if label != "grant token" or not token.startswith("token of "):
            raise InvalidMarkerException("no")
        return token.removeprefix("token of ")

    def now(self) -> Any:
        return NOW


def refusal_of_form(operation: str, **fields: Any) -> KmsError:
    with pytest.raises(KmsError) as caught:
        Stand(Directory()).step.require_forms(call_of(operation, **fields))
    return caught.value


# ---- forms


def test_tokens_name_grants_and_what_is_none_is_refused() -> None:
    call = call_of("Encrypt", key_id=KEY_ID, grant_tokens=[f"token of {ID}", f"token of {NEW}"])
    Stand(Directory()).step.require_forms(call)
    assert call.token_grant_ids == {ID, NEW}
    fault = refusal_of_form("Encrypt", key_id=KEY_ID, grant_tokens=["x"])
    assert (type(fault), fault.message) == (InvalidGrantTokenException, "The grant token is not valid.")


TO_ALICE = {"grantee_principal": ALICE.arn}
MANY, LONG = {str(number): "" for number in range(9)}, {"a": "x" * 385}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"grantee_service_principal": "x", **TO_ALICE}, "granteeServicePrincipal"),
        ({"retiring_service_principal": "x", **TO_ALICE}, "granteeServicePrincipal"),
        ({}, "granteePrincipal"),
        ({"constraints": {"encryption_context_equals": {"a": "b"}, "encryption_context_subset": {"a": "b"}}, **TO_ALICE}, "constraints"),
        ({"constraints": {"encryption_context_equals": MANY}, **TO_ALICE}, "constraints.encryptionContextEquals"),
        ({"constraints": {"encryption_context_subset": LONG}, **TO_ALICE}, "constraints.encryptionContextSubset"),
    ],
)
def test_a_grant_that_cannot_be_is_refused_by_its_field(fields: dict[str, Any], field: str) -> None:
    fault = refusal_of_form("CreateGrant", key_id=KEY_ID, **fields)
    assert isinstance(fault, ValidationException)
    assert [name for name, _ in fault.fields] == [field]


@pytest.mark.parametrize("field", ["grantee_principal", "retiring_principal"])
@pytest.mark.parametrize("text", ["nobody", f"arn:aws-cn:iam::{ACCOUNT}:root"])
def test_principals_of_a_grant_are_of_this_partition(field: str, text: str) -> None:
    assert isinstance(refusal_of_form("CreateGrant", key_id=KEY_ID, **{"grantee_principal": ALICE.arn, field: text}), InvalidArnException)
    retirable = refusal_of_form("ListRetirableGrants", retiring_principal=f"arn:aws-cn:iam::{ACCOUNT}:root")
    assert isinstance(retirable, InvalidArnException)


@pytest.mark.parametrize("operation", ["RevokeGrant", "RetireGrant", "ListGrants"])
def test_an_id_of_a_grant_has_its_form(operation: str) -> None:
    for text in ("x", ID + "0", ID.replace("0", "G")):
        fault = refusal_of_form(operation, key_id=KEY_ID, grant_id=text)
        assert (type(fault), fault.message) == (InvalidGrantIdException, f"Grant ID {text} is not valid.")
    Stand(Directory()).step.require_forms(call_of(operation, key_id=KEY_ID, grant_id=ID))
    Stand(Directory()).step.require_forms(call_of("ListGrants", key_id=KEY_ID))


def test_a_grant_to_be_retired_is_named_by_its_token_or_by_key_and_id() -> None:
    token: dict[str, Any] = {"grant_token": f"token of {ID}"}
    named: dict[str, Any] = {"key_id": KEY_ID, "grant_id": ID}
    for fields in (token, {**token, "grant_id": ID}, named):
        call = call_of("RetireGrant", **fields)
        Stand(Directory()).step.require_forms(call)
        assert call.ended_grant_id == ID
    wrong: tuple[tuple[dict[str, str], str], ...] = (
        ({"grant_token": f"token of {ID}", "grant_id": NEW}, "grantId"), ({"grant_id": ID}, "grantToken"), ({"key_id": ARN}, "grantToken"),
    )  # fmt: skip
    for faulty, field in wrong:
        fault = refusal_of_form("RetireGrant", **faulty)
        assert isinstance(fault, ValidationException)
        assert [name for name, _ in fault.fields] == [field]


# ---- grants that could admit


def with_keys(operation: str, keys: dict[str, Any], principal: Any = ALICE, **fields: Any) -> Call:
    call = call_of(operation, principal, **fields)
    call.keys = keys
    return call


def test_grants_come_from_memory_and_else_from_the_store_by_every_name_of_the_caller() -> None:
    directory, grant = Directory(OWN), grant_of()
    directory.grants = (grant, grant_of(key_id="another"))
    call = with_keys("Encrypt", {"key_id": OWN})
    assert done(Stand(directory).step, call)
    assert call.grants == {"key_id": (grant,)}
    assert directory.asked[-1] == (KEY_ID, ALICE.arn, (ALICE.arn, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"))
    directory.cached_grants = (grant,)
    again = with_keys("Encrypt", {"key_id": OWN})
    assert not done(Stand(directory).step, again)
    assert again.grants == {"key_id": (grant,)}
    directory.cached_grants = ()
    without = with_keys("Encrypt", {"key_id": OWN})
    assert not done(Stand(directory).step, without)
    assert without.grants == {}


def test_a_token_names_a_grant_that_memory_does_not_know_yet() -> None:
    directory, grant = Directory(OWN, OTHER), grant_of()
    directory.cached_grants, directory.grants = (), (grant,)
    call = with_keys("ReEncrypt", {"source_key_id": OWN, "destination_key_id": OTHER})
    call.token_grant_ids = frozenset({ID, NEW})
    stand = Stand(directory, grant)
    assert done(stand.step, call)
    assert call.grants == {"source_key_id": (grant,)}
    assert stand.readings == 1
    directory.cached_grants = (grant,)
    known = with_keys("Encrypt", {"key_id": OWN})
    known.token_grant_ids = frozenset({ID})
    assert not done(stand.step, known)


# ---- a grant that is to be, and one that is to end


def test_a_grant_is_made_of_what_the_request_says() -> None:
    call = with_keys(
        "CreateGrant", {"key_id": OWN}, BOB, key_id=KEY_ID, grantee_principal=ALICE.arn, retiring_principal=BOB.arn, name="n",
        operations=[t.GRANT_OPERATION_ENCRYPT, t.GRANT_OPERATION_DECRYPT],
        constraints={"encryption_context_subset": {"a": "b"}, "source_arn": "arn:x"},
    )  # fmt: skip
    done(Stand(Directory(OWN)).step, call)
    assert call.grant == Grant(
        NEW, ACCOUNT, KEY_ID, ALICE.arn, OTHER_ACCOUNT, frozenset({"Encrypt", "Decrypt"}), NOW, "n", BOB.arn, SUBSET, {"a": "b"}, "arn:x"
    )
    plain = with_keys("CreateGrant", {"key_id": OWN}, key_id=KEY_ID, grantee_principal=ALICE.arn)
    done(Stand(Directory(OWN)).step, plain)
    assert plain.grant is not None
    assert (plain.grant.constraint_type, plain.grant.constraint) == ("", {})
    exact = with_keys("CreateGrant", {"key_id": OWN}, key_id=KEY_ID, constraints={"encryption_context_equals": {"a": "b"}})
    done(Stand(Directory(OWN)).step, exact)
    assert exact.grant is not None
    assert (exact.grant.constraint_type, exact.grant.constraint) == (EQUALS, {"a": "b"})
    absent = with_keys("CreateGrant", {}, key_id=KEY_ID)
    done(Stand(Directory()).step, absent)
    assert absent.grant is None


def ending(operation: str, keys: dict[str, Any], principal: Any = ALICE) -> Call:
    call = with_keys(operation, keys, principal, grant_id=ID)
    call.ended_grant_id = ID
    return call


def test_a_grant_is_revoked_on_its_own_key_alone() -> None:
    call = ending("RevokeGrant", {"key_id": OWN})
    assert done(Stand(Directory(OWN), grant_of()).step, call)
    assert (call.grant, call.keys) == (grant_of(), {"key_id": OWN})
    for rows in ((), (grant_of(key_id=MULTI_KEY_ID),), (grant_of(account=OTHER_ACCOUNT),)):
        with pytest.raises(NotFoundException) as refused:
            done(Stand(Directory(OWN), *rows).step, ending("RevokeGrant", {"key_id": OWN}))
        assert refused.value.message == f"Grant ID {ID} not found"


@pytest.mark.parametrize(
    ("changes", "principal", "may"),
    [
        ({"retiring_principal": BOB.arn, "issuing_account": "3" * 12}, BOB, True),
        ({"operations": frozenset({"RetireGrant"}), "issuing_account": "3" * 12}, ALICE, True),
        ({"operations": frozenset({"RetireGrant"}), "issuing_account": "3" * 12, "grantee_principal": "x"}, ALICE, False),
        ({"issuing_account": "3" * 12}, ALICE, False),
        ({"issuing_account": ACCOUNT, "grantee_principal": "x"}, ALICE, True),
    ],
)
def test_a_grant_is_retired_by_those_who_have_a_standing_in_it(changes: dict[str, Any], principal: Any, may: bool) -> None:
    grant, call = grant_of(**changes), ending("RetireGrant", {}, principal)
    stand = Stand(Directory(OWN), grant)
    if may:
        done(stand.step, call)
        assert (call.grant, call.keys, call.grants) == (grant, {"grant_id": OWN}, {"grant_id": (grant,)})
    else:
        with pytest.raises(AccessDeniedException, match="retiring principal"):
            done(stand.step, call)


def test_a_grant_that_is_not_there_is_told_to_the_account_of_the_key_alone() -> None:
    for rows in ((), (grant_of(key_id=MULTI_KEY_ID),)):
        with pytest.raises(NotFoundException) as own:
            done(Stand(Directory(OWN), *rows).step, ending("RetireGrant", {"key_id": OWN}))
        assert own.value.message == f"Grant ID {ID} not found"
    foreign = grant_of(account=OTHER_ACCOUNT, grantee_principal="x", issuing_account=OTHER_ACCOUNT)
    for rows in ((), (foreign,), (grant_of(issuing_account=ACCOUNT),)):
        with pytest.raises(AccessDeniedException) as refused:
            done(Stand(Directory(FOREIGN), *rows).step, ending("RetireGrant", {"key_id": FOREIGN}))
        assert refused.value.message == foreign_denial(ALICE, "RetireGrant").message
    absent = ending("RetireGrant", {})
    absent.absent = {"key_id": AccessDeniedException("absent")}
    with pytest.raises(AccessDeniedException, match="absent"):
        done(Stand(Directory(), grant_of()).step, absent)
    with pytest.raises(NotFoundException) as gone:
        done(Stand(Directory(), grant_of()).step, ending("RetireGrant", {}))
    assert gone.value.message == f"Grant ID {ID} not found"


def test_a_grant_that_is_retired_with_its_key_is_found_there() -> None:
    call, directory = ending("RetireGrant", {"key_id": OWN}), Directory(OWN)
    done(Stand(directory, grant_of()).step, call)
    assert (call.keys, directory.asked) == ({"grant_id": OWN}, [])
    abroad = grant_of(account=OTHER_ACCOUNT)
    foreign = ending("RetireGrant", {"key_id": FOREIGN})
    done(Stand(Directory(FOREIGN), abroad).step, foreign)
    assert foreign.grants == {"grant_id": (abroad,)}
