"""Certificates, authorities, principals and the deny list of Regions that serve: changed files count within a second, broken ones never."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from botocore.exceptions import ClientError
from tests.aws import kms
from tests.deployment import AWAY, HOME, Deployment
from tests.raw_calls import raw_call

from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST
from meridian.client import Client, errors
from meridian.crypto.certificates import CertificateFiles, new_authority, new_leaf

pytestmark = pytest.mark.deep

REFUSED_SECONDS = 1.0
PATIENCE_SECONDS = 20.0


def authority(deployment: Deployment, name: str = "client-ca") -> CertificateFiles:
    return CertificateFiles((deployment.root / f"{name}.crt").read_bytes(), (deployment.root / f"{name}.key").read_bytes())


def write_pair(path: Path, files: CertificateFiles) -> None:
    write_private(path.with_suffix(".key"), files.private_key)
    write_private(path.with_suffix(".crt"), files.certificate)


def without(text: str, name: str) -> str:
    """The principals file without one principal."""
    parts = text.split("[[principals]]")
    return "[[principals]]".join(part for part in parts if f'name = "{name}"' not in part)


def seconds_until(reached: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < PATIENCE_SECONDS, "never"
        time.sleep(0.02)
    return time.monotonic() - began


def is_refused(client: Client) -> bool:
    """Whether the Region says that it does not know the caller; what he may do is another question."""
    try:
        client.generate_random(number_of_bytes=1, timeout=5)
    except errors.UnrecognizedClientException:
        return True
    except errors.AccessDeniedException:
        return False
    return False


def aws_refused(client: Any) -> bool:
    try:
        client.generate_random(NumberOfBytes=1)
    except ClientError as fault:
        return bool(fault.response["Error"]["Code"] == "UnrecognizedClientException")
    return False


def reloads(deployment: Deployment, files: str, outcome: str) -> float:
    return deployment.metrics(HOME)[f'meridian_identity_reloads_total{{files="{files}",outcome="{outcome}"}}']


def shows_another(deployment: Deployment, port: int, before: bytes) -> bool:
    return fingerprint(port, deployment) != before


def fingerprint(port: int, deployment: Deployment, *, caller: str | None = "alice") -> bytes:
    """The certificate that a listener shows to a new connection, DER."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if caller is not None:
        clients = deployment.root / "clients"
        context.load_cert_chain(clients / f"{caller}.crt", clients / f"{caller}.key")
    context.set_alpn_protocols(["h2"])
    with socket.create_connection((HOST, port), timeout=5) as raw, context.wrap_socket(raw) as connection:
        shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    return shown


@pytest.fixture
def region(own_regions: Deployment) -> Deployment:
    own_regions.start(HOME)
    return own_regions


def test_a_removed_principal_is_refused_on_both_wires_within_a_second_on_connections_that_exist(region: Deployment) -> None:
    path = region.root / "principals.toml"
    text = path.read_text()
    wire = kms(region)
    with region.client(HOME, "developer") as client, region.client() as alice:
        took = []
        for _ in range(3):  # one of them is in time however busy the machine is
            assert not is_refused(client)
            assert not aws_refused(wire)
            write_private(path, without(text, "developer").encode())
            took.append(seconds_until(lambda: is_refused(client) and aws_refused(wire)))
            assert not is_refused(alice), "others go on"
            write_private(path, text.encode())
            seconds_until(lambda: not is_refused(client) and not aws_refused(wire))
    assert min(took) < REFUSED_SECONDS
    region.wait_until(lambda: [r for r in region.audit(HOME) if r["eventName"] == "IdentityFilesChanged"])


def test_a_removed_access_key_is_refused_and_a_new_secret_is_the_one_that_signs(region: Deployment) -> None:
    path, secret = region.root / "principals.toml", region.root / "clients" / "developer.secret-access-key"
    text = path.read_text()
    old = kms(region)
    assert not aws_refused(old)
    write_private(secret, b"another-secret-another-secret-another-00\n")

    def signature_fails() -> bool:
        with contextlib.suppress(ClientError):
            old.generate_random(NumberOfBytes=1)
            return False
        return True

    seconds_until(signature_fails)
    new = kms(region)
    assert not aws_refused(new)
    key_id = (region.root / "clients" / "developer.access-key-id").read_text().strip()
    fewer = re.sub(rf'access_key_id = "{key_id}"\nsecret_access_key_file = "[^"]*"\n', "", text)
    assert fewer != text
    write_private(path, fewer.encode())
    seconds_until(lambda: aws_refused(new))
    with region.client(HOME, "developer") as client:
        assert not is_refused(client), "the certificate of the same principal goes on"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("[[principals]\n", "principals.toml"),
        ('[[principals]]\nkind = "Useless"\naccount = "1"\nname = "x"\n', "kind must be one of"),
        (
            '[[principals]]\nkind = "User"\naccount = "111122223333"\nname = "x"\ngroups = "all"\nspiffe_id = "spiffe://x"\n',
            "groups must be",
        ),
    ],
)
def test_a_broken_principals_file_keeps_the_old_one_and_is_told(region: Deployment, broken: str, told: str) -> None:
    path = region.root / "principals.toml"
    with region.client() as alice:
        write_private(path, broken.encode())
        region.wait_until(lambda: reloads(region, "principals", "refused") >= 1)
        assert region.metrics(HOME)['meridian_identity_files_refused{files="principals"}'] == 1
        assert not is_refused(alice)
        assert not aws_refused(kms(region))
    event = region.wait_until(lambda: next((r for r in region.audit(HOME) if r["eventName"] == "IdentityFilesRefused"), None))
    assert told in event["serviceEventDetails"]["fault"]
    assert told in (region.place(HOME).folder / "log").read_text()


def test_renewed_certificates_are_shown_to_new_connections_and_old_connections_go_on(own_regions: Deployment) -> None:
    place = own_regions.place(HOME)
    server = place.folder / "server"
    settings = place.settings.read_text()
    tls = f'[aws]\ntls = {{ certificate = "{server}.crt", private_key = "{server}.key" }}\n'
    place.settings.write_text(settings.replace("[aws]\n", tls))
    own_regions.start(HOME)
    listeners = {"grpc": place.grpc_port, "aws": place.aws_port}
    before = {name: fingerprint(port, own_regions) for name, port in listeners.items()}
    assert len(set(before.values())) == 1
    with own_regions.client() as alice:
        write_pair(server, new_leaf(authority(own_regions), "new", datetime.now(UTC), dns_names=["localhost"], addresses=[HOST]))
        for name, port in listeners.items():
            seconds_until(partial(shows_another, own_regions, port, before[name]))
        assert not is_refused(alice)
    with own_regions.client() as again:
        assert not is_refused(again)
    address, roots = f"https://{HOST}:{place.aws_port}", str(own_regions.root / "client-ca.crt")
    assert not aws_refused(kms(own_regions, endpoint_url=address, verify=roots))


def test_a_key_of_another_certificate_keeps_the_old_pair(region: Deployment) -> None:
    place = region.place(HOME)
    before = fingerprint(place.grpc_port, region)
    now = datetime.now(UTC)
    other, ended = new_leaf(authority(region), "other", now), new_leaf(authority(region), "ended", now - timedelta(days=9))
    write_private(place.folder / "server.key", other.private_key)
    region.wait_until(lambda: reloads(region, "grpc.tls", "refused") >= 1)
    assert fingerprint(place.grpc_port, region) == before
    write_pair(place.folder / "server", ended)
    region.wait_until(lambda: "is not valid now" in (place.folder / "log").read_text())
    assert fingerprint(place.grpc_port, region) == before, "nothing expired takes the place of what serves"


def test_an_authority_that_is_taken_out_takes_its_certificates_with_it(region: Deployment) -> None:
    old, new = authority(region), new_authority("next", datetime.now(UTC))
    bundle = region.root / "client-ca.crt"
    spiffe_id = "spiffe://dev.meridian.internal/111122223333/alice"
    place = region.root / "clients" / "alice-next"
    write_pair(place, new_leaf(new, "alice", datetime.now(UTC), spiffe_id=spiffe_id))
    roots = region.root / "roots.crt"
    write_private(roots, old.certificate)
    with region.client() as before:
        assert not is_refused(before)
        write_private(bundle, old.certificate + new.certificate)
        region.wait_until(lambda: reloads(region, "grpc.tls", "taken") == 1)
        assert not is_refused(before), "both authorities count while callers move"
        with region.client(HOME, "alice-next") as after:
            assert not is_refused(after)
            write_private(bundle, new.certificate)
            seconds_until(lambda: is_refused(before))
            assert not is_refused(after)


def test_denied_spiffe_ids_are_refused_whoever_signed_them(own_regions: Deployment) -> None:
    denied = own_regions.root / "denied"
    write_private(denied, b"# nobody yet\n")
    for place in own_regions.folder.places:
        place.settings.write_text(f'denied_spiffe_ids = "{denied}"\n' + place.settings.read_text())
    own_regions.start()
    with own_regions.client() as alice, own_regions.client(HOME, "app") as app:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        write_private(denied, b"spiffe://dev.meridian.internal/111122223333/app\nno id\n")
        own_regions.wait_until(lambda: reloads(own_regions, "denied_spiffe_ids", "refused") >= 1)
        assert not is_refused(app), "a broken list changes nothing"
        write_private(denied, b"spiffe://dev.meridian.internal/111122223333/app  # stolen\n")
        seconds_until(lambda: is_refused(app))
        assert not is_refused(alice)
        write_private(denied, f"spiffe://dev.meridian.internal/region/{AWAY}\n".encode())
        seconds_until(lambda: not is_refused(app))
        with pytest.raises(errors.DependencyTimeoutException):
            alice.replicate_key(key_id=key_id, replica_region=AWAY, timeout=8)
        with own_regions.client(AWAY) as abroad:
            foreign = abroad.create_key(multi_region=True).key_metadata.key_id
            with pytest.raises(errors.KmsServiceError):
                abroad.replicate_key(key_id=foreign, replica_region=HOME, timeout=8)
        own_regions.wait_until(lambda: "is on the deny list" in str(own_regions.audit(HOME)))
        write_private(denied, b"\n")
        own_regions.wait_until(lambda: replicated(alice, key_id), seconds=20)


def replicated(alice: Client, key_id: str) -> bool:
    with contextlib.suppress(errors.DependencyTimeoutException):
        alice.replicate_key(key_id=key_id, replica_region=AWAY, timeout=8)
        return True
    return False


def test_regions_change_their_peer_certificates_and_authority_without_restart(own_regions: Deployment) -> None:
    own_regions.start()
    now = datetime.now(UTC)
    old, new = authority(own_regions, "peer-ca"), new_authority("next peers", now)
    with own_regions.client() as alice:
        write_private(own_regions.root / "peer-ca.crt", old.certificate + new.certificate)
        for region in (HOME, AWAY):
            wait_taken(own_regions, region, 1)
            spiffe_id, dns_names = f"spiffe://dev.meridian.internal/region/{region}", [f"{region}.region.meridian.internal"]
            leaf = new_leaf(new, region, now, spiffe_id=spiffe_id, dns_names=dns_names)
            write_pair(own_regions.place(region).folder / "peer", leaf)
        for region in (HOME, AWAY):
            wait_taken(own_regions, region, 2)
        write_private(own_regions.root / "peer-ca.crt", new.certificate)
        for region in (HOME, AWAY):
            wait_taken(own_regions, region, 3)
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        own_regions.wait_until(lambda: replicated(alice, key_id), seconds=20)


def wait_taken(deployment: Deployment, region: str, count: int) -> None:
    name = 'meridian_identity_reloads_total{files="peer.tls",outcome="taken"}'
    deployment.wait_until(lambda: deployment.metrics(region)[name] >= count)


@contextlib.contextmanager
def load(deployment: Deployment) -> Iterator[list[int]]:
    """Calls one after the other in a thread; the value counts those that were answered."""
    import threading

    answered, ended = [0], threading.Event()

    def run() -> None:
        with deployment.client() as alice:
            while not ended.is_set():
                alice.list_keys(limit=1)
                answered[0] += 1

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield answered
    finally:
        ended.set()
        thread.join(10)
        assert not thread.is_alive()


def test_sighup_reads_again_and_never_kills(region: Deployment) -> None:
    process = region.processes[HOME]
    with load(region) as answered:
        for _ in range(20):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        path = region.root / "principals.toml"
        stat = path.stat()
        with region.client(HOME, "app") as app:
            text = path.read_text()
            changed = without(text, "app")
            path.write_text(changed.ljust(len(text), "\n"))
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            process.send_signal(signal.SIGHUP)
            seconds_until(lambda: is_refused(app))
        so_far = answered[0]
        region.wait_until(lambda: answered[0] > so_far)
    assert process.poll() is None
    assert region.stop(HOME) == 0


def test_ends_of_certificates_are_in_the_metrics_and_near_ones_in_the_log(own_regions: Deployment) -> None:
    place = own_regions.place(HOME)
    late = new_leaf(authority(own_regions), "late", datetime.now(UTC) - timedelta(hours=23), dns_names=["localhost"], addresses=[HOST])
    write_pair(place.folder / "server", late)
    own_regions.start(HOME)
    metrics = own_regions.metrics(HOME)
    assert 0 < metrics['meridian_certificate_expires_seconds{file="certificate",listener="grpc"}'] < 3600
    assert metrics['meridian_certificate_expires_seconds{file="certificate",listener="peer"}'] > 23 * 3600
    assert metrics['meridian_certificate_expires_seconds{file="client_ca",listener="grpc"}'] > 3000 * 86400
    warnings = [line for line in (place.folder / "log").read_text().splitlines() if "certificate ends soon" in line]
    assert len(warnings) == 1
    assert '"listener": "grpc"' in warnings[0]


def test_the_longest_life_of_a_callers_certificate_is_a_setting(own_regions: Deployment) -> None:
    place = own_regions.place(HOME)
    spiffe_id = "spiffe://dev.meridian.internal/111122223333/alice"
    for name, days in (("day", 1), ("year", 365)):
        files = new_leaf(authority(own_regions), name, datetime.now(UTC), spiffe_id=spiffe_id, life=timedelta(days=days))
        write_pair(own_regions.root / "clients" / name, files)
    own_regions.start(HOME)
    with own_regions.client(HOME, "year") as year:
        assert not is_refused(year), "without the setting any life is accepted"
    own_regions.stop(HOME)
    settings = place.settings.read_text()
    place.settings.write_text(settings.replace("[grpc]\n", "[grpc]\nclient_certificate_hours_max = 25\n"))
    own_regions.start(HOME)
    with own_regions.client(HOME, "year") as year, own_regions.client(HOME, "day") as day:
        assert is_refused(year)
        assert not is_refused(day)
    own_regions.wait_until(lambda: "lives longer than 25 hours" in str(own_regions.audit(HOME)))


def test_a_bearer_token_is_refused_where_the_listener_takes_none(own_regions: Deployment) -> None:
    place = own_regions.place(HOME)
    token = (own_regions.root / "clients" / "alice.token").read_text().strip()
    own_regions.start(HOME)
    with Client(own_regions.endpoint(HOME, "transport", token)) as alice:
        assert not is_refused(alice)
    own_regions.stop(HOME)
    settings = place.settings.read_text()
    assert "bearer_tokens = true" in settings
    place.settings.write_text(settings.replace("bearer_tokens = true", "bearer_tokens = false"))
    own_regions.start(HOME)
    with Client(own_regions.endpoint(HOME, "transport", token)) as alice:
        assert is_refused(alice)
    with own_regions.client() as alice:
        assert not is_refused(alice)


def test_a_stranger_to_the_peer_listener_is_refused_and_told(region: Deployment) -> None:
    """A certificate of the peer authority whose life is over long since: the connection is the TLS library's, the call is not."""
    now = datetime.now(UTC)
    place = region.place(HOME)
    files = new_leaf(
        authority(region, "peer-ca"), "x", now, spiffe_id=f"spiffe://dev.meridian.internal/region/{AWAY}", life=timedelta(seconds=8)
    )
    credentials = grpc.ssl_channel_credentials((region.root / "peer-ca.crt").read_bytes(), files.private_key, files.certificate)
    options = [("grpc.ssl_target_name_override", f"{HOME}.region.meridian.internal")]
    with grpc.secure_channel(f"{HOST}:{place.peer_port}", credentials, options=options) as channel:
        offer = raw_call(channel, "/meridian.peer.v1.ReplicationService/GetTransportOffer")
        assert offer(b"", timeout=5)
        time.sleep(max(0.0, 8.5 - (datetime.now(UTC) - now).total_seconds()))
        with pytest.raises(grpc.RpcError) as refused:
            offer(b"", timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.RpcError) as malformed:
            offer(b"\xff\xff", timeout=5)
        assert malformed.value.code() is grpc.StatusCode.UNAUTHENTICATED, "who it is comes before what it says"
    region.wait_until(lambda: "AuthenticationFailed" in str(region.audit(HOME)))
