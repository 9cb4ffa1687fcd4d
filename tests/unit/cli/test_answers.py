"""Answers as tables and as one member."""

from __future__ import annotations

import json

import click
import pytest

from meridian.cli.answers import member, path_of, print_answer
from meridian.kms.v1 import encryption_pb2, grants_pb2, keys_pb2, types_pb2


@pytest.fixture
def described() -> keys_pb2.DescribeKeyResponse:
    answer = keys_pb2.DescribeKeyResponse()
    answer.key_metadata.key_id = "1234"
    answer.key_metadata.enabled = True
    answer.key_metadata.key_state = types_pb2.KEY_STATE_ENABLED
    answer.key_metadata.creation_date.FromSeconds(0)
    algorithms = (types_pb2.ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_1, types_pb2.ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_256)
    answer.key_metadata.encryption_algorithms.extend(algorithms)
    return answer


@pytest.mark.parametrize(
    ("path", "printed"),
    [
        ("KeyMetadata.KeyId", "1234"),
        ("KeyMetadata.Enabled", "true"),
        ("KeyMetadata.KeyState", "Enabled"),
        ("KeyMetadata.CreationDate", "1970-01-01T00:00:00Z"),
        ("KeyMetadata.DeletionDate", ""),
        ("KeyMetadata.EncryptionAlgorithms", '["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]'),
    ],
)
def test_one_member(described: keys_pb2.DescribeKeyResponse, path: str, printed: str) -> None:
    shown = member(described, path_of(described.DESCRIPTOR, path), as_base64=False)
    assert shown.decode() == f"{printed}\n"


def test_a_member_with_a_structure_is_json(described: keys_pb2.DescribeKeyResponse) -> None:
    shown = json.loads(member(described, path_of(described.DESCRIPTOR, "KeyMetadata"), as_base64=False))
    assert shown["KeyId"] == "1234"
    assert shown["Enabled"] is True


def test_bytes_are_raw_or_base64() -> None:
    answer = encryption_pb2.EncryptResponse(ciphertext_blob=b"\x00\xff")
    path = path_of(answer.DESCRIPTOR, "CiphertextBlob")
    assert member(answer, path, as_base64=False) == b"\x00\xff"
    assert member(answer, path, as_base64=True) == b"AP8=\n"


@pytest.mark.parametrize(
    ("path", "told"),
    [("KeyMetadata.Nope", "the answer has no Nope"), ("KeyMetadata.KeyId.X", "nothing inside KeyId"), ("Nope", "no Nope, but KeyMetadata")],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, told: str) -> None:
    with pytest.raises(click.BadParameter, match=told):
        path_of(keys_pb2.DescribeKeyResponse.DESCRIPTOR, path)


def test_a_list_is_a_table_with_a_row_for_each_item(capsys: pytest.CaptureFixture[str]) -> None:
    answer = grants_pb2.ListGrantsResponse(truncated=False)
    for name in ("first", "second"):
        grant = answer.grants.add(grant_id=name, operations=[types_pb2.GRANT_OPERATION_DECRYPT, types_pb2.GRANT_OPERATION_ENCRYPT])
        grant.constraints.encryption_context_equals["tenant"] = name
    print_answer(answer, "table", None)
    lines = capsys.readouterr().out.splitlines()
    header = next(line for line in lines if "GrantId" in line)
    assert "Constraints.EncryptionContextEquals.tenant" in header
    for name in ("first", "second"):
        (row,) = [line for line in lines if line.count(name) == 2]
        assert "Decrypt" in row
    assert not any("{" in line for line in lines)
