"""Whoever is known to a Region learns as whom, over gRPC and on the command line, and nobody else learns anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment

from meridian.client import Client, errors

ARN = "arn:aws:iam::111122223333"


def whoami(deployment: Deployment, *options: str, caller: str = "tenant-a") -> subprocess.CompletedProcess[bytes]:
    endpoint = deployment.endpoint(HOME, caller)
    place = ["--endpoint", endpoint.target, "--ca", str(endpoint.ca), "--certificate", str(endpoint.certificate)]
    command = [sys.executable, "-m", "meridian", "whoami", *place, "--private-key", str(endpoint.private_key), *options]
    own = {name: value for name, value in os.environ.items() if not name.startswith("MERIDIAN_")}
    return subprocess.run(command, capture_output=True, timeout=60, check=False, env=own)


def test_a_certificate_says_who_and_until_when(two_regions: Deployment) -> None:
    with two_regions.client(caller="tenant-a") as client:
        who = client.who_am_i()
    assert (who.arn, who.account, who.kind, who.name) == (f"{ARN}:service/tenant-a", "111122223333", "Service", "tenant-a")
    assert ([(tag.key, tag.value) for tag in who.tags], list(who.groups)) == ([("tenant", "a")], [])
    assert (who.method, who.subject) == ("client_certificate", "spiffe://dev.meridian.internal/111122223333/tenant-a")
    assert who.HasField("expires_at")
    assert (who.region, who.session_name) == (HOME, "")
    (record,) = [each for each in two_regions.audit(HOME) if each["eventName"] == "WhoAmI"][-1:]
    assert (record["userIdentity"]["arn"], record["readOnly"], record["eventSource"]) == (who.arn, True, "kms.amazonaws.com")


def test_a_token_says_who(two_regions: Deployment) -> None:
    token = (two_regions.root / "clients" / "auditor.token").read_text().strip()
    with Client(two_regions.endpoint(HOME, "transport", token)) as client:
        who = client.who_am_i()
    assert (who.arn, list(who.groups), who.method) == (f"{ARN}:user/auditor", ["auditors"], "bearer_token")
    assert not who.HasField("expires_at")


def test_nobody_learns_nothing(two_regions: Deployment) -> None:
    with Client(two_regions.endpoint(HOME, "transport")) as client, pytest.raises(errors.MissingAuthenticationTokenException):
        client.who_am_i()


def test_the_command_line_says_it(two_regions: Deployment, tmp_path: Path) -> None:
    told = whoami(two_regions, "--output", "json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["Arn"] == f"{ARN}:service/tenant-a"
    assert whoami(two_regions, "--field", "Arn").stdout.decode().strip() == f"{ARN}:service/tenant-a"
    assert b"tenant-a" in whoami(two_regions, "-o", "table").stdout
    out = tmp_path / "out"
    assert whoami(two_regions, "--field", "Subject", "--out", str(out), "--base64", "--timeout", "20").returncode == 0
    assert out.read_text().startswith("spiffe://")
    assert whoami(two_regions, "--timeout", "0.0001").returncode == 8
    refused = whoami(two_regions, caller="transport")
    assert (refused.returncode, b"MissingAuthenticationToken" in refused.stderr) == (4, True)
