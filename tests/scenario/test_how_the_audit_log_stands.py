"""DescribeAudit: how a Region's audit log stands, told to those whom a policy names for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.deployment import HOME, Deployment
from tests.several import Several

from meridian.audit.keys import AuditKeys
from meridian.audit.segments import segments_in
from meridian.client import KmsServiceError


def described(deployment: Deployment) -> Any:
    with deployment.client(HOME, "auditor") as auditor:
        return auditor.describe_audit()


def verify(deployment: Deployment, *directories: Path) -> int:
    command = [sys.executable, "-m", "meridian", "audit", "verify", "--against-db", "--config", str(deployment.place(HOME).settings)]
    return subprocess.run([*command, *map(str, directories)], capture_output=True, timeout=60, check=False).returncode


def test_streams_digests_room_and_the_last_verification(two_regions: Deployment) -> None:
    directory = two_regions.place(HOME).folder / "audit"
    told = described(two_regions)
    (own,) = [each for each in told.streams if each.here]
    assert own.open
    assert own.files.segments >= 1
    assert own.files.HasField("last_record_at")
    keys = AuditKeys.from_json((directory / "audit-keys.json").read_bytes())
    number = own.files.last_digest.audit_key
    assert own.files.last_digest.fingerprint == next(each.fingerprint for each in keys.keys if each.number == number)
    assert told.signed_until == own.files.last_digest.signed_at
    assert (told.whole, list(told.sinks), told.registered) == (True, [], len(told.streams))
    assert told.room.free_bytes > 0
    assert verify(two_regions) in (0, 9)
    after = described(two_regions)
    last = after.last_verification
    assert last.verdict in ("clean", "consistent", "incomplete")
    assert last.records > 0
    assert last.verified_at.ToDatetime() > own.opened_at.ToDatetime()
    two_regions.wait_until(
        lambda: next(each.registered_records for each in described(two_regions).streams if each.here) > own.registered_records
    )


@pytest.mark.parametrize("caller", ["alice", "app", "developer", "bob", "developer-abroad"])
def test_a_permit_for_everything_in_an_account_is_none_for_the_log_of_all(two_regions: Deployment, caller: str) -> None:
    with two_regions.client(HOME, caller) as client, pytest.raises(KmsServiceError) as refused:
        client.describe_audit()
    assert refused.value.code == "AccessDeniedException"


@pytest.fixture
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    deployment = Deployment(tmp_path_factory.mktemp("standing"), [HOME]).prepare()
    try:
        yield Several(deployment, 2)
    finally:
        deployment.stop_all()


@pytest.mark.deep
def test_each_of_several_processes_sees_the_files_of_all_and_a_cut_log_is_told(several: Several, tmp_path: Path) -> None:
    several.start()
    told = described(several.deployment)
    assert [each.open and each.files.segments for each in told.streams] == [1, 1]
    assert [each.here for each in told.streams].count(True) == 1
    assert not told.HasField("last_verification")
    assert told.HasField("signed_until")
    several.deployment.stop(HOME)
    copies = [tmp_path / str(number) for number in (1, 2)]
    for number, copy in enumerate(copies, 1):
        shutil.copytree(several.directory(number), copy)
    (segment,) = segments_in(copies[0], "*")
    segment.write_bytes(segment.read_bytes().replace(b"StreamOpen", b"StreamOpem"))
    assert verify(several.deployment, *copies) == 1
    several.start()
    last = described(several.deployment).last_verification
    assert (last.verdict, last.findings >= 1) == ("tampered", True)
    several.deployment.stop(HOME)
    verify(several.deployment)
    several.start()
    assert described(several.deployment).last_verification.verdict in ("clean", "consistent")
