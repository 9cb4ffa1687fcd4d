"""Key policies of AWS through boto3: converted, decided by, shown as they were sent; and the command that converts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from tests.aws import kms
from tests.deployment import AWAY, HOME, Deployment

from meridian.cli.main import main
from meridian.client import Client

APP = "arn:aws:iam::111122223333:service/app"
DEVELOPER = "arn:aws:iam::111122223333:user/developer"
VIA_SERVICE = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
ADMINISTRATION = {"Sid": "admin", "Effect": "Allow", "Principal": {"AWS": DEVELOPER}, "Action": "kms:*", "Resource": "*"}


def document(*statements: Any) -> str:
    """Printed as no program of ours prints it, so that what comes back is what was sent."""
    return json.dumps({"Version": "2012-10-17", "Id": "mine", "Statement": list(statements)}, indent=3, separators=(" ,", " :  "))


@pytest.fixture
def developer(two_regions: Deployment) -> Any:
    return kms(two_regions)


@pytest.fixture
def app(two_regions: Deployment) -> Iterator[Client]:
    with two_regions.client(HOME, "app") as client:
        yield client


def use(**condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": APP}, "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "*", "Condition": condition}


def allowed(app: Client, key_id: str, context: dict[str, str]) -> bool:
    from meridian.client import errors

    try:
        app.encrypt(key_id=key_id, plaintext=b"x", encryption_context=context)
    except errors.AccessDeniedException:
        return False
    return True


def test_a_document_is_decided_by_and_comes_back_byte_for_byte(developer: Any, app: Client) -> None:
    key_id = developer.create_key()["KeyMetadata"]["KeyId"]
    sent = document(ADMINISTRATION, use(StringEquals={"kms:EncryptionContext:stage": "test"}))
    developer.put_key_policy(KeyId=key_id, PolicyName="default", Policy=sent)
    assert developer.get_key_policy(KeyId=key_id)["Policy"] == sent
    assert allowed(app, key_id, {"stage": "test"})
    assert not allowed(app, key_id, {"stage": "live"})
    assert not allowed(app, key_id, {})


def test_without_the_statement_for_the_root_the_account_has_no_say(developer: Any, app: Client, two_regions: Deployment) -> None:
    key_id = developer.create_key()["KeyMetadata"]["KeyId"]
    assert allowed(app, key_id, {}), "the account's policies let users use keys"
    developer.put_key_policy(KeyId=key_id, Policy=document(ADMINISTRATION))
    assert not allowed(app, key_id, {})


def test_a_key_is_made_with_a_document_and_grpc_shows_either_form(developer: Any, app: Client, two_regions: Deployment) -> None:
    sent = document(ADMINISTRATION, use(Bool={"kms:MultiRegion": "false"}))
    key_id = developer.create_key(Policy=sent)["KeyMetadata"]["KeyId"]
    assert developer.get_key_policy(KeyId=key_id)["Policy"] == sent
    assert allowed(app, key_id, {})
    with two_regions.client(HOME, "developer") as client:
        assert client.get_key_policy(key_id=key_id).policy == sent
        cedar = client.get_key_policy(key_id=key_id, cedar=True)
        assert "resource.multiRegion == false" in cedar.policy
        assert not cedar.account_delegation
        client.put_key_policy(key_id=key_id, policy=cedar.policy, account_delegation=False)
        assert client.get_key_policy(key_id=key_id).policy == cedar.policy, "what was put last"
    assert developer.get_key_policy(KeyId=key_id)["Policy"] == cedar.policy
    assert allowed(app, key_id, {})


def test_a_replica_takes_the_document_of_its_request(developer: Any, two_regions: Deployment) -> None:
    key_id = developer.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    sent = document(ADMINISTRATION, use(StringEquals={"kms:MultiRegionKeyType": "REPLICA"}))
    developer.replicate_key(KeyId=key_id, ReplicaRegion=AWAY, Policy=sent)
    two_regions.wait_until(lambda: kms(two_regions, AWAY).describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled")
    assert kms(two_regions, AWAY).get_key_policy(KeyId=key_id)["Policy"] == sent
    with two_regions.client(AWAY, "app") as app:
        assert allowed(app, key_id, {})


@pytest.mark.parametrize(
    ("policy", "element"),
    [
        (document({**ADMINISTRATION, "Action": "kms:Nothing"}), "Statement[0].Action"),
        (
            document(ADMINISTRATION, use(StringEquals={"kms:ViaService": "s3.us-east-1.amazonaws.com"})),
            'Statement[1].Condition.StringEquals["kms:ViaS',
        ),
        ("{", "the document"),
        ("permit (principal, action, resource);", "The policy must be a JSON document here"),
        (document(use(StringEquals={"kms:EncryptionContext:stage": "test"})), "will not allow you to update the key policy"),
        (document({**ADMINISTRATION, "Resource": "arn:aws:kms:us-east-1:111122223333:key/another"}), "Statement[0].Resource"),
    ],
)
def test_what_cannot_be_said_is_refused_and_changes_nothing(developer: Any, policy: str, element: str) -> None:
    key_id = developer.create_key()["KeyMetadata"]["KeyId"]
    before = developer.get_key_policy(KeyId=key_id)["Policy"]
    with pytest.raises(ClientError) as caught:
        developer.put_key_policy(KeyId=key_id, Policy=policy)
    assert caught.value.response["Error"]["Code"] == "MalformedPolicyDocumentException"
    assert element in caught.value.response["Error"]["Message"]
    assert developer.get_key_policy(KeyId=key_id)["Policy"] == before


def test_a_document_over_the_limit_is_refused(developer: Any) -> None:
    key_id = developer.create_key()["KeyMetadata"]["KeyId"]
    with pytest.raises(ClientError) as caught:
        developer.put_key_policy(KeyId=key_id, Policy=document(*[ADMINISTRATION] * 400))
    assert caught.value.response["Error"]["Code"] == "LimitExceededException"


def test_the_own_arn_of_the_key_is_a_resource(developer: Any) -> None:
    made = developer.create_key()["KeyMetadata"]
    developer.put_key_policy(KeyId=made["KeyId"], Policy=document({**ADMINISTRATION, "Resource": made["Arn"]}))


def test_the_command_converts_a_file_or_names_the_element(tmp_path: Path) -> None:
    file, arn = tmp_path / "policy.json", "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    file.write_text(document(ADMINISTRATION))
    ran = CliRunner().invoke(main, ["policy", "import-aws", str(file), "--key", arn])
    assert ran.exit_code == 0
    assert 'principal == KMS::User::"111122223333/developer"' in ran.stdout
    assert "account_delegation: false" in ran.stdout
    file.write_text(document({**ADMINISTRATION, "Principal": {"Service": "s3.amazonaws.com"}}))
    refused = CliRunner().invoke(main, ["policy", "import-aws", str(file), "--key", arn, "-o", "json"])
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["element"] == "Statement[0].Principal.Service"
    (tmp_path / "services.toml").write_text('[services]\n"s3.amazonaws.com" = "111122223333/storage"\n')
    mapped = CliRunner().invoke(main, ["policy", "import-aws", str(file), "--key", arn, "--services", str(tmp_path / "services.toml")])
    assert 'KMS::Service::"111122223333/storage"' in mapped.stdout
    assert CliRunner().invoke(main, ["policy", "import-aws", str(file), "--key", "1234"]).exit_code == 3
