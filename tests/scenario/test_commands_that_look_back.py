"""`policy try` and `audit describe` against a real Region, and the examples of the page about looking back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.deployment import HOME, Deployment
from tests.scenario.test_pages_of_clients import python_in
from tests.scenario.test_pages_of_clients import run as run_python

from meridian.cli.exit_codes import DENIED, OK, SETUP, USAGE
from meridian.cli.main import main

APP = "arn:aws:iam::111122223333:service/app"
USERS = "account.111122223333.users"
FORBID = 'forbid (principal, action == KMS::Action::"Encrypt", resource);'
Command = Callable[..., Any]


@pytest.fixture
def run(two_regions: Deployment) -> Command:
    """A command, as the auditor."""
    endpoint = two_regions.endpoint(HOME, "auditor")
    environment = {
        "MERIDIAN_ENDPOINT": endpoint.target,
        "MERIDIAN_CA": str(endpoint.ca),
        "MERIDIAN_CERTIFICATE": str(endpoint.certificate),
        "MERIDIAN_PRIVATE_KEY": str(endpoint.private_key),
    }
    return lambda *words: CliRunner().invoke(main, words, env=environment)


@pytest.fixture
def key_id(two_regions: Deployment) -> str:
    with two_regions.client() as alice, two_regions.client(HOME, "app") as app:
        made = str(alice.create_key().key_metadata.key_id)
        app.encrypt(key_id=made, plaintext=b"x")
    return made


def test_the_policies_of_the_account_are_printed_edited_and_tried(run: Command, key_id: str, tmp_path: Path) -> None:
    text = run("policy", "try")
    assert text.exit_code == OK, text.output
    assert f'@id("{USERS}")' in text.stdout
    edited = tmp_path / "edited.cedar"
    edited.write_text(text.stdout)
    asked = ("--principal", APP, "--operation", "Encrypt", "--request", json.dumps({"KeyId": key_id}))
    same = run("policy", "try", "--policies", str(edited), *asked)
    assert same.exit_code == OK, same.output
    assert "in force: allowed" in same.stdout
    edited.write_text(text.stdout.replace('KMS::Action::"Use", ', ""))
    other = run("policy", "try", "--policies", str(edited), "--calls", "2000", *asked)
    assert other.exit_code == DENIED, other.output
    assert "edited: denied" in other.stdout
    assert f"newly denied: 1 times {APP} Encrypt on " in other.stdout
    as_json = json.loads(run("policy", "try", "--policies", str(edited), "--calls", "2000", *asked, "-o", "json").stdout)
    assert (as_json["live"]["allowed"], as_json["edited"]["allowed"], as_json["faults"]) == (True, False, [])
    assert any(key_id in each["resource"] and each["recordedPolicyIds"] == [USERS] for each in as_json["replayed"]["changed"])


def test_a_policy_of_the_key_is_tried_and_what_is_wrong_is_told_with_its_place(run: Command, key_id: str, tmp_path: Path) -> None:
    policy, request = tmp_path / "key.cedar", tmp_path / "request.json"
    policy.write_text(FORBID)
    request.write_text(json.dumps({"KeyId": key_id}))
    asked = ("--principal", APP, "--operation", "Encrypt", "--request", f"@{request}")
    done = run("policy", "try", "--key-policy", str(policy), *asked)
    assert (done.exit_code, "edited: denied" in done.stdout) == (DENIED, True), done.output
    policy.write_text("forbid (")
    wrong = run("policy", "try", "--key-policy", str(policy), *asked)
    assert (wrong.exit_code, wrong.stderr.startswith("keyPolicy")) == (SETUP, True), wrong.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--principal", APP), "--principal and --operation belong together"),
        (("--request", "{}"), "--request belongs to --operation"),
        (("--principal", APP, "--operation", "Encrypt", "--request", '{"KeyID": "x"}'), "Encrypt has no field KeyID"),
        (("--principal", APP, "--operation", "Encrypt", "--request", "{"), "is no JSON"),
        (("--principal", APP, "--operation", "Encrpyt"), "Encrypt"),
        (("--policies", "nowhere.cedar"), "nowhere.cedar: No such file"),
    ],
)
def test_what_cannot_be_asked_is_a_wrong_use(run: Command, words: tuple[str, ...], told: str) -> None:
    done = run("policy", "try", *words)
    assert done.exit_code == USAGE, done.output
    assert told in done.output


def test_how_the_log_stands_is_told(run: Command, key_id: str) -> None:
    as_json = json.loads(run("audit", "describe", "--output", "json").stdout)
    (here,) = (each for each in as_json["streams"] if each["here"])
    assert here["open"]
    assert here["files"]["segments"] >= 1
    assert as_json["room"]["freeBytes"] > as_json["room"]["reserveBytes"] >= 0
    assert as_json["lookedAt"]
    told = run("audit", "describe")
    assert told.exit_code == OK, told.output
    assert here["stream"] in told.stdout
    assert "written here" in told.stdout


def test_the_example_of_the_page_runs(two_regions: Deployment, key_id: str, tmp_path: Path) -> None:
    (example,) = python_in("looking-back.md")
    done = run_python(two_regions, example, tmp_path, caller="auditor")
    assert done.returncode == 0, done.stderr
    assert "Encrypt" in done.stdout
    assert "records" in done.stdout
