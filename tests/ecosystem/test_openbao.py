"""OpenBao and Vault, unsealed by a Region: they start by themselves while their key may be used, and not otherwise."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.aws import access_key, kms, url
from tests.deployment import AWAY, HOME, Deployment
from tests.ecosystem.openbao import Seal, SealedServer
from tests.ecosystem.running import program

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]


@pytest.fixture(params=["openbao", "vault"])
def bao(request: pytest.FixtureRequest, two_regions: Deployment, tmp_path: Path) -> SealedServer:
    return SealedServer(program(request.param), tmp_path, access_key(two_regions, "developer"))


def in_region(regions: Deployment, region: str, key: str) -> Seal:
    return Seal(key, region, url(regions, region))


def kept(server: SealedServer) -> Any:
    return server.ask("GET", "secret/mine")["data"]["word"]


def fill(server: SealedServer) -> None:
    server.initialise()
    server.ask("POST", "sys/mounts/secret", type="kv")
    server.ask("POST", "secret/mine", word="mellon")


def test_it_unseals_itself_after_a_restart_and_after_a_rotation(two_regions: Deployment, bao: SealedServer) -> None:
    aws = kms(two_regions)
    key = aws.create_key()["KeyMetadata"]
    seal = in_region(two_regions, HOME, key["KeyId"])
    with bao.serving(seal):
        status = bao.status()
        assert status is not None
        assert (status["type"], status["initialized"], status["sealed"]) == ("awskms", False, True)
        fill(bao)
    with bao.serving(seal):
        bao.wait_unsealed()
        assert kept(bao) == "mellon"
    aws.rotate_key_on_demand(KeyId=key["KeyId"])
    two_regions.wait_until(lambda: len(aws.list_key_rotations(KeyId=key["KeyId"])["Rotations"]) == 1)
    with bao.serving(seal):
        bao.wait_unsealed()
        assert kept(bao) == "mellon"
    done = [record["eventName"] for record in two_regions.events_of(HOME, key["Arn"])]
    assert {"DescribeKey", "Encrypt", "Decrypt"} <= set(done)


def test_it_stays_closed_while_its_key_is_disabled(two_regions: Deployment, bao: SealedServer) -> None:
    aws = kms(two_regions)
    key = aws.create_key()["KeyMetadata"]["KeyId"]
    seal = in_region(two_regions, HOME, key)
    with bao.serving(seal):
        fill(bao)
    aws.disable_key(KeyId=key)
    with bao.serving(seal) as process:
        _stays_closed(bao, process)
    assert "DisabledException" in bao.log.read_text()
    aws.enable_key(KeyId=key)
    with bao.serving(seal):
        bao.wait_unsealed()
        assert kept(bao) == "mellon"


def _stays_closed(server: SealedServer, process: subprocess.Popen[bytes]) -> None:
    """It ends, or it answers that it is sealed and goes on trying."""
    if process.poll() is None:
        status = server.status()
        assert status is None or status["sealed"]


def test_another_region_unseals_it_where_its_own_is_lost(two_regions: Deployment, bao: SealedServer) -> None:
    here, there = kms(two_regions), kms(two_regions, AWAY)
    key = here.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    here.replicate_key(KeyId=key, ReplicaRegion=AWAY)
    two_regions.wait_until(lambda: there.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled")
    with bao.serving(in_region(two_regions, HOME, key)):
        fill(bao)
    with bao.serving(in_region(two_regions, AWAY, key)):
        bao.wait_unsealed()
        assert kept(bao) == "mellon"
