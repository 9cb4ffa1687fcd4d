"""Settings in both positions: a Region with its defaults does what one with narrow settings refuses, or the reverse."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from botocore.exceptions import ClientError
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.aws import kms
from tests.deployment import AWAY, HOME, NO_KEYS_READY, Deployment
from tests.openssl import bring, random_material
from tests.raw_calls import raw_call

from meridian.client import Client, errors
from meridian.client.connection import OneOfSeveral
from meridian.kms.v1 import types_pb2 as t

TIGHT = """
replica = "narrow"
uvloop = false
limits.tags_per_key = 1
limits.key_policy_bytes = 1000
limits.request_bytes = 9000
limits.usage_seconds = 0.2
limits.policy_look_seconds = 3600.0
limits.deletion_window_in_days_min = 10
limits.deletion_window_in_days_max = 20
limits.imported_material_days_max = 1
services = { "s3.amazonaws.com" = "111122223333/storage" }
"""
HASTY = "limits.deadline_seconds_default = 0.0\nlimits.deadline_seconds_max = 20.0\nlimits.import_key_wait_seconds = 0.0\n"

READY = NO_KEYS_READY.removeprefix("limits.")
CHANGED = {
    HOME: [("[grpc]", "[grpc]\nping_seconds_min = 3600.0")],
    AWAY: [("reflection = true", "reflection = false"), (READY, "import_keys_ready = { RSA_4096 = 1 }")],
}
"""What is another than in the settings of `meridian dev`."""


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """HOME with narrow settings, AWAY without patience."""
    deployment = Deployment(tmp_path_factory.mktemp("tight"), [HOME, AWAY]).prepare()
    for region, added in ((HOME, TIGHT), (AWAY, HASTY)):
        settings = deployment.place(region).settings
        text = settings.read_text()
        for before, after in CHANGED[region]:
            assert before in text
            text = text.replace(before, after)
        settings.write_text(added + text)
    with deployment.serving():
        yield deployment


def tag(client: Client, folder: Path) -> None:
    key_id = client.create_key().key_metadata.key_id
    for name in ("a", "b"):
        client.tag_resource(key_id=key_id, tags=[t.Tag(tag_key=name, tag_value="")])


def put_long_policy(client: Client, folder: Path) -> None:
    key_id = client.create_key().key_metadata.key_id
    text = '@id("p") @layer("key") @reason("r") permit (principal in KMS::Account::"111122223333", action, resource);'
    client.put_key_policy(key_id=key_id, policy=f"{text}//{'x' * 2000}")


def send_large(client: Client, folder: Path) -> None:
    key_id = client.create_key().key_metadata.key_id
    context = {f"{number}": "x" * 200 for number in range(35)}
    client.encrypt(key_id=key_id, plaintext=b"x" * 4096, encryption_context=context)


def delete_in(days: int) -> Callable[[Client, Path], None]:
    def act(client: Client, folder: Path) -> None:
        client.schedule_key_deletion(key_id=client.create_key().key_metadata.key_id, pending_window_in_days=days)

    return act


def import_for_two_days(client: Client, folder: Path) -> None:
    key_id = client.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
    model = t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_EXPIRES
    bring(client, folder, key_id, random_material(), valid_to=datetime.now(UTC) + timedelta(days=2), expiration_model=model)


REFUSED: dict[str, Callable[[Client, Path], None]] = {
    "limits.tags_per_key": tag,
    "limits.key_policy_bytes": put_long_policy,
    "limits.request_bytes": send_large,
    "limits.deletion_window_in_days_min": delete_in(7),
    "limits.deletion_window_in_days_max": delete_in(30),
    "limits.imported_material_days_max": import_for_two_days,
}
"""What a Region with its defaults does and a narrow one refuses."""


@pytest.mark.parametrize("name", REFUSED)
def test_a_limit_refuses_what_its_default_allows(name: str, tight: Deployment, two_regions: Deployment, tmp_path: Path) -> None:
    with two_regions.client(HOME, "developer") as wide:
        REFUSED[name](wide, tmp_path)
    with tight.client(HOME, "developer") as narrow, pytest.raises(errors.KmsServiceError) as refused:
        REFUSED[name](narrow, tmp_path)
    assert refused.value.code not in ("DependencyTimeoutException", "KMSInternalException", "AccessDeniedException")


def test_a_deadline_of_nothing_refuses_those_who_name_none(tight: Deployment) -> None:
    """`deadline_seconds_default` is for callers without a deadline; it is not what is left to one who has named his."""
    place = tight.place(AWAY)
    endpoint = tight.endpoint(AWAY, "developer")
    credentials = grpc.ssl_channel_credentials(*(p.read_bytes() for p in (endpoint.ca, endpoint.private_key, endpoint.certificate)))
    with grpc.secure_channel(f"127.0.0.1:{place.grpc_port}", credentials) as channel:
        list_keys = raw_call(channel, "/meridian.kms.v1.KeysService/ListKeys")
        assert list_keys(b"", timeout=15) is not None
        with pytest.raises(grpc.RpcError):
            list_keys(b"")


def test_the_longest_deadline_cuts_what_callers_name(own_regions: Deployment) -> None:
    settings = own_regions.place(HOME).settings
    settings.write_text("limits.deadline_seconds_max = 0.0\n" + settings.read_text())
    own_regions.start(HOME)
    with own_regions.client() as alice, pytest.raises(errors.DependencyTimeoutException):
        alice.list_keys(timeout=15)


@pytest.mark.deep
def test_nobody_waits_for_a_wrapping_key_where_the_wait_is_nothing(tight: Deployment) -> None:
    """`import_key_wait_seconds`; and `import_keys_ready` says how many are taken at once without a wait."""
    endpoint = tight.endpoint(AWAY, "developer")
    asked_once = OneOfSeveral(endpoint.target, endpoint.ca, endpoint.certificate, endpoint.private_key)  # while gRPC repeats, one is made
    with Client(asked_once) as hasty:
        key_id = hasty.create_key(origin=t.ORIGIN_TYPE_EXTERNAL, timeout=15).key_metadata.key_id
        fields: dict[str, Any] = {"key_id": key_id, "wrapping_algorithm": t.ALGORITHM_SPEC_RSAES_OAEP_SHA_256, "timeout": 15}
        with pytest.raises(errors.DependencyTimeoutException, match="wrapping key"):
            for _ in range(50):
                hasty.get_parameters_for_import(wrapping_key_spec=t.WRAPPING_KEY_SPEC_RSA_4096, **fields)
    with tight.client(HOME, "developer") as patient:
        fields["key_id"] = patient.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        for _ in range(3):
            patient.get_parameters_for_import(wrapping_key_spec=t.WRAPPING_KEY_SPEC_RSA_2048, **fields)


def used_within(deployment: Deployment, seconds: float) -> bool:
    with deployment.client(HOME, "developer") as client:
        key_id = client.create_key().key_metadata.key_id
        client.encrypt(key_id=key_id, plaintext=b"x")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if client.get_key_last_usage(key_id=key_id).HasField("key_last_usage"):
                return True
            time.sleep(0.1)
    return False


def test_the_last_use_is_written_as_often_as_usage_seconds_says(tight: Deployment, two_regions: Deployment) -> None:
    assert used_within(tight, 15)


def test_policies_are_looked_at_as_often_as_policy_look_seconds_says(tight: Deployment) -> None:
    """HOME looks once an hour, AWAY each second, at one and the same folder."""
    extra = tight.root / "policies" / "extra.cedar"
    before = tight.metrics(HOME)['meridian_policy_reloads_total{outcome="taken"}']
    extra.write_text('@id("guardrail.x") @layer("guardrail") @reason("x") forbid (principal, action == KMS::Action::"Sign", resource);\n')
    try:
        tight.wait_until(lambda: tight.metrics(AWAY)['meridian_policy_reloads_total{outcome="taken"}'] == 1)
        assert tight.metrics(HOME)['meridian_policy_reloads_total{outcome="taken"}'] == before
    finally:
        extra.unlink()


def services(deployment: Deployment, region: str) -> list[str]:
    endpoint = deployment.endpoint(region, "developer")
    credentials = grpc.ssl_channel_credentials(*(p.read_bytes() for p in (endpoint.ca, endpoint.private_key, endpoint.certificate)))
    with grpc.secure_channel(endpoint.target, credentials) as channel:
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        answer = next(iter(reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(asked, timeout=10)))
        return [service.name for service in answer.list_services_response.service]


def test_reflection_is_there_where_it_is_switched_on(tight: Deployment) -> None:
    assert "meridian.kms.v1.KeysService" in services(tight, HOME)
    with pytest.raises(grpc.RpcError) as refused:
        services(tight, AWAY)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def states_under_pings(deployment: Deployment, region: str) -> list[str]:
    """What becomes of a connection without a call whose client asks every 0.7 s whether it lives."""
    endpoint = deployment.endpoint(region, "developer")
    options = [("grpc.keepalive_time_ms", 700), ("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.max_pings_without_data", 0)]
    seen: list[str] = []
    with grpc.secure_channel(endpoint.target, endpoint.credentials, options) as channel:
        grpc.channel_ready_future(channel).result(timeout=10)
        channel.subscribe(lambda state: seen.append(state.name))
        until = time.monotonic() + 4
        while time.monotonic() < until and "IDLE" not in seen:
            time.sleep(0.1)
    return seen


def test_who_asks_too_often_whether_his_connection_lives_is_sent_away(tight: Deployment) -> None:
    assert "IDLE" in states_under_pings(tight, HOME)  # ping_seconds_min = 3600
    assert states_under_pings(tight, AWAY) == ["READY"]


def test_uvloop_is_loaded_where_it_is_wanted(tight: Deployment) -> None:
    loaded = {region: "uvloop" in Path(f"/proc/{tight.processes[region].pid}/maps").read_text() for region in (HOME, AWAY)}
    assert loaded == {HOME: False, AWAY: True}


def test_records_name_the_replica(tight: Deployment) -> None:
    with tight.client(HOME) as alice:
        alice.list_keys()
    assert {r["meridian"].get("replica") for r in tight.audit(HOME) if r["eventName"] == "ListKeys"} == {"narrow"}
    with tight.client(AWAY) as alice:
        alice.list_keys(timeout=15)
    assert {r["meridian"].get("replica") for r in tight.audit(AWAY) if r["eventName"] == "ListKeys"} >= {"replica-1"}


def test_a_service_of_aws_is_the_one_that_services_names(tight: Deployment, two_regions: Deployment) -> None:
    root = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}
    service = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "kms:Decrypt", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [root, service]})
    assert kms(tight).create_key(Policy=document)["KeyMetadata"]["Enabled"]
    with pytest.raises(ClientError, match="MalformedPolicyDocument"):
        kms(two_regions).create_key(Policy=document)


def test_a_region_acts_for_the_accounts_it_was_given(own_regions: Deployment, two_regions: Deployment) -> None:
    settings = own_regions.place(AWAY).settings
    settings.write_text(settings.read_text().replace('accounts = ["111122223333", "444455556666"]', 'accounts = ["444455556666"]'))
    own_regions.start()
    for regions, is_given in ((two_regions, True), (own_regions, False)):
        with regions.client() as alice:
            key_id = alice.create_key(multi_region=True).key_metadata.key_id
            refusal = pytest.raises(errors.AccessDeniedException, match="may not act for this account")
            with contextlib.nullcontext() if is_given else refusal:
                alice.replicate_key(key_id=key_id, replica_region=AWAY)


def attempt(deployment: Deployment) -> str:
    """What a Region that cannot start says."""
    command = [sys.executable, "-m", "meridian", "serve", "--config", str(deployment.place(HOME).settings), "--allow-file-seal"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3, done.stderr
    return done.stderr


@pytest.mark.deep
def test_a_fault_at_start_names_the_setting_and_the_place(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "d", [HOME]).prepare()
    place = deployment.place(HOME)
    right = place.settings.read_text()
    file = tmp_path / "a-file"
    file.write_text("x")
    for old, new, told in (
        (f'directory = "{place.folder}/audit"', f'directory = "{file}"', f"audit.directory: .*{file}"),
        (f'"sqlite:///{place.folder}/region.sqlite3"', f'"sqlite:///{file}/db"', f"database: sqlite.*{file}/db cannot be used"),
        (f'"{place.folder}/server.key"', f'"{file}"', f"grpc.tls: {file}: mode 0644 is looser than"),
        (f'"{place.folder}/peer.crt"', f'"{file}"', f"peer.tls: {file}: holds no certificate"),
        (f'principals = "{deployment.root}/principals.toml"', f'principals = "{file}"', f"principals: {file}: "),
        (f'policies = "{deployment.root}/policies"', f'policies = "{tmp_path}/none"', f"policies: {tmp_path}/none: no such folder"),
        (
            f'region = "{HOME}"',
            f'region = "{AWAY}"',
            f"region: the database belongs to region {HOME}, the settings say {AWAY}; it is sqlite.*{place.folder}",
        ),
        ("development = true", f'development = true\ndenied_spiffe_ids = "{file}"', f"denied_spiffe_ids: {file}: line 1"),
    ):
        assert old in right
        place.settings.write_text(right.replace(old, new))
        assert re.search(told, attempt(deployment))
    place.settings.write_text(right)
    with socket.create_server(("127.0.0.1", place.admin_port)):
        assert f"admin.listen: cannot listen on 127.0.0.1:{place.admin_port}: Address already in use" in attempt(deployment)
    with socket.create_server(("127.0.0.1", place.peer_port)):
        assert f"peer.listen: cannot listen on 127.0.0.1:{place.peer_port}: Address already in use" in attempt(deployment)
    with socket.create_server(("127.0.0.1", place.grpc_port)):
        assert f"grpc.listen: cannot listen on 127.0.0.1:{place.grpc_port}: Address already in use" in attempt(deployment)
    assert list((place.folder / "audit").iterdir()) == [], "a start that could not listen has begun no stream"
    with contextlib.closing(sqlite3.connect(place.folder / "region.sqlite3")) as database:
        assert database.execute("select count(*) from audit_streams").fetchone() == (0,)
    with contextlib.closing(sqlite3.connect(place.folder / "region.sqlite3")) as database, database:
        database.execute("update alembic_version set version_num = '9999_of_tomorrow'")
    told = attempt(deployment)
    assert "database: the database is at revision 9999_of_tomorrow, which a newer release has made" in told
    assert '"security_event": "DatabaseAhead"' in told
    migrate = [sys.executable, "-m", "meridian", "migrate", "--config", str(place.settings)]
    refused = subprocess.run(migrate, capture_output=True, text=True, check=False, timeout=60)
    assert (refused.returncode, "newer release" in refused.stderr) == (3, True)


@pytest.mark.deep
def test_no_command_but_init_makes_a_database(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "d", [HOME]).prepare()
    place = deployment.place(HOME)
    for each in place.folder.glob("region.sqlite3*"):
        each.unlink()
    config = ["--config", str(place.settings)]
    for words in (
        ["serve", *config, "--allow-file-seal"],
        ["migrate", *config],
        ["region", "restored", *config],
        ["region", "rotate-kek", *config],
        ["region", "audit-keys", *config],
        ["outbox", "list", *config],
        ["audit", "verify", "--against-db", *config],
    ):
        done = subprocess.run([sys.executable, "-m", "meridian", *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 3, (words, done.stderr)
        assert f"no database at {place.folder}/region.sqlite3: run `meridian region init`" in done.stderr, words
        assert list(place.folder.glob("region.sqlite3*")) == [], words
