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
from meridian.client import Client, errors
from meridian.contract.catalog import served_rpcs
from meridian.kms.v1.types_pb2 import SIGNING_ALGORITHM_SPEC_ECDSA_SHA_256

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


def use_of(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": APP}, "Action": list(actions), "Resource": "*"}


def of_account(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": list(actions), "Resource": "*"}


def anybody(**condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*", "Condition": condition}


def deny(*actions: str, **condition: Any) -> dict[str, Any]:
    made = {"Effect": "Deny", "Principal": {"AWS": APP}, "Action": list(actions) or "kms:*", "Resource": "*"}
    return {**made, "Condition": condition} if condition else made


def allowed(app: Client, key_id: str, context: dict[str, str]) -> bool:
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


ROOT = {"AWS": "arn:aws:iam::111122223333:root"}
WHOLE = {"Effect": "Allow", "Principal": ROOT, "Action": "kms:*", "Resource": "*"}
TAKEN = {
    "the account decides on this action": ([of_account("kms:Encrypt")], True),
    "the account decides on another action": ([of_account("kms:Decrypt", "kms:ListGrants")], False),
    "the account decides on an action, and one of it never": ([of_account("kms:Encrypt"), deny()], False),
    "actions without a key": ([of_account("kms:ListAliases")], False),
    "names that are no action": ([use_of("kms:Encrypt", "kms:Encrpyt")], True),
    "a Deny of names that are none": ([use_of("kms:Encrypt"), deny("kms:Encrpyt", "kms:Sign")], True),
    "a Deny of names that are none, and of this one": ([use_of("kms:Encrypt"), deny("kms:Encrpyt", "kms:Encrypt")], False),
    "the account once more, under a condition": ([WHOLE, {**WHOLE, "Condition": {"Bool": {"kms:MultiRegion": "true"}}}], True),
    "a role of any account": ([anybody(ArnLike={"aws:PrincipalArn": "arn:aws:iam::*:service/app"})], True),
    "another role of any account": ([anybody(ArnLike={"aws:PrincipalArn": "arn:aws:iam::*:service/ap"})], False),
    "nobody of some accounts": ([WHOLE, deny(ArnLike={"aws:PrincipalArn": "arn:aws:iam::1111*:service/*"})], False),
    "before a second of 1970": ([use(NumericLessThan={"aws:EpochTime": "4102444800.0"})], True),
    "after a second of 1970": ([use(NumericGreaterThan={"aws:EpochTime": "4102444800.0"})], False),
    "a Deny before a second of 1970": ([WHOLE, deny(DateLessThan={"aws:EpochTime": 4102444800})], False),
    "a Deny after a second of 1970": ([WHOLE, deny(DateGreaterThan={"aws:CurrentTime": "4102444800.5"})], True),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_aws_takes_is_taken_decided_by_and_given_back(developer: Any, app: Client, name: str) -> None:
    statements, expected = TAKEN[name]
    key_id = developer.create_key()["KeyMetadata"]["KeyId"]
    sent = document(ADMINISTRATION, *statements)
    developer.put_key_policy(KeyId=key_id, Policy=sent)
    assert developer.get_key_policy(KeyId=key_id)["Policy"] == sent
    assert allowed(app, key_id, {}) is expected


def test_the_default_policy_of_spire_is_taken(developer: Any, app: Client) -> None:
    own = {"Sid": "Allow full access to the SPIRE Server role", **ADMINISTRATION}
    console = {"Effect": "Allow", "Principal": ROOT, "Action": ["kms:Describe*", "kms:List*", "kms:Get*"], "Resource": "*"}
    sent = document(own, {"Sid": "Allow KMS console to display the key and policy", **console})
    key_id = developer.create_key(Policy=sent, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    assert developer.get_key_policy(KeyId=key_id)["Policy"] == sent
    assert developer.sign(KeyId=key_id, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    assert app.describe_key(key_id=key_id).key_metadata.key_id == key_id
    with pytest.raises(errors.AccessDeniedException):
        app.sign(key_id=key_id, message=b"x", signing_algorithm=SIGNING_ALGORITHM_SPEC_ECDSA_SHA_256)


def test_names_without_effect_are_warned_of_in_the_record_of_the_call(developer: Any, two_regions: Deployment) -> None:
    misspelt = [f"kms:Encrpyt{number}" for number in range(20)]
    sent = document(ADMINISTRATION, use_of("kms:Encrypt", *misspelt))
    made = developer.create_key(Policy=sent)["KeyMetadata"]
    developer.put_key_policy(KeyId=made["KeyId"], Policy=document(ADMINISTRATION, deny("kms:Encrypt", "s3:*")))
    developer.put_key_policy(KeyId=made["KeyId"], Policy=document(ADMINISTRATION))
    records = [r for r in two_regions.events_of(HOME, made["Arn"]) if r["eventName"] in ("CreateKey", "PutKeyPolicy")]
    created, put, clean = (r["additionalEventData"] for r in records)
    told = "Statement[1].Action: kms:Encrpyt0 is no action of AWS KMS: it allows nothing; did you mean kms:Encrypt?"
    assert created["policyWarnings"][0] == told
    assert created["policyWarnings"][-1] == "and 4 more"
    assert len(created["policyWarnings"]) == 17
    assert put["policyWarnings"] == [
        "Statement[1].Action: s3:* is no action of AWS KMS: it denies nothing; where a wider action was meant, it is not denied"
    ]
    assert clean is None


def test_the_policy_that_leaves_actions_to_the_account_is_put_back_as_cedar(developer: Any, app: Client, two_regions: Deployment) -> None:
    key_id = developer.create_key(Policy=document(ADMINISTRATION, of_account("kms:Encrypt")))["KeyMetadata"]["KeyId"]
    with two_regions.client(HOME, "developer") as client:
        cedar = client.get_key_policy(key_id=key_id, cedar=True)
        assert '@account_delegation("true")' in cedar.policy
        assert not cedar.account_delegation
        client.put_key_policy(key_id=key_id, policy=cedar.policy, account_delegation=False)
        assert allowed(app, key_id, {})
        with pytest.raises(errors.MalformedPolicyDocumentException, match="@account_delegation"):
            client.put_key_policy(key_id=key_id, policy=cedar.policy.replace("false", "true"), account_delegation=False)


def test_a_key_that_leaves_its_policy_to_the_account_locks_nobody_out(developer: Any) -> None:
    """The policies of the account let the developer put policies."""
    key_id = developer.create_key(Policy=document(of_account("kms:PutKeyPolicy")))["KeyMetadata"]["KeyId"]
    developer.put_key_policy(KeyId=key_id, Policy=document(of_account("kms:PutKeyPolicy", "kms:Get*")))
    with pytest.raises(ClientError, match="will not allow you to update"):
        developer.put_key_policy(KeyId=key_id, Policy=document(of_account("kms:Get*")))


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


def put(client: Any, policy: str) -> None:
    client.put_key_policy(KeyId=client.create_key()["KeyMetadata"]["KeyId"], Policy=policy)


def replicate(client: Any, policy: str) -> None:
    client.replicate_key(KeyId=client.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"], ReplicaRegion=AWAY, Policy=policy)


WAYS = {"CreateKey": lambda client, policy: client.create_key(Policy=policy), "PutKeyPolicy": put, "ReplicateKey": replicate}
"""THE table of operations that take a key policy."""


def test_the_ways_to_put_a_policy_are_those_of_the_contract() -> None:
    assert set(WAYS) == {name for name, rpc in served_rpcs().items() if "policy" in rpc.request_class.DESCRIPTOR.fields_by_name}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("policy", "element"),
    [
        ("permit (principal, action, resource);", "The policy must be a JSON document here"),
        (document({**ADMINISTRATION, "Resource": "arn:aws:kms:us-east-1:111122223333:key/another"}), "Statement[0].Resource"),
        (document({**ADMINISTRATION, "Principal": {"AWS": "arn:aws-cn:iam::111122223333:root"}}), "Statement[0].Principal.AWS"),
        (document(use(StringEquals={"kms:EncryptionContext:stage": "test"})), "will not allow you to update the key policy"),
    ],
    ids=["Cedar", "another resource", "another partition", "locked out"],
)
def test_every_operation_that_takes_a_policy_has_the_same_rules(developer: Any, way: str, policy: str, element: str) -> None:
    with pytest.raises(ClientError) as caught:
        WAYS[way](developer, policy)
    assert caught.value.response["Error"]["Code"] == "MalformedPolicyDocumentException"
    assert element in caught.value.response["Error"]["Message"]


def test_the_own_arn_of_a_replica_is_a_resource_where_it_is_made_and_where_it_is_there(two_regions: Deployment, developer: Any) -> None:
    primary = developer.create_key(MultiRegion=True)["KeyMetadata"]
    own = document({**ADMINISTRATION, "Resource": primary["Arn"].replace(HOME, AWAY)})
    made = developer.replicate_key(KeyId=primary["KeyId"], ReplicaRegion=AWAY, Policy=own)
    assert made["ReplicaPolicy"] == own
    there = kms(two_regions, AWAY)
    two_regions.wait_until(lambda: there.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled")
    assert there.get_key_policy(KeyId=primary["KeyId"])["Policy"] == own
    there.put_key_policy(KeyId=primary["KeyId"], Policy=own)


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
    file.write_text(document({**ADMINISTRATION, "Action": ["kms:Encrypt", "kms:Encrpyt"]}, of_account("kms:Get*", "kms:ListKeys")))
    warned = CliRunner().invoke(main, ["policy", "import-aws", str(file), "--key", arn])
    assert "account_delegation: false; the policies of the account apply, for the actions of @account_delegation below" in warned.stdout
    assert "warning: Statement[0].Action: kms:Encrpyt is no action of AWS KMS: it allows nothing" in warned.stderr
    assert "note: Statement[1].Action: kms:Get* means what it matches today:" in warned.stderr
    assert "note: Statement[1].Action: kms:ListKeys is not about a key" in warned.stderr
    told = json.loads(CliRunner().invoke(main, ["policy", "import-aws", str(file), "--key", arn, "-o", "json"]).stdout)
    assert (len(told["notes"]), len(told["warnings"])) == (2, 1)
    file.write_text(document({**ADMINISTRATION, "Principal": {"Service": "s3.amazonaws.com"}}))
    mapped = CliRunner().invoke(main, ["policy", "import-aws", str(file), "--key", arn, "--services", str(tmp_path / "services.toml")])
    assert 'KMS::Service::"111122223333/storage"' in mapped.stdout
    assert CliRunner().invoke(main, ["policy", "import-aws", str(file), "--key", "1234"]).exit_code == 3
