"""Emptying a development Region between other people's tests; no other Region can be emptied."""

from __future__ import annotations

import http.client

import pytest
from botocore.exceptions import ClientError
from tests.aws import kms
from tests.deployment import HOME, Deployment

from meridian.cli.dev_files import HOST


def delete_state(deployment: Deployment) -> int:
    connection = http.client.HTTPConnection(HOST, deployment.place(HOME).aws_port, timeout=20)
    try:
        connection.request("DELETE", "/_meridian/dev/state")
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
    assert delete_state(own_regions) == 204
    assert client.list_keys()["Keys"] == []
    assert client.list_aliases()["Aliases"] == []
    for name in (key, "alias/one"):
        with pytest.raises(ClientError, match="NotFoundException"):
            client.encrypt(KeyId=name, Plaintext=b"x")
    again = client.create_key()["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/one", TargetKeyId=again)
    assert client.encrypt(KeyId="alias/one", Plaintext=b"x")["KeyId"].endswith(again)


def test_a_region_that_is_not_for_development_is_not(own_regions: Deployment) -> None:
    settings = own_regions.place(HOME).settings
    settings.write_text(settings.read_text().replace("development = true\n", ""))
    own_regions.start(HOME)
    client = kms(own_regions)
    client.create_key()
    assert delete_state(own_regions) == 404
    assert len(client.list_keys()["Keys"]) == 1
