"""Emptying a development Region between other people's tests; no other Region can be emptied."""

from __future__ import annotations

import http.client
import subprocess
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.aws import access_key, kms, url
from tests.deployment import HOME, Deployment

from meridian.cli.region_place import HOST

PATH = "/_meridian/dev/state"


def signed(deployment: Deployment, secret: str = "") -> dict[str, str]:
    """The headers that a client of AWS signs such a request with."""
    key_id, right = access_key(deployment, "developer")
    request = AWSRequest("DELETE", url(deployment) + PATH, headers={"X-Amz-Target": "Meridian.DeleteDevelopmentState"})
    SigV4Auth(Credentials(key_id, secret or right), "kms", HOME).add_auth(request)
    return dict(request.headers)


def delete_state(deployment: Deployment, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection(HOST, deployment.place(HOME).aws_port, timeout=20)
    try:
        connection.request("DELETE", PATH, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_development_region_is_emptied(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    client = kms(own_regions)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/one", TargetKeyId=key)
    client.create_grant(KeyId=key, GranteePrincipal="111122223333", Operations=["Encrypt"])
    client.encrypt(KeyId="alias/one", Plaintext=b"x")
    assert delete_state(own_regions, signed(own_regions)) == 204
    assert client.list_keys()["Keys"] == []
    assert client.list_aliases()["Aliases"] == []
    for name in (key, "alias/one"):
        with pytest.raises(ClientError, match="NotFoundException"):
            client.encrypt(KeyId=name, Plaintext=b"x")
    again = client.create_key()["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/one", TargetKeyId=again)
    assert client.encrypt(KeyId="alias/one", Plaintext=b"x")["KeyId"].endswith(again)


def test_it_takes_a_signature_and_leaves_a_record(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    client = kms(own_regions)
    client.create_key()
    other_path = {name: value for name, value in signed(own_regions).items() if name != "X-Amz-Target"}
    for headers in ({}, signed(own_regions, "another secret"), other_path):
        assert delete_state(own_regions, headers) == 403
    assert len(client.list_keys()["Keys"]) == 1
    own_regions.wait_until(lambda: [r for r in own_regions.audit(HOME) if r["eventName"] == "AuthenticationFailed"])
    assert delete_state(own_regions, signed(own_regions)) == 204
    (record,) = [r for r in own_regions.audit(HOME) if r["eventName"] == "DeleteDevelopmentState"]
    assert record["userIdentity"]["arn"] == "arn:aws:iam::111122223333:user/developer"
    assert record["sourceIPAddress"] == HOST


def test_the_command_of_the_documents_empties_it(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    kms(own_regions).create_key()
    text = (Path(__file__).resolve().parents[2] / "docs" / "clients.md").read_text()
    command = next(part for part in text.split("\n\n") if part.startswith("    curl") and "_meridian/dev/state" in part)
    subprocess.run(["sh", "-ec", f". {own_regions.root}/env\n{command}"], check=True, capture_output=True, timeout=30)
    assert kms(own_regions).list_keys()["Keys"] == []


def test_a_region_that_is_not_for_development_is_not(own_regions: Deployment) -> None:
    settings = own_regions.place(HOME).settings
    settings.write_text(settings.read_text().replace("development = true\n", "").replace("bearer_tokens = true\n", ""))
    own_regions.start(HOME)
    client = kms(own_regions)
    client.create_key()
    assert delete_state(own_regions, signed(own_regions)) == 404
    assert len(client.list_keys()["Keys"]) == 1
