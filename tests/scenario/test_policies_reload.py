"""Policy files of a serving Region: a change counts within seconds, a fault never does, and both are told."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment

from meridian.cli.region_place import HOST
from meridian.client import errors

FORBID = '@id("guardrail.closed") @layer("guardrail") @reason("closed") forbid (principal, action == KMS::Action::"Encrypt", resource);\n'
BROKEN = '@id("guardrail.closed") @layer("guardrail") @reason("closed") forbid (principal, action == KMS::Action::"Encrpyt", resource);\n'


@pytest.fixture
def region(own_regions: Deployment) -> Deployment:
    own_regions.start(HOME)
    return own_regions


def encrypts(region: Deployment, key_id: str) -> bool:
    with region.client(HOME, "app") as app:
        try:
            app.encrypt(key_id=key_id, plaintext=b"x")
        except errors.AccessDeniedException:
            return False
        return True


def new_key(region: Deployment) -> str:
    with region.client() as alice:
        return str(alice.create_key().key_metadata.key_id)


def digests(region: Deployment) -> list[str]:
    return [name for name in region.metrics(HOME) if name.startswith("meridian_policy_set_info")]


def changes(region: Deployment) -> list[int]:
    """How many policies each set had that came into force, as the audit log has it."""
    return [r["serviceEventDetails"]["policies"] for r in region.audit(HOME) if r["eventName"] == "PolicySetChange"]


def test_a_changed_file_counts_within_seconds_and_ends_what_was_remembered(region: Deployment) -> None:
    key_id = new_key(region)
    before = digests(region)
    assert all(encrypts(region, key_id) for _ in range(3)), "remembered by now"
    extra = region.root / "policies" / "extra.cedar"
    extra.write_text(FORBID)
    written = time.time()
    region.wait_until(lambda: not encrypts(region, key_id))
    assert digests(region) != before
    assert region.metrics(HOME)["meridian_policy_set_age_seconds"] <= time.time() - written
    extra.unlink()
    region.wait_until(lambda: encrypts(region, key_id))
    assert digests(region) == before
    assert changes(region) == [18, 17]


def test_a_fault_keeps_the_old_set_and_is_told_in_metrics_log_and_answer(region: Deployment) -> None:
    key_id, before = new_key(region), digests(region)
    extra = region.root / "policies" / "extra.cedar"
    extra.write_text(BROKEN)
    region.wait_until(lambda: region.metrics(HOME)['meridian_policy_reloads_total{outcome="refused"}'] == 1)
    assert region.metrics(HOME)["meridian_policy_set_refused"] == 1
    assert digests(region) == before
    assert encrypts(region, key_id)
    with urllib.request.urlopen(f"http://{HOST}:{region.place(HOME).admin_port}/readyz", timeout=5) as ready:
        assert ready.status == 200, "calls are decided as before, and no balancer takes the Region away"
    log = (region.place(HOME).folder / "log").read_text()
    assert re.search(r"extra\.cedar:1:\d+: guardrail\.closed", log)
    with region.client(HOME, "auditor") as auditor:
        told = auditor.describe_policy_set()
    assert told.HasField("refused_at")
    assert re.match(r"extra\.cedar:1:\d+: guardrail\.closed", told.faults[0])
    extra.write_text(FORBID)
    region.wait_until(lambda: not encrypts(region, key_id))
    assert region.metrics(HOME)["meridian_policy_set_refused"] == 0
    with region.client(HOME, "auditor") as auditor:
        assert not auditor.describe_policy_set().HasField("refused_at")


def test_an_empty_folder_is_no_policy_set(region: Deployment) -> None:
    key_id = new_key(region)
    for path in (region.root / "policies").glob("*.cedar"):
        path.unlink()
    region.wait_until(lambda: region.metrics(HOME)["meridian_policy_set_refused"] == 1)
    assert encrypts(region, key_id)


@pytest.mark.deep
def test_a_mounted_config_map_is_followed_through_its_links(own_regions: Deployment) -> None:
    """Kubernetes: `..data` leads to a folder of a version, files lead through `..data`, and an update swaps `..data`."""
    folder, version = own_regions.root / "policies", own_regions.root / "version-1"
    folder.rename(version)
    folder.mkdir()
    (folder / "..data").symlink_to(version)
    for path in version.glob("*.cedar"):
        (folder / path.name).symlink_to(Path("..data") / path.name)
    own_regions.start(HOME)
    key_id = new_key(own_regions)
    assert encrypts(own_regions, key_id)
    new = own_regions.root / "version-2"
    new.mkdir()
    for path in version.glob("*.cedar"):
        (new / path.name).write_text(path.read_text() + (FORBID if path.name == "lockout.cedar" else ""))
    (folder / "..data_tmp").symlink_to(new)
    os.replace(folder / "..data_tmp", folder / "..data")
    own_regions.wait_until(lambda: not encrypts(own_regions, key_id))


@pytest.mark.deep
def test_files_that_are_still_being_written_are_not_taken_half(region: Deployment) -> None:
    extra = region.root / "policies" / "extra.cedar"
    with extra.open("w") as file:
        for number in range(60):
            file.write(FORBID.replace("guardrail.closed", f"guardrail.closed-{number}"))
            file.flush()
            time.sleep(0.04)
    region.wait_until(lambda: changes(region))
    assert changes(region) == [17 + 60], "no state in between was ever in force"


@pytest.mark.deep
def test_what_cannot_be_read_is_told_once_and_taken_as_soon_as_it_can(region: Deployment) -> None:
    extra = region.root / "policies" / "extra.cedar"
    extra.mkdir()
    region.wait_until(lambda: region.metrics(HOME)["meridian_policy_set_refused"] == 1)
    time.sleep(2.5)
    assert region.metrics(HOME)['meridian_policy_reloads_total{outcome="refused"}'] == 1
    told = [line for line in (region.place(HOME).folder / "log").read_text().splitlines() if "policies refused" in line]
    assert len(told) == 1
    assert f'["{extra}: is a folder"]' in told[0]
    extra.rmdir()
    extra.write_bytes(b"\xff")
    region.wait_until(lambda: region.metrics(HOME)['meridian_policy_reloads_total{outcome="refused"}'] == 2)
    assert "extra.cedar: is no UTF-8 text" in (region.place(HOME).folder / "log").read_text()
    extra.unlink()
    region.wait_until(lambda: region.metrics(HOME)["meridian_policy_set_refused"] == 0)
    assert changes(region) == [], "the files say again what is in force"


def test_what_is_wrong_in_the_policies_of_an_account_is_told_in_that_account(region: Deployment) -> None:
    broken = '@id("account.444455556666.merger") @layer("account") permit (principal, action, resource in KMS::Account::"444455556666");\n'
    (region.root / "policies" / "extra.cedar").write_text(broken)
    region.wait_until(lambda: region.metrics(HOME)["meridian_policy_set_refused"] == 1)
    with region.client(HOME, "bob") as bob:
        assert list(bob.describe_policy_set().faults) == ["extra.cedar:1: account.444455556666.merger: @reason is missing"]
    with region.client(HOME, "auditor") as auditor:
        assert list(auditor.describe_policy_set().faults) == ["policies of other accounts are refused"]


def test_the_command_tells_what_is_in_force(region: Deployment) -> None:
    from click.testing import CliRunner

    from meridian.cli.main import main

    endpoint = region.endpoint(HOME, "auditor")
    environment = {
        "MERIDIAN_ENDPOINT": endpoint.target,
        "MERIDIAN_CA": str(endpoint.ca),
        "MERIDIAN_CERTIFICATE": str(endpoint.certificate),
        "MERIDIAN_PRIVATE_KEY": str(endpoint.private_key),
    }
    told = json.loads(CliRunner().invoke(main, ["policy", "describe-set", "-o", "json"], env=environment).stdout)
    files = [path.read_text() for path in (region.root / "policies").glob("*.cedar") if "444455556666" not in path.name]
    layers = Counter(re.findall(r'^@layer\("(\w+)"\)', "\n".join(files), re.MULTILINE))
    assert told["layers"] == layers, "without those of the other account"
    assert len(told["policies"]) == layers.total()
    assert any(f'digest="{told["digest"]}"' in name for name in region.metrics(HOME))
