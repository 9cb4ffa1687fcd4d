"""Stock clients of AWS get keys for a while from a token of an identity provider, with nothing but their usual environment, and call KMS.

One Region: STS and KMS on the AWS wire's own listener, and behind Envoy on the port of gRPC.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.conformance.test_node_clients import installed as installed  # a fixture
from tests.deployment import HOME, Deployment
from tests.identity_tokens import ACCOUNT, Issuer, believe

from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST

pytestmark = pytest.mark.timeout(180)

IDP, AWAY_IDP = Issuer(), Issuer("http://127.0.0.1:9")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deploy"
ROLES = (
    f'\n[[roles]]\naccount = "{ACCOUNT}"\nname = "deploy"\ngroups = ["key-users"]\nsession_seconds_max = 1800\n'
    f'[[roles.trusted]]\nissuer = "{IDP.issuer}"\nclaims.sub = "repo:acme/{{repo}}"\n'
    f'[[roles.trusted]]\nissuer = "{AWAY_IDP.issuer}"\nclaims.sub = "repo:acme/{{repo}}"\n'
)
NOBODY = f'\n[[issuers]]\nissuer = "{AWAY_IDP.issuer}"\naudiences = ["meridian"]\nalgorithms = ["ES256"]\n'
KMS_ONLY = """
import boto3, json
kms = boto3.client("kms")
who = boto3.client("sts").get_caller_identity()
print(json.dumps({"arn": who["Arn"], "account": who["Account"], "random": len(kms.generate_random(NumberOfBytes=16)["Plaintext"])}))
"""


OF_JAVASCRIPT = """
import { KMSClient, GenerateRandomCommand } from "@aws-sdk/client-kms";
const answered = await new KMSClient({}).send(new GenerateRandomCommand({ NumberOfBytes: 16 }));
console.log(answered.Plaintext.length);
"""


@dataclass
class Place:
    """A Region, and where its AWS wire is."""

    deployment: Deployment
    urls: dict[str, str]

    @property
    def principals(self) -> Path:
        return self.deployment.root / "principals.toml"

    @property
    def authority(self) -> str:
        return str(self.deployment.root / "client-ca.crt")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    added = 'front.kind = "envoy"\nlimits.failed_authentications_per_minute = 0\n'
    deployment = Deployment(tmp_path_factory.mktemp("roles"), [HOME], settings_added=added).prepare()
    believe(deployment, IDP, added=NOBODY + ROLES)
    try:
        deployment.start()
        here = deployment.place(HOME)
        yield Place(deployment, {"aws": f"http://{HOST}:{here.aws_port}", "envoy": f"https://{HOST}:{here.grpc_port}"})
    finally:
        deployment.stop_all()


def sts(place: Place, over: str = "aws", **keys: Any) -> Any:
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(
        "sts",
        endpoint_url=place.urls[over],
        region_name=HOME,
        config=config,
        verify=place.authority,
        **(keys or {"aws_access_key_id": "x", "aws_secret_access_key": "x"}),
    )


def keys_of(place: Place, **changed: Any) -> dict[str, Any]:
    """The answer to AssumeRoleWithWebIdentity."""
    asked = {"RoleArn": ROLE, "RoleSessionName": "build-7", "WebIdentityToken": IDP.token(sub="repo:acme/shop"), **changed}
    answered: dict[str, Any] = sts(place).assume_role_with_web_identity(**asked)
    return answered


def kms(place: Place, credentials: dict[str, Any], over: str = "aws", **changed: str) -> Any:
    given = {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
        **changed,
    }
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client("kms", endpoint_url=place.urls[over], region_name=HOME, config=config, verify=place.authority, **given)


def code(act: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        act()
    return str(refused.value.response["Error"]["Code"])


def environment(place: Place, over: str, token: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | {
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ENDPOINT_URL_STS": place.urls[over],
        "AWS_ENDPOINT_URL_KMS": place.urls[over],
        "AWS_DEFAULT_REGION": HOME,
        "AWS_CA_BUNDLE": place.authority,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.mark.parametrize("over", ["aws", "envoy"])
def test_boto3_needs_nothing_but_its_environment(place: Place, tmp_path: Path, over: str) -> None:
    token = tmp_path / "token"
    token.write_text(IDP.token(sub="repo:acme/shop"))
    command = [sys.executable, "-c", KMS_ONLY]
    ended = subprocess.run(command, env=environment(place, over, token), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert re.fullmatch(rf"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/botocore-session-\d+", told["arn"])
    assert (told["account"], told["random"]) == (ACCOUNT, 16)


@pytest.mark.deep
def test_the_aws_command_line_does_too(place: Place, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(IDP.token(sub="repo:acme/shop"))
    aws = Path(sys.executable).parent / "aws"
    command = [str(aws), "sts", "get-caller-identity", "--output", "json"]
    ended = subprocess.run(command, env=environment(place, "aws", token), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["Arn"].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/")


@pytest.mark.deep
def test_the_sdk_for_javascript_does_too(place: Place, tmp_path: Path, installed: Path) -> None:
    token = tmp_path / "token"
    token.write_text(IDP.token(sub="repo:acme/shop"))
    command = ["node", "--input-type=module", "--eval", OF_JAVASCRIPT]
    own = environment(place, "aws", token) | {"AWS_REGION": HOME, "AWS_ROLE_SESSION_NAME": "of-javascript"}
    ended = subprocess.run(command, cwd=installed, env=own, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "16"), ended.stderr
    used = [record for record in place.deployment.audit(HOME) if record["eventName"] == "GenerateRandom"][-1]
    assert used["meridian"]["authn"]["subject"].endswith(":assumed-role/deploy/of-javascript")


def test_the_answer_and_the_records_say_who_took_on_what(place: Place) -> None:
    answered = keys_of(place, DurationSeconds=900)
    keys, request_id = answered["Credentials"], answered["ResponseMetadata"]["RequestId"]
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", keys["AccessKeyId"])
    assert 800 <= keys["Expiration"].timestamp() - time.time() <= 900
    user = answered["AssumedRoleUser"]
    assert user["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/build-7"
    assert re.fullmatch(r"AROA[A-Z2-7]{17}:build-7", user["AssumedRoleId"])
    assert (answered["SubjectFromWebIdentityToken"], answered["Provider"]) == ("repo:acme/shop", IDP.issuer)
    session = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    who = sts(place, **session).get_caller_identity()
    assert (who["Arn"], who["UserId"], who["Account"]) == (user["Arn"], user["AssumedRoleId"], ACCOUNT)
    kms(place, keys).generate_random(NumberOfBytes=8)
    records = place.deployment.audit(HOME)
    (taken,) = [record for record in records if record.get("requestID") == request_id]
    assert (taken["eventName"], taken["eventSource"]) == ("AssumeRoleWithWebIdentity", "sts.amazonaws.com")
    assert taken["userIdentity"]["arn"] == ROLE
    assert taken["meridian"]["authn"] == {"method": "identity_token", "subject": f"{IDP.issuer} repo:acme/shop"}
    assert taken["requestParameters"] == {"roleArn": ROLE, "roleSessionName": "build-7", "durationSeconds": 900}
    assert taken["responseElements"]["credentials"]["accessKeyId"] == keys["AccessKeyId"]
    assert not any(keys[name] in json.dumps(record) for record in records for name in ("SecretAccessKey", "SessionToken"))
    used = [record for record in records if record["eventName"] == "GenerateRandom"][-1]
    assert used["meridian"]["authn"] == {"method": "assumed_role", "subject": user["Arn"]}
    assert used["meridian"]["facts"]["caller"]["sessionName"] == "build-7"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another repository": ({"WebIdentityToken": IDP.token(sub="repo:evil/shop")}, "AccessDenied"),
    "another role": ({"RoleArn": f"{ROLE}er"}, "AccessDenied"),
    "a user": ({"RoleArn": f"arn:aws:iam::{ACCOUNT}:user/alice"}, "AccessDenied"),
    "expired": ({"WebIdentityToken": IDP.token(sub="repo:acme/x", iat=1_000_000_000, exp=1_000_000_600)}, "ExpiredTokenException"),
    "another audience": ({"WebIdentityToken": IDP.token(sub="repo:acme/x", aud="x")}, "InvalidIdentityToken"),
    "signed by nobody": ({"WebIdentityToken": Issuer().token(sub="repo:acme/x")}, "InvalidIdentityToken"),
    "alg none": ({"WebIdentityToken": IDP.unsigned()}, "InvalidIdentityToken"),
    "an issuer that is away": ({"WebIdentityToken": AWAY_IDP.token(sub="repo:acme/x")}, "IDPCommunicationError"),
    "too long a session": ({"DurationSeconds": 1801}, "ValidationError"),
    "a policy of its own": ({"Policy": "{}"}, "InvalidParameterCombination"),
    "policies of its own": ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/x"}]}, "InvalidParameterCombination"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_role_is_given_to_nobody_else(place: Place, case: str) -> None:
    changed, expected = REFUSED[case]
    assert code(lambda: keys_of(place, **changed)) == expected


def other(text: str) -> str:
    """The same, but for one character in the middle."""
    at = len(text) // 2
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def test_keys_of_a_session_are_good_together_alone(place: Place) -> None:
    keys, second = keys_of(place)["Credentials"], keys_of(place)["Credentials"]
    assert kms(place, keys).generate_random(NumberOfBytes=8)
    for name, changed, expected in (
        ("a token changed", {"aws_session_token": other(keys["SessionToken"])}, "UnrecognizedClientException"),
        ("another session's token", {"aws_session_token": second["SessionToken"]}, "UnrecognizedClientException"),
        ("no token", {"aws_session_token": ""}, "UnrecognizedClientException"),
        ("another secret", {"aws_secret_access_key": second["SecretAccessKey"]}, "InvalidSignatureException"),
        ("another id", {"aws_access_key_id": second["AccessKeyId"]}, "UnrecognizedClientException"),
        ("a static secret as token", {"aws_session_token": "x"}, "UnrecognizedClientException"),
    ):
        given = {name: value for name, value in changed.items() if value}
        client = kms(place, {**keys, **({"SessionToken": None} if not given else {})}, **given)
        assert code(partial(client.generate_random, NumberOfBytes=8)) == expected, name


def form(place: Place, fields: Any, **headers: str) -> tuple[int, str]:
    """Status and body of the answer to a form that no SDK sends."""
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    connection = HTTPConnection(place.urls["aws"].removeprefix("http://"), timeout=20)
    connection.request("POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded", **headers})
    answer = connection.getresponse()
    try:
        return answer.status, answer.read().decode()
    finally:
        connection.close()


ASKED = [("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", ROLE), ("RoleSessionName", "build-7")]


def test_forms_that_no_sdk_sends(place: Place) -> None:
    token = ("WebIdentityToken", IDP.token(sub="repo:acme/shop"))
    assert form(place, [*ASKED, token])[0] == 200
    for fields, headers, status, told in (
        ([*ASKED, token, token], {}, 400, "more than once"),
        ([*ASKED, token, ("Version", "2011-06-15")], {}, 400, "more than once"),
        (ASKED, {}, 400, "WebIdentityToken and RoleArn are needed"),
        ([*ASKED, token, ("SerialNumber", "x")], {}, 400, "does not have"),
        ([*ASKED[:2], ("RoleArn", ROLE), token], {}, 400, "roleSessionName"),
        ([*ASKED[:3], ("RoleSessionName", "a b"), token], {}, 400, "roleSessionName"),
        ([*ASKED, token, ("DurationSeconds", "1e3")], {}, 400, "whole number"),
        ([("Action", "GetSessionToken"), ("Version", "2011-06-15")], {}, 400, "InvalidAction"),
        ([("Action", "GetCallerIdentity"), ("Version", "2011-06-15")], {}, 403, "MissingAuthenticationToken"),
        ([("Action", "AssumeRoleWithWebIdentity"), ("Version", "1999-01-01")], {}, 400, "2011-06-15"),
        ([*ASKED, token, ("DurationSeconds", "899")], {}, 400, "durationSeconds"),
        (b"", {}, 400, "InvalidAction"),
        (b"\xff\xfe=1", {}, 400, "no form"),
        (b"&".join(b"a%d=1" % n for n in range(40)), {}, 400, "no form"),
        (b"a=" + b"x" * 40_000, {}, 400, "must not be longer"),
        ([*ASKED, token], {"Authorization": "Bearer x"}, 400, "IncompleteSignature"),
    ):
        got = form(place, fields, **headers)
        assert got[0] == status, got
        assert told in got[1]
        assert "<ErrorResponse xmlns=" in got[1]
        assert token[1] not in got[1]


def signed_form(place: Place, fields: list[tuple[str, str]], credentials: Credentials, service: str = "sts") -> tuple[int, str]:
    """The same of a form that is signed for this service."""
    body = urlencode(fields)
    request = AWSRequest("POST", f"{place.urls['aws']}/", headers={"Content-Type": "application/x-www-form-urlencoded"}, data=body)
    SigV4Auth(credentials, service, HOME).add_auth(request)
    return form(place, body.encode(), **dict(request.headers.items()))


def test_a_signature_and_a_token_are_two_credentials(place: Place) -> None:
    keys = keys_of(place)["Credentials"]
    session = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert signed_form(place, [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")], session)[0] == 200
    status, told = signed_form(place, [*ASKED, ("WebIdentityToken", IDP.token(sub="repo:acme/shop"))], session)
    assert (status, "InvalidClientTokenId" in told) == (403, True)


def test_keys_for_one_service_sign_for_no_other(place: Place) -> None:
    root = place.deployment.root / "clients"
    static = {
        "aws_access_key_id": (root / "app.access-key-id").read_text().strip(),
        "aws_secret_access_key": (root / "app.secret-access-key").read_text().strip(),
    }
    who = sts(place, **static).get_caller_identity()
    assert (who["Arn"], who["UserId"]) == (f"arn:aws:iam::{ACCOUNT}:service/app", f"{ACCOUNT}/app")
    for service, expected in (("sts", 200), ("kms", 403)):
        asked = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]
        status, told = signed_form(place, asked, Credentials(*static.values()), service)
        assert (status, "SignatureDoesNotMatch" in told) == (expected, expected != 200)


def test_a_session_ends_with_its_role_and_begins_under_new_rules_without_restart(place: Place) -> None:
    keys = keys_of(place)["Credentials"]
    assert kms(place, keys).generate_random(NumberOfBytes=8)
    before = place.principals.read_bytes()
    write_private(place.principals, before.replace(ROLES.encode(), ROLES.replace('"deploy"', '"release"').encode()))
    try:

        def is_gone() -> bool:
            try:
                kms(place, keys).generate_random(NumberOfBytes=8)
            except ClientError as refused:
                return bool(refused.response["Error"]["Code"] == "UnrecognizedClientException")
            return False

        place.deployment.wait_until(is_gone)
        assert code(lambda: keys_of(place)) == "AccessDenied"
        assert keys_of(place, RoleArn=ROLE.replace("deploy", "release"))["Credentials"]
    finally:
        write_private(place.principals, before)
    place.deployment.wait_until(lambda: not is_gone())


def test_no_token_and_no_key_of_a_session_is_in_any_file(place: Place) -> None:
    token, refused = IDP.token(sub="repo:acme/secret"), IDP.token(sub="repo:evil/secret")
    keys = keys_of(place, WebIdentityToken=token)["Credentials"]
    kms(place, keys).generate_random(NumberOfBytes=8)
    code(lambda: keys_of(place, WebIdentityToken=refused))
    code(lambda: kms(place, keys, aws_session_token=other(keys["SessionToken"])).list_keys())
    secrets = [token.rpartition(".")[2], refused.rpartition(".")[2], keys["SecretAccessKey"], keys["SessionToken"][-40:]]
    files = [path for path in place.deployment.root.rglob("*") if path.is_file()]
    assert any(path.name == "log" for path in files)
    for path in files:
        written = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in written], path
