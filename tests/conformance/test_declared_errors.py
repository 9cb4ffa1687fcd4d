"""Each error that an operation declares is raised at least once, on real Regions, over both wires, in the form that clients switch on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tests.conformance.declared_recipes import OF_PAIR, declared, recipe
from tests.conformance.declared_unreachable import UNREACHABLE
from tests.conformance.good_requests import Things
from tests.conformance.raw_calls import call
from tests.conformance.troubled_regions import Regions
from tests.deployment import Deployment

from meridian import errors
from meridian.contract.catalog import rpcs
from meridian.transport.aws_json.key_policies import default_document
from meridian.transport.error_table import DOMAIN, TABLE

SERVER_FAULTS = {"KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"}
KEY_ARN = r"arn:aws:kms:\S+:111122223333:key/\S+"
SHAPES = {
    **dict.fromkeys(("InvalidCiphertextException", "KMSInvalidSignatureException", "KMSInvalidMacException"), ""),
    **dict.fromkeys(("InvalidImportTokenException", "ExpiredImportTokenException", "InvalidMarkerException"), ""),
    "DisabledException": rf"{KEY_ARN} is disabled\.",
    "KMSInvalidStateException": rf"{KEY_ARN} is (pending deletion|not pending deletion|creating)\.",
    "InvalidKeyUsageException": rf"{KEY_ARN} key usage is \w+ which is not valid for .+|Algorithm \w+ is incompatible with key spec .+",
    "NotFoundException": r"Key '.+' does not exist|Alias .+ is not found\.",
    "InvalidArnException": r"ARN is not valid: .+",
    "DryRunOperationException": r"The request would have succeeded, but the DryRun option is set\.",
    "IncorrectKeyException": r"The key ID in the request does not identify a CMK that can perform this operation\.",
    "KMSInternalException": r"The request failed because of an internal error\. Retry the request\.",
    "UnsupportedOperationException": ".*",
}
"""What messages look like; of those that are not here, that there is one."""

GRPC_ALONE = {("PutKeyPolicy", "LimitExceededException")}
"""The AWS wire takes one key policy alone, AWS's default document, and that is short."""

PAIRS = [pair for pair in declared() if pair not in UNREACHABLE]


@pytest.fixture(scope="module")
def regions(two_regions: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    made = Regions(two_regions, tmp_path_factory.mktemp("troubled"))
    yield made
    made.stop()


def over_grpc(things: Things, name: str, request: Any) -> tuple[grpc.StatusCode, str, error_details_pb2.ErrorInfo]:
    rpc, endpoint = rpcs()[name], things.deployment.endpoint(things.region, "developer")
    with grpc.secure_channel(endpoint.target, endpoint.credentials) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(rpc.path)(request.SerializeToString(), timeout=20)
    refused: Any = caught.value
    status, info = rpc_status.from_call(refused), error_details_pb2.ErrorInfo()
    assert status is not None, refused.details()
    assert status.details[0].Unpack(info)
    return refused.code(), status.message, info


def codes_of(error: str) -> set[grpc.StatusCode]:
    return {code for kind, code in TABLE.items() if kind is getattr(errors, error) or issubclass(kind, getattr(errors, error))}


@pytest.mark.parametrize(("name", "error"), PAIRS, ids=lambda value: value)
def test_it_is_raised_on_both_wires(regions: Regions, name: str, error: str) -> None:
    known = recipe(name, error)
    assert known is not None, "neither a recipe nor a reason why there is none"
    things, fields = known(regions, name)
    request: Any = rpcs()[name].request_class(**fields)
    shape = re.compile(SHAPES.get(error, ".+"))
    code, message, info = over_grpc(things, name, request)
    assert (info.reason, info.domain) == (error, DOMAIN), message
    assert code in codes_of(error)
    assert info.metadata["request_id"]
    assert shape.fullmatch(message), message
    if (name, error) in GRPC_ALONE:
        return
    if name == "PutKeyPolicy" and error != "MalformedPolicyDocumentException":
        request.policy = default_document("aws", "111122223333")
    status, headers, body = call(things.deployment, request, region=things.region)
    answer = json.loads(body)
    assert (status, answer["__type"]) == (500 if error in SERVER_FAULTS else 400, error), answer
    assert shape.fullmatch(answer.get("message", "")), answer
    assert answer.get("message") != ""  # a text that is not there is left out
    assert headers["x-amzn-RequestId"]


DRY = [(name, error) for name, error in PAIRS if rpcs()[name].has_dry_run and error not in {*SERVER_FAULTS, "DryRunOperationException"}]


@pytest.mark.parametrize(("name", "error"), DRY, ids=lambda value: value)
def test_a_dry_run_is_refused_as_the_call_itself_would_be(regions: Regions, name: str, error: str) -> None:
    """A full quota among them: where it does not count, the dry run promises what the call does not keep."""
    known = recipe(name, error)
    assert known is not None
    things, fields = known(regions, name)
    _, message, info = over_grpc(things, name, rpcs()[name].request_class(**{**fields, "dry_run": True}))
    assert info.reason == error, message


def test_reasons_are_given_for_declared_errors_alone_and_not_beside_a_recipe() -> None:
    assert set(UNREACHABLE) <= set(declared())
    assert set(OF_PAIR) <= set(declared())
    assert not set(UNREACHABLE) & set(OF_PAIR)
    assert all(len(reason.split()) > 4 for reason in UNREACHABLE.values())


def test_most_errors_can_be_provoked() -> None:
    """The table of reasons is short, and does not grow unnoticed."""
    assert (len(PAIRS), len(UNREACHABLE)) == (378, 32)
