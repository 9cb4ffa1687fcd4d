"""The console in a real browser: nothing that axe has against its pages, no complaint of the browser or of its content security policy, in
light and dark, wide and on a phone; by keyboard alone, and without script. People sign in at a certified OpenID provider.

Pictures go where MERIDIAN_PICTURES says, and nowhere without it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.identity_tokens import ACCOUNT, AUDIENCE, Signer
from tests.installing import install
from tests.ports import free_port
from tests.web_console import console_settings

from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST
from meridian.client import Client
from meridian.client.errors import AccessDeniedException
from meridian.kms.v1.types_pb2 import GrantConstraints, Tag

pytestmark = [pytest.mark.deep, pytest.mark.timeout(580)]
FOLDER = Path(__file__).parent
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PERSON = "carol"
WALK_SECONDS = 400
WINDOWS, PAGES_OF_EACH = 4, 15
STATEMENTS = (
    {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"},
    {
        "Sid": "OrdersAreReadByTheShop",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/shop"},
        "Action": ["kms:Decrypt", "kms:DescribeKey"],
        "Resource": "*",
        "Condition": {"StringEquals": {"kms:EncryptionContext:tenant": "a"}},
    },
)
POLICY = json.dumps({"Version": "2012-10-17", "Statement": STATEMENTS}, indent=2)


@dataclass(frozen=True)
class Walked:
    """What was found."""

    looks: list[dict[str, Any]]
    story: dict[str, Any]
    key_id: str


def chromium() -> str:
    found = next((place for name in PROGRAMS if (place := shutil.which(name))), "")
    if not found:
        pytest.skip("no Chromium is installed (Debian's package is chromium)")
    return found


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chromium()
    if shutil.which("node") is None:
        pytest.skip("node, which drives the browser, is not there")
    folder = tmp_path_factory.mktemp("browser") / "browser"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__", "*.py"))
    install("what drives a browser", ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    return folder


@pytest.fixture(scope="module")
def provider(packages: Path, origin: str) -> Iterator[str]:
    port, signer = free_port(), Signer()
    key = {**signer.key.as_dict(private=True), "kid": "one", "use": "sig", "alg": signer.algorithm}
    issuer = f"http://{HOST}:{port}"
    said = {"issuer": issuer, "port": port, "keys": [key], "alg": signer.algorithm, "client": AUDIENCE, "redirect": f"{origin}/signed-in"}
    command = ["node", "provider.mjs", json.dumps(said)]
    process = subprocess.Popen(command, cwd=packages, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith("ready") for line in lines), "the provider has not started"
        yield issuer
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def origin() -> str:
    return f"https://localhost:{free_port()}"


@pytest.fixture(scope="module")
def deployment(provider: str, origin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("console"), [HOME, AWAY], settings_added="limits.compare_seconds = 2\n").prepare()
    principals = made.root / "principals.toml"
    believed = (
        f'\n[[issuers]]\nissuer = "{provider}"\naudiences = ["{AUDIENCE}"]\nalgorithms = ["ES256"]\n'
        f'[[token_rules]]\nissuer = "{provider}"\nclaims.sub = "{{user}}"\nkind = "User"\naccount = "{ACCOUNT}"\n'
        f'name = "{{user}}"\ngroups = ["key-administrators", "auditors"]\n'
    )
    write_private(principals, f"{principals.read_text()}{believed}".encode())
    port, oidc = int(origin.rpartition(":")[2]), f'{{ issuer = "{provider}", client_id = "{AUDIENCE}" }}'
    settings = made.place(HOME).settings
    settings.write_text(f"{console_settings(made.root, port, oidc=oidc, writes='true')}{settings.read_text()}")
    try:
        made.start()
        yield made
    finally:
        made.stop_all()


def rotate(deployment: Deployment, alice: Client, key_id: str, wanted: int) -> None:
    alice.rotate_key_on_demand(key_id=key_id)
    deployment.wait_until(lambda: len(alice.list_key_rotations(key_id=key_id).rotations) == wanted)


@pytest.fixture(scope="module")
def walked(deployment: Deployment, packages: Path, origin: str) -> Walked:
    """The whole walk, once."""
    with deployment.client(HOME, "alice") as alice:
        tags = [Tag(tag_key="residency", tag_value="EU"), Tag(tag_key="team", tag_value="shop")]
        made = alice.create_key(multi_region=True, description="Orders of the shop", tags=tags, policy=POLICY)
        key_id = str(made.key_metadata.key_id)
        alice.create_alias(alias_name="alias/shop", target_key_id=key_id)
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
        alice.enable_key_rotation(key_id=key_id, rotation_period_in_days=180)
        rotate(deployment, alice, key_id, 1)
        rotate(deployment, alice, key_id, 2)
        disposable = str(alice.create_key(description="Invoices").key_metadata.key_id)
        doomed = alice.create_key(description="Of last year").key_metadata.key_id
        alice.schedule_key_deletion(key_id=doomed, pending_window_in_days=30)
    with deployment.client(HOME, "developer") as developer:
        grantee, context = f"arn:aws:iam::{ACCOUNT}:service/app", GrantConstraints(encryption_context_equals={"tenant": "a"})
        developer.create_grant(key_id=key_id, grantee_principal=grantee, operations=["Decrypt"], name="orders", constraints=context)
        deployment.wait_until(lambda: all(each.release for each in developer.describe_regions().regions))
    assert deployment.verify_audit(HOME).returncode in (0, 9)
    with deployment.client(HOME, "app") as app, deployment.client(HOME, "tenant-a") as tenant:
        app.encrypt(key_id=key_id, plaintext=b"x")
        with pytest.raises(AccessDeniedException):
            tenant.encrypt(key_id=key_id, plaintext=b"x", encryption_context={"tenant": "b"})
    said = {
        "origin": origin,
        "program": chromium(),
        "person": PERSON,
        "key": key_id,
        "disposable": disposable,
        "pictures": os.environ.get("MERIDIAN_PICTURES", ""),
        "certificate": str(deployment.root / "clients" / "developer.crt"),
    }
    done = subprocess.run(
        ["node", "walk.mjs", json.dumps(said)], cwd=packages, capture_output=True, text=True, timeout=WALK_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    return Walked(found["looks"], found["story"], key_id)


def test_axe_has_nothing_against_any_page(walked: Walked) -> None:
    assert [each for each in walked.looks if each["axe"]] == []
    assert len(walked.looks) == WINDOWS * PAGES_OF_EACH + 1


def test_the_browser_complains_of_nothing(walked: Walked) -> None:
    assert [each for each in walked.looks if each["complaints"]] == []


def test_no_page_is_wider_than_its_window(walked: Walked) -> None:
    assert [(each["window"], each["page"], each["wider"]) for each in walked.looks if each["wider"] > 0] == []


def test_a_key_is_found_and_changed_by_keyboard_alone(walked: Walked) -> None:
    story = walked.story
    assert story["first"] == "Skip to the content"
    assert (story["found"], story["told"]) == ([walked.key_id], "1 key shown.")
    assert story["outline"] == "solid"
    assert (story["done"], story["state"]) == ("Disable: done. The state is shown as it is now.", "Disabled")
    assert story["signedOut"] == "/sign-in"


def test_it_works_with_a_certificate_and_without_script(walked: Walked) -> None:
    assert walked.story["withoutScript"] == [walked.key_id]
    assert walked.story["deniedWithoutScript"] == ["Encrypt"]
    assert walked.story["complaintsWithoutScript"] == []


def test_each_look_is_in_the_audit_log_under_the_viewers_name(walked: Walked, deployment: Deployment) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:user/{PERSON}"
    names = {str(each["eventName"]) for each in deployment.audit(HOME) if each.get("userIdentity", {}).get("arn") == arn}
    looks = {
        "DescribeRegions",
        "ListKeys",
        "DescribeKey",
        "GetKeyPolicy",
        "ListGrants",
        "DescribeCustomKeyStores",
        "DescribeAudit",
        "TryPolicies",
        "ListDecisions",
        "ExplainDecision",
    }
    assert looks | {"DisableKey"} <= names
