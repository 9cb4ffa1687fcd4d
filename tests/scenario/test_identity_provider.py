"""A certified OpenID provider beside a Region: its discovery document, its key set, its tokens, and its next key, as they come."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from joserfc.jwk import ECKey, RSAKey
from tests.deployment import HOME, Deployment
from tests.identity_tokens import ACCOUNT, AUDIENCE
from tests.installing import install
from tests.ports import free_port

from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST
from meridian.client import Client, errors

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

FOLDER = Path(__file__).with_name("identity_provider")
CLIENT = base64.b64encode(b"build-robot:only-for-tests").decode()
AGAIN_SECONDS = 100.0
"""A key that is new to a Region is looked for a minute after its last look."""


def private_key(kid: str, algorithm: str) -> dict[str, Any]:
    key = ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)
    return {**key.as_dict(private=True), "kid": kid, "use": "sig", "alg": algorithm}


@dataclass
class Provider:
    """The provider, in a process of its own."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self, *keys: dict[str, Any], audience: str = AUDIENCE) -> None:
        said = {"issuer": self.issuer, "port": self.port, "keys": keys, "alg": keys[0]["alg"], "audience": audience, "seconds": 600}
        command = ["node", "provider.mjs", json.dumps(said)]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        lines = iter(self.process.stdout.readline, "")
        assert any(line.startswith("ready") for line in lines), "the provider has not started"

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate(timeout=20)
            self.process = None

    def token(self) -> str:
        connection = HTTPConnection(HOST, self.port, timeout=20)
        headers = {"Authorization": f"Basic {CLIENT}", "Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request("POST", "/token", b"grant_type=client_credentials", headers)
            return str(json.load(connection.getresponse())["access_token"])
        finally:
            connection.close()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    if shutil.which("node") is None:
        pytest.skip("node, which runs the identity provider, is not there")
    folder = tmp_path_factory.mktemp("provider") / "identity_provider"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("node_modules"))
    install("the identity provider", ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    made = Provider(folder)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def region(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Starts while the provider is away."""
    deployment = Deployment(
        tmp_path_factory.mktemp("idp"), [HOME], settings_added="limits.failed_authentications_per_minute = 0\n"
    ).prepare()
    path = deployment.root / "principals.toml"
    added = (
        f'\n[[issuers]]\nissuer = "{provider.issuer}"\naudiences = ["{AUDIENCE}"]\nalgorithms = ["ES256", "RS256"]\n'
        f'[[token_rules]]\nissuer = "{provider.issuer}"\nclaims.client_id = "{{name}}"\nkind = "Service"\naccount = "{ACCOUNT}"\n'
        f'name = "ci/{{name}}"\ngroups = ["key-users"]\n'
        f'[[roles]]\naccount = "{ACCOUNT}"\nname = "deploy"\ngroups = ["key-users"]\n'
        f'[[roles.trusted]]\nissuer = "{provider.issuer}"\nclaims.sub = "build-robot"\n'
    )
    write_private(path, f"{path.read_text()}{added}".encode())
    with deployment.serving():
        yield deployment


def outcome(region: Deployment, token: str) -> str:
    """The caller's ARN, or the name of the error."""
    with Client(region.endpoint(HOME, "transport", token)) as client:
        try:
            client.generate_random(number_of_bytes=8, timeout=5)
            return str(client.who_am_i(timeout=5).arn)
        except errors.KmsServiceError as refused:
            return refused.code


def test_a_provider_that_comes_late_changes_its_key_and_goes_away(region: Deployment, provider: Provider) -> None:
    first, second = private_key("one", "ES256"), private_key("two", "RS256")
    provider.start(first)
    token = provider.token()
    arn = f"arn:aws:iam::{ACCOUNT}:service/ci/build-robot"
    region.wait_until(lambda: outcome(region, token) == arn, seconds=AGAIN_SECONDS)
    sts = boto3.client(
        "sts", endpoint_url=f"http://{HOST}:{region.place(HOME).aws_port}", region_name=HOME,
        aws_access_key_id="x", aws_secret_access_key="x", config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    role = f"arn:aws:iam::{ACCOUNT}:role/deploy"
    taken = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="build", WebIdentityToken=token)
    assert taken["SubjectFromWebIdentityToken"] == "build-robot"
    provider.stop()
    assert outcome(region, token) == arn, "its last key set counts"
    provider.start(second)
    renewed = provider.token()
    region.wait_until(lambda: outcome(region, renewed) == arn, seconds=AGAIN_SECONDS)
    assert outcome(region, token) == "DependencyTimeoutException", "it may be in a newer set"
    region.wait_until(lambda: outcome(region, token) == "UnrecognizedClientException", seconds=AGAIN_SECONDS)


def test_a_token_for_another_service_is_refused(region: Deployment, provider: Provider) -> None:
    provider.stop()
    provider.start(private_key("three", "ES256"), audience="somebody-else")
    token = provider.token()

    def is_refused_for_its_audience() -> bool:
        assert outcome(region, token) in ("UnrecognizedClientException", "DependencyTimeoutException")
        return any("meant for somebody else: somebody-else" in json.dumps(record) for record in region.audit(HOME))

    region.wait_until(is_refused_for_its_audience, seconds=AGAIN_SECONDS)
