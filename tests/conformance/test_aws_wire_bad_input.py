"""Whatever arrives on the AWS wire, the answer is AWS's refusal: never a crash, never a 500, never a wrong permission."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from tests.aws import access_key, kms, url
from tests.conformance.raw_calls import post
from tests.deployment import HOME, Deployment
from tests.examples import searched

from meridian.client import errors
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["KeyId", "Plaintext", "CiphertextBlob", "EncryptionContext", "Limit", "Marker", "GrantTokens", "Tags", "ValidTo"]
)


def send(deployment: Deployment, body: bytes, target: str | None = "TrentService.ListKeys", *, sign: bool = True) -> Any:
    """The answer to a request of the developer."""
    headers = {"Content-Type": "application/x-amz-json-1.1", **({"X-Amz-Target": target} if target is not None else {})}
    request = AWSRequest("POST", url(deployment) + "/", headers=headers, data=body)
    if sign:
        SigV4Auth(Credentials(*access_key(deployment, "developer")), "kms", HOME).add_auth(request)
    return post(deployment, body, dict(request.headers.items()))


@pytest.mark.parametrize(
    ("body", "target", "name"),
    [
        (b"{}", None, "UnknownOperationException"),
        (b"{}", "TrentService.Nothing", "UnknownOperationException"),
        (b"{}", "OtherService.ListKeys", "UnknownOperationException"),
        (b"{}", "TrentService.CheckAccess", "UnknownOperationException"),
        (b"{}", "TrentService.DescribePolicySet", "UnknownOperationException"),
        (b"{", "TrentService.ListKeys", "SerializationException"),
        (b"[]", "TrentService.ListKeys", "SerializationException"),
        (b'{"Limit": "five"}', "TrentService.ListKeys", "SerializationException"),
        (b'{"Limit": 99999999999}', "TrentService.ListKeys", "SerializationException"),
        (b'{"Limit": 0}', "TrentService.ListKeys", "ValidationException"),
        (b'{"KeyId": "x", "Plaintext": "not base64!"}', "TrentService.Encrypt", "SerializationException"),
        (b'{"KeyId": "x", "KeySpec": "AES_1"}', "TrentService.GenerateDataKey", "ValidationException"),
        (b'{"KeyId": "arn:aws:kms:nowhere:1:key/x"}', "TrentService.DescribeKey", "InvalidArnException"),
        (b" " * 300_000, "TrentService.ListKeys", "SerializationException"),
    ],
)
def test_malformed_requests(two_regions: Deployment, body: bytes, target: str | None, name: str) -> None:
    status, headers, answer = send(two_regions, body, target)
    assert (status, json.loads(answer)["__type"]) == (400, name)
    assert headers["x-amzn-RequestId"]
    assert headers["Date"]
    assert headers["Content-Type"] == "application/x-amz-json-1.1"


LENGTH = "Member must have length greater than or equal to 1"
YEARS = "Member must be a time between the years 1 and 9999"
GRANT = b'{"KeyId": "x", "GranteePrincipal": "111122223333", "Operations": []}'
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
IMPORT = f'"KeyId": "{KEY}", "ImportToken": "YQ==", "EncryptedKeyMaterial": "YQ=="'


@pytest.mark.parametrize(
    ("operation", "body", "shown", "constraint"),
    [
        ("TagResource", f'{{"KeyId": "{KEY}", "Tags": []}}', "'[]' at 'tags'", LENGTH),
        ("UntagResource", f'{{"KeyId": "{KEY}", "TagKeys": []}}', "'[]' at 'tagKeys'", LENGTH),
        ("CreateGrant", GRANT.decode(), "'[]' at 'operations'", LENGTH),
        ("TagResource", f'{{"KeyId": "{KEY}"}}', "null at 'tags'", "Member must not be null"),
        ("TagResource", f'{{"KeyId": "{KEY}", "Tags": null}}', "null at 'tags'", "Member must not be null"),
        ("ImportKeyMaterial", f'{{{IMPORT}, "ValidTo": 1e300}}', "'1e+300' at 'validTo'", YEARS),
        ("ImportKeyMaterial", f'{{{IMPORT}, "ValidTo": -1e12}}', "'-1000000000000.0' at 'validTo'", YEARS),
        ("ImportKeyMaterial", f'{{{IMPORT}, "ValidTo": 253402300800}}', "'253402300800' at 'validTo'", YEARS),
        ("ImportKeyMaterial", f'{{{IMPORT}, "ValidTo": "0001-01-01T00:00:00+14:00"}}', "'0001-01-01T00:00:00+14:00' at 'validTo'", YEARS),
    ],
)
def test_a_broken_constraint_quotes_what_was_sent(two_regions: Deployment, operation: str, body: str, shown: str, constraint: str) -> None:
    status, _, answer = send(two_regions, body.encode(), f"TrentService.{operation}")
    assert (status, json.loads(answer)) == (
        400,
        {
            "__type": "ValidationException",
            "message": f"1 validation error detected: Value {shown} failed to satisfy constraint: {constraint}",
        },
    )


def agreement_key(client: Any, curve: str) -> Any:
    made = client.create_key(KeySpec=curve, KeyUsage="KEY_AGREEMENT")["KeyMetadata"]["KeyId"]
    return made, client.get_public_key(KeyId=made)["PublicKey"]


@pytest.mark.parametrize("of", ["another curve", "no key at all"])
def test_a_peers_key_that_does_not_fit_is_refused_without_a_text(two_regions: Deployment, of: str) -> None:
    """As AWS KMS answers; over gRPC the field is named."""
    client = kms(two_regions)
    (key, _), (_, other) = agreement_key(client, "ECC_NIST_P256"), agreement_key(client, "ECC_NIST_P384")
    peer = other if of == "another curve" else b"a"
    fields = {"KeyId": key, "PublicKey": base64.b64encode(peer).decode(), "KeyAgreementAlgorithm": "ECDH"}
    status, _, answer = send(two_regions, json.dumps(fields).encode(), "TrentService.DeriveSharedSecret")
    assert (status, json.loads(answer)) == (400, {"__type": "ValidationException"})
    algorithm = t.KEY_AGREEMENT_ALGORITHM_SPEC_ECDH
    with two_regions.client(HOME, "developer") as developer, pytest.raises(errors.ValidationException) as refused:
        developer.derive_shared_secret(key_id=key, public_key=peer, key_agreement_algorithm=algorithm)
    assert [name for name, _ in refused.value.fields] == ["publicKey"]


def test_unsigned_requests_are_refused_for_every_operation(two_regions: Deployment) -> None:
    for name in rpcs():
        status, _, answer = send(two_regions, b"{}", f"TrentService.{name}", sign=False)
        assert (status, json.loads(answer)["__type"]) == (400, "MissingAuthenticationTokenException"), name


def test_other_methods_and_paths_do_not_exist(two_regions: Deployment) -> None:
    assert post(two_regions, b"{}", {}, method="PUT")[0] == 405


def test_members_that_nobody_knows_are_passed_over(two_regions: Deployment) -> None:
    assert send(two_regions, b'{"Limit": 1, "Unknown": {"a": [1]}, "Marker": null}')[0] == 200


@searched(40, 240)
@given(name=st.sampled_from(sorted(rpcs())), document=st.dictionaries(MEMBERS, JSON, max_size=4))
def test_arbitrary_documents(two_regions: Deployment, name: str, document: dict[str, Any]) -> None:
    if name in ("CreateKey", "GetParametersForImport"):
        return  # they have much to do where the document happens to be good
    status, _, answer = send(two_regions, json.dumps(document).encode(), f"TrentService.{name}")
    assert status in (200, 400), answer


@searched(40, 240)
@given(body=st.binary(max_size=200), target=st.sampled_from(["TrentService.Decrypt", "TrentService.ListAliases"]))
def test_arbitrary_bytes(two_regions: Deployment, body: bytes, target: str) -> None:
    status, _, answer = send(two_regions, body, target)
    assert status == 400 or not body, answer


@searched(40, 240)
@given(header=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
def test_arbitrary_authorization_headers(two_regions: Deployment, header: str) -> None:
    headers = {"Authorization": header, "X-Amz-Target": "TrentService.ListKeys", "X-Amz-Date": "20260101T000000Z"}
    assert post(two_regions, b"{}", headers)[0] == 400
