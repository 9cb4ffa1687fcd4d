"""SPIRE with its keys in a Region: its authorities are keys there, are found again after a restart, and are rotated."""

from __future__ import annotations

import json
import shutil
import tempfile
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.aws import environment, kms, url
from tests.deployment import HOME, Deployment
from tests.ecosystem.running import program, variables
from tests.ecosystem.spire import SERVER_ID, TRUST_DOMAIN, SpireServer
from tests.identity_tokens import ACCOUNT, Issuer, believe

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

IDP = Issuer()
ROLE = f"arn:aws:iam::{ACCOUNT}:role/spire"
ROLES = (
    f'\n[[roles]]\naccount = "{ACCOUNT}"\nname = "spire"\ngroups = ["developers"]\nsession_seconds_max = 3600\n'
    f'[[roles.trusted]]\nissuer = "{IDP.issuer}"\nclaims.sub = "spire-server"\n'
)
ALIASES = f"alias/SPIRE_SERVER/{TRUST_DOMAIN.replace('.', '_')}/{SERVER_ID}/"
WORKLOAD = f"spiffe://{TRUST_DOMAIN}/shop"


@pytest.fixture
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Each SPIRE has one of its own: it looks at every key and alias of its account."""
    deployment = Deployment(tmp_path_factory.mktemp("spire"), [HOME]).prepare()
    believe(deployment, IDP, added=ROLES)
    with deployment.serving():
        yield deployment


@pytest.fixture
def folder() -> Iterator[Path]:
    """The path of a socket may have some hundred characters."""
    made = Path(tempfile.mkdtemp(prefix="spire-"))
    yield made
    shutil.rmtree(made)


def server(region: Deployment, folder: Path, **given: str) -> SpireServer:
    here = {"AWS_ENDPOINT_URL_KMS": url(region), "AWS_ENDPOINT_URL_STS": url(region), "AWS_EC2_METADATA_DISABLED": "true"}
    return SpireServer(program("spire"), folder, HOME, variables(folder, **here, **given))


def access(region: Deployment) -> dict[str, str]:
    return {name: value for name, value in environment(region).items() if name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


def aliases(region: Deployment) -> dict[str, str]:
    """The key of each alias of this SPIRE."""
    found = kms(region).get_paginator("list_aliases").paginate()
    every = {each["AliasName"]: each["TargetKeyId"] for page in found for each in page["Aliases"]}
    return {name.removeprefix(ALIASES): key for name, key in every.items() if name.startswith(ALIASES)}


def signing_key(spire: SpireServer) -> str:
    """Which of its keys signs a workload's token."""
    token: str = spire.ask("jwt", "mint", spiffeID=WORKLOAD, audience="bank")["svid"]["token"]
    head = token.split(".")[0]
    return str(json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


def issued(spire: SpireServer) -> tuple[x509.Certificate, x509.Certificate]:
    """A certificate for a workload, and the authority that signed it."""
    (minted,) = spire.ask("x509", "mint", spiffeID=WORKLOAD)
    leaf = x509.load_der_x509_certificate(b64decode(minted["x509_svid"][0]))
    for authority in map(x509.load_der_x509_certificate, map(b64decode, minted["root_cas"])):
        if authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest == _signer(leaf):
            return leaf, authority
    raise AssertionError("the bundle has no authority of this certificate")


def _signer(leaf: x509.Certificate) -> bytes | None:
    return leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier


def public_key(region: Deployment, key_id: str) -> bytes:
    found: bytes = kms(region).get_public_key(KeyId=key_id)["PublicKey"]
    return found


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_its_authorities_are_keys_of_the_region_and_are_found_again(region: Deployment, folder: Path) -> None:
    spire = server(region, folder, **access(region))
    with spire.serving():
        before, signer = aliases(region), signing_key(spire)
        leaf, authority = issued(spire)
    leaf.verify_directly_issued_by(authority)
    assert der(authority) == public_key(region, before["x509-CA-A"])
    with spire.serving():
        assert (aliases(region), signing_key(spire)) == (before, signer)
        issued(spire)[0].verify_directly_issued_by(authority)


def test_an_authority_is_rotated_and_its_old_key_is_deleted(region: Deployment, folder: Path) -> None:
    spire = server(region, folder, **access(region))
    with spire.serving():
        first = aliases(region)["x509-CA-A"]
        for _ in range(2):
            prepared = spire.ask("localauthority", "x509", "prepare")["prepared_authority"]["authority_id"]
            spire.ask("localauthority", "x509", "activate", authorityID=prepared)
        leaf, authority = issued(spire)
        leaf.verify_directly_issued_by(authority)
        assert der(authority) == public_key(region, aliases(region)["x509-CA-A"])
        region.wait_until(lambda: kms(region).describe_key(KeyId=first)["KeyMetadata"]["KeyState"] == "PendingDeletion")


def test_as_a_role_it_gives_its_keys_the_policy_that_it_gives_them_at_aws(region: Deployment, folder: Path) -> None:
    token = folder / "token"
    token.write_text(IDP.token(sub="spire-server"))
    spire = server(region, folder, AWS_ROLE_ARN=ROLE, AWS_WEB_IDENTITY_TOKEN_FILE=str(token))
    with spire.serving():
        leaf, authority = issued(spire)
    leaf.verify_directly_issued_by(authority)
    policy = json.loads(kms(region).get_key_policy(KeyId=aliases(region)["x509-CA-A"])["Policy"])
    assert [each["Principal"]["AWS"] for each in policy["Statement"]] == [ROLE, f"arn:aws:iam::{ACCOUNT}:root"]
