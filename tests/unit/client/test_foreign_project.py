"""What somebody else's program gets wrong about the client is found by his type checker, and told clearly where he has none."""

from __future__ import annotations

import asyncio
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import timestamp_pb2
from tests.unit.client.answers import PlainEndpoint

import meridian.errors
from meridian.client import AsyncClient, Client, KmsServiceError, errors, values, words
from meridian.client.methods import ALL
from meridian.client.statuses import error_class
from meridian.contract.catalog import served_rpcs
from meridian.kms.v1 import types_pb2

PROGRAM = Path(__file__).parent / "foreign_project.txt"
NOWHERE = PlainEndpoint("127.0.0.1:1", Path(), Path(), Path())
MISTAKES = 10


@pytest.fixture(scope="module")
def kms() -> Any:
    """Never sends anything; of no type, as a program has it that nobody checks."""
    return Client(NOWHERE)


def test_a_strict_type_checker_finds_each_of_ten_mistakes_and_nothing_else(tmp_path: Path) -> None:
    text = PROGRAM.read_text()
    (tmp_path / "foreign.py").write_text(text)
    expected = {number: found[1] for number, line in enumerate(text.splitlines(), 1) if (found := re.search(r"  # ([a-z-]+)$", line))}
    assert len(expected) == MISTAKES
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache"), "foreign.py"]
    done = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    seen = re.findall(r"^foreign.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    assert {int(number): code for number, code in seen} == expected, done.stdout + done.stderr


WRONG: list[tuple[Callable[[Any], object], type[Exception], str]] = [
    (lambda kms: kms.encrpyt(key_id="k"), AttributeError, "Client has no operation encrpyt; did you mean encrypt?"),
    (lambda kms: kms.encrypt(keyid="k", plaintext=b"x"), TypeError, "unexpected keyword argument 'keyid'"),
    (lambda kms: kms.encrypt(key_id="k"), TypeError, "missing 1 required keyword-only argument: 'plaintext'"),
    (lambda kms: kms.encrypt(key_id=3, plaintext=b"x"), TypeError, "bad argument type"),
    (lambda kms: kms.create_key(key_spec="RSA_2O48"), ValueError, "'RSA_2O48' is no KeySpec; did you mean RSA_2048?"),
    (
        lambda kms: kms.create_grant(key_id="k", grantee_principal="p", operations="Decrypt"),
        TypeError,
        "a list of GrantOperation is needed",
    ),
    (lambda kms: kms.tag_resource(key_id="k", tags=[{"tag_kye": "a"}]), TypeError, "Tag has no field tag_kye; did you mean tag_key?"),
    (lambda kms: kms.tag_resource(key_id="k", tags={"a": "b"}), TypeError, "a list of Tag is needed"),
    (lambda kms: kms.untag_resource(key_id="k", tag_keys="team"), TypeError, "tag_keys: a list of texts is needed, not one text"),
    (lambda kms: kms.encrypt_batch([{"key": "k"}]), TypeError, "EncryptRequest has no field key"),
    (lambda kms: kms.encrypt_batch([None]), TypeError, "an item of EncryptBatch is a EncryptRequest"),
    (lambda kms: kms.check_access(principal="p", request={"key_id": "k"}), TypeError, "a request's message is needed"),
    (lambda kms: kms.list_keys(timeout=0), ValueError, "timeout: must be seconds"),
    (
        lambda _: import_module(errors.__name__).DisabledExeptionTypo,
        AttributeError,
        "has no exception DisabledExeptionTypo; did you mean DisabledException?",
    ),
]
"""What a program does wrong, and what it is told before anything is sent."""


@pytest.mark.parametrize(("mistake", "kind", "text"), WRONG, ids=[text for _, _, text in WRONG])
def test_a_program_that_nobody_checks_is_told(kms: Any, mistake: Callable[[Any], object], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as told:
        mistake(kms)
    assert text in str(told.value)


def test_a_misspelt_exception_is_not_imported() -> None:
    with pytest.raises(ImportError, match="DisabledExeptionTypo"):
        exec("from meridian.client.errors import DisabledExeptionTypo", {})  # noqa: S102 - one line, above


def test_what_is_wrong_is_told_without_the_value() -> None:
    given: Any = {"access_key_id": "id", "raw_secret_access_key": b"0123"}
    with pytest.raises(TypeError) as told:
        values.message(types_pb2.Tag, types_pb2.XksProxyAuthenticationCredentialType(raw_secret_access_key="s3cret"))
    assert "s3cret" not in str(told.value)
    with pytest.raises(TypeError) as told:
        values.messages(types_pb2.Tag, given)
    assert "0123" not in str(told.value)


def test_both_clients_have_every_operation_with_the_same_arguments() -> None:
    for rpc in served_rpcs().values():
        blocking, asynchronous = getattr(Client, rpc.method_name), getattr(AsyncClient, rpc.method_name)
        assert blocking.__doc__ == asynchronous.__doc__
        assert blocking.__annotations__ == asynchronous.__annotations__
    listed = {each.name for each in ALL if each.request_class.DESCRIPTOR.fields_by_name.get("marker")}
    iterators = {name for name in dir(Client) if name.startswith("iterate_")}
    assert len(iterators) == len(listed)
    assert iterators == {name for name in dir(AsyncClient) if name.startswith("iterate_")}


def test_every_exception_of_the_contract_is_a_class_that_crosses_processes() -> None:
    declared = {name for rpc in served_rpcs().values() for name in rpc.errors}
    own = {name for name, kind in vars(meridian.errors).items() if name.endswith("Exception") and isinstance(kind, type)}
    assert declared <= own <= set(errors.__all__)
    for name in errors.__all__:
        kind: type[KmsServiceError] = getattr(errors, name)
        made = kind(name, "why", "request-1", {"request_id": "request-1"}, (("keyId", "is wrong"),), 0.5)
        back = pickle.loads(pickle.dumps(made))  # noqa: S301 - made above
        assert type(back) is kind
        assert vars(back) == vars(made)
        assert str(back) == str(made)


def test_a_status_of_grpc_is_an_exception_too() -> None:
    assert error_class("DEADLINE_EXCEEDED") is errors.DeadlineExceeded
    assert error_class("CANCELLED") is errors.Cancelled
    assert error_class("UNIMPLEMENTED") is errors.TransportError
    assert error_class("ExceptionOfNextYear") is KmsServiceError


def test_words_and_numbers_say_the_same() -> None:
    assert words.KEY_SPEC.number("RSA_2048") == types_pb2.KEY_SPEC_RSA_2048 == words.KEY_SPEC.number(types_pb2.KEY_SPEC_RSA_2048)
    assert words.KEY_STATE.word(types_pb2.KEY_STATE_PENDING_DELETION) == "PendingDeletion"
    assert words.KEY_STATE.word(types_pb2.KEY_STATE_UNSPECIFIED) is None
    assert words.GRANT_OPERATION.many(["Decrypt", types_pb2.GRANT_OPERATION_ENCRYPT]) == [1, 2]


def test_a_message_is_made_of_its_fields() -> None:
    made = values.message(types_pb2.RecipientInfo, {"key_encryption_algorithm": "RSAES_OAEP_SHA_256", "attestation_document": b"x"})
    assert made == types_pb2.RecipientInfo(
        key_encryption_algorithm=types_pb2.KEY_ENCRYPTION_MECHANISM_RSAES_OAEP_SHA_256, attestation_document=b"x"
    )
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert values.moment(noon) == values.moment(noon.replace(tzinfo=None)) == timestamp_pb2.Timestamp(seconds=int(noon.timestamp()))


def test_an_operation_that_is_not_there_is_not_there_for_asyncio_either() -> None:
    async def story() -> None:
        kms: Any = AsyncClient(NOWHERE)
        with pytest.raises(AttributeError, match=r"AsyncClient has no operation encrpyt; did you mean encrypt\?"):
            await kms.encrpyt(key_id="k")
        await kms.close()

    asyncio.run(story())
