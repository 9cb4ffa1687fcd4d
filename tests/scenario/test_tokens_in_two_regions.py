"""Callers known by tokens, in two Regions: each maps them by its own file; what one asks of the other names issuer and subject."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.deployment import AWAY, HOME, Deployment
from tests.identity_tokens import ACCOUNT, Issuer, believe

from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST
from meridian.client import Client, errors
from meridian.kms.v1 import types_pb2 as t

pytestmark = [pytest.mark.deep, pytest.mark.timeout(240)]

IDP = Issuer()
ROLE = f"arn:aws:iam::{ACCOUNT}:role/keeper"
ADDED = (
    f'\n[[token_rules]]\nissuer = "{IDP.issuer}"\nclaims.sub = "team/{{user}}"\nclaims.team = "keys"\nkind = "User"\n'
    f'account = "{ACCOUNT}"\nname = "team-{{user}}"\ngroups = ["key-administrators"]\n'
    f'[[roles]]\naccount = "{ACCOUNT}"\nname = "keeper"\ngroups = ["key-administrators"]\n'
    f'[[roles.trusted]]\nissuer = "{IDP.issuer}"\nclaims.sub = "keeper"\n'
)


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("tokens"), [HOME, AWAY]).prepare()
    believe(deployment, IDP, added=ADDED)
    path = deployment.root / "principals.toml"
    write_private(
        path, path.read_bytes().replace(b'name = "{user}"\ngroups = ["key-users"]', b'name = "{user}"\ngroups = ["key-administrators"]')
    )
    with deployment.serving():
        yield deployment


def by(regions: Deployment, token: str) -> Client:
    return Client(regions.endpoint(HOME, "transport", token))


def test_a_key_is_replicated_for_the_holder_of_a_token(regions: Deployment) -> None:
    with by(regions, IDP.token()) as ann:
        key_id = ann.create_key(multi_region=True).key_metadata.key_id
        ann.replicate_key(key_id=key_id, replica_region=AWAY)
    regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    (made,) = [each for each in regions.audit(AWAY) if each["eventName"] == "CreateKey" and key_id in json.dumps(each)]
    assert made["userIdentity"]["arn"] == f"arn:aws:iam::{ACCOUNT}:user/ann"
    assert made["meridian"]["onBehalfOf"] == HOME


def test_who_is_known_by_more_than_his_subject_is_nobody_in_the_other_region(regions: Deployment) -> None:
    with by(regions, IDP.token(sub="team/ann", team="keys")) as ann:
        assert ann.who_am_i().arn == f"arn:aws:iam::{ACCOUNT}:user/team-ann"
        key_id = ann.create_key(multi_region=True).key_metadata.key_id
        with pytest.raises(errors.AccessDeniedException, match="has no principal of this account in Region"):
            ann.replicate_key(key_id=key_id, replica_region=AWAY)


def test_a_session_acts_in_its_own_region_and_asks_the_other_as_its_role(regions: Deployment) -> None:
    config = Config(retries={"total_max_attempts": 1})
    urls = {region: f"http://{HOST}:{regions.place(region).aws_port}" for region in (HOME, AWAY)}
    sts = boto3.client("sts", endpoint_url=urls[HOME], region_name=HOME, aws_access_key_id="x", aws_secret_access_key="x", config=config)
    taken = sts.assume_role_with_web_identity(RoleArn=ROLE, RoleSessionName="night", WebIdentityToken=IDP.token(sub="keeper"))
    keys = {
        "aws_access_key_id": taken["Credentials"]["AccessKeyId"],
        "aws_secret_access_key": taken["Credentials"]["SecretAccessKey"],
        "aws_session_token": taken["Credentials"]["SessionToken"],
    }
    here, there = (boto3.client("kms", endpoint_url=urls[each], region_name=each, config=config, **keys) for each in (HOME, AWAY))
    key_id = here.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    assert here.replicate_key(KeyId=key_id, ReplicaRegion=AWAY)["ReplicaKeyMetadata"]["KeyId"] == key_id
    (made,) = [each for each in regions.audit(AWAY) if each["eventName"] == "CreateKey" and key_id in json.dumps(each)]
    assert made["userIdentity"]["arn"] == ROLE
    assert made["meridian"]["authn"]["subject"].endswith("assumed-role/keeper/night")
    with pytest.raises(ClientError) as refused:
        there.list_keys()
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_an_issuer_that_is_taken_out_is_believed_no_more(regions: Deployment) -> None:
    path = regions.root / "principals.toml"
    before, token = path.read_bytes(), IDP.token()
    with by(regions, token) as ann:
        assert ann.who_am_i().name == "ann"
        write_private(path, before.partition(b"\n[[issuers]]")[0])

        def is_refused() -> bool:
            try:
                ann.who_am_i()
            except errors.UnrecognizedClientException:
                return True
            return False

        regions.wait_until(is_refused)
        write_private(path, before)
        regions.wait_until(lambda: not is_refused())
