"""`--wait`: the command ends when the effect is there, on real Regions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.deployment import AWAY, HOME, Deployment
from tests.unit.cli.test_every_file_option import commands

from meridian.cli.exit_codes import OK, UNAVAILABLE, USAGE
from meridian.cli.main import main
from meridian.cli.wait_options import WAITED
from meridian.cli.waits import WAITS
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t


def run(regions: Deployment, *arguments: str, caller: str = "alice", away: bool = True) -> Result:
    endpoint = regions.endpoint(HOME, caller)
    environment = {
        "MERIDIAN_ENDPOINT": endpoint.target,
        "MERIDIAN_CA": str(endpoint.ca),
        "MERIDIAN_CERTIFICATE": str(endpoint.certificate),
        "MERIDIAN_PRIVATE_KEY": str(endpoint.private_key),
        "MERIDIAN_ENDPOINT_EU_WEST_1": regions.endpoint(AWAY, caller).target if away else "",
    }
    return CliRunner().invoke(main, ["kms", *arguments], env=environment)


def state(regions: Deployment, region: str, key_id: str) -> Any:
    with regions.client(region) as alice:
        return alice.describe_key(key_id=key_id).key_metadata


def test_a_replica_works_when_the_command_ends_and_so_does_a_new_primary(two_regions: Deployment) -> None:
    with two_regions.client() as alice:
        key = alice.create_key(multi_region=True).key_metadata
    refused = run(two_regions, "replicate-key", "--key-id", key.key_id, "--replica-region", AWAY, "--wait", away=False)
    assert refused.exit_code == USAGE
    assert "say in MERIDIAN_ENDPOINT_EU_WEST_1 where that is" in refused.stderr
    assert list(state(two_regions, HOME, key.key_id).multi_region_configuration.replica_keys) == [], "nothing was changed"
    done = run(two_regions, "replicate-key", "--key-id", key.arn, "--replica-region", AWAY, "--wait")
    assert done.exit_code == OK, done.output
    assert json.loads(done.stdout)["ReplicaKeyMetadata"]["KeyId"] == key.key_id, "the answer is the operation's own"
    assert state(two_regions, AWAY, key.key_id).key_state == t.KEY_STATE_ENABLED
    done = run(two_regions, "update-primary-region", "--key-id", key.key_id, "--primary-region", AWAY, "--wait")
    assert done.exit_code == OK, done.output
    there = state(two_regions, HOME, key.key_id)
    assert there.key_state == t.KEY_STATE_ENABLED
    assert there.multi_region_configuration.primary_key.region == AWAY


def test_a_rotation_is_there_and_one_that_takes_too_long_is_told(two_regions: Deployment) -> None:
    with two_regions.client() as alice:
        key = alice.create_key().key_metadata
    done = run(two_regions, "rotate-key-on-demand", "--key-id", key.key_id, "--wait")
    assert done.exit_code == OK, done.output
    assert state(two_regions, HOME, key.key_id).current_key_material_id != key.current_key_material_id
    late = run(two_regions, "update-primary-region", "--key-id", key.key_id, "--primary-region", AWAY, "--wait")
    assert late.exit_code not in (OK, UNAVAILABLE), "a refusal of the call is the call's"


def test_the_options_are_those_of_the_waits() -> None:
    assert set(WAITS) == WAITED
    fields = {"key_id": "K", "replica_region": "R", "custom_key_store_id": "S"}
    assert all(wait.what.format(**fields) for wait in WAITS.values())
    options = {" ".join(path): {each.name for each in command.params} for path, command in commands(main)}
    with_option = {rpc.name for rpc in rpcs().values() if "wait" in options[f"kms {rpc.method_name.replace('_', '-')}"]}
    assert with_option == WAITED


@pytest.mark.parametrize("wait", ["--wait-seconds"])
def test_seconds_are_a_number_above_nothing(two_regions: Deployment, wait: str) -> None:
    assert run(two_regions, "rotate-key-on-demand", "--key-id", "x", "--wait", wait, "0").exit_code == USAGE
