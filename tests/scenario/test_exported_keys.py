"""A key while it is served to another KMS: disabled, rotated, deleted, expired, revoked; who may connect; and what operators see of it."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment
from tests.xks import ACCOUNT, OtherKms, allow, bytes_of, export, meridian_xks, serve_xks

from meridian.cli.region_place import HOST
from meridian.crypto.certificates import CertificateFiles, new_authority, new_leaf
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.timeout(240)

PREFIX = "/store"
STATE, DENIED, NO_KEY = (400, "InvalidStateException"), (403, "AccessDeniedException"), (404, "KeyNotFoundException")
FREE = "limits.failed_authentications_per_minute = 0\nlimits.day_seconds = 0.2\nlimits.rotation_conflict_seconds = 0.0\n"


class Served:
    """A Region that serves, and a way to export keys of it."""

    def __init__(self, deployment: Deployment, port: int) -> None:
        self.deployment = deployment
        self.port = port
        self.first: OtherKms | None = None

    def export(self, arn: str, name: str) -> OtherKms:
        made = export(self.deployment, self.port, arn, PREFIX, name, "encrypt", "decrypt")
        self.first = self.first or made
        assert self.first is not None
        kms = self.first
        self.deployment.wait_until(lambda: kms.encrypt(name, b"warm").status == 200)
        return kms

    def new_key(self) -> str:
        with self.deployment.client() as alice:
            arn: str = alice.create_key().key_metadata.arn
        return arn


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    deployment = Deployment(tmp_path_factory.mktemp("exported"), [HOME], settings_added=FREE).prepare()
    try:
        port = serve_xks(deployment)
        allow(deployment)
        deployment.start()
        yield Served(deployment, port)
    finally:
        deployment.stop_all()


def test_a_key_is_disabled_and_enabled_while_it_is_served(served: Served) -> None:
    arn = served.new_key()
    kms = served.export(arn, "disabled")
    made = kms.encrypt("disabled", b"kept").document
    with served.deployment.client() as alice:
        alice.disable_key(key_id=arn)
        assert kms.decrypt("disabled", made).error == STATE
        assert kms.encrypt("disabled", b"x").error == STATE
        assert kms.metadata("disabled").document["keyStatus"] == "DISABLED"
        assert kms.health().status == 200, "another key is not concerned"
        alice.enable_key(key_id=arn)
    assert bytes_of(kms.decrypt("disabled", made).document["plaintext"]) == b"kept"
    assert kms.metadata("disabled").document["keyStatus"] == "ENABLED"


def test_what_was_encrypted_before_a_rotation_opens_after(served: Served) -> None:
    arn = served.new_key()
    kms = served.export(arn, "rotated")
    before = kms.encrypt("rotated", b"before").document
    with served.deployment.client() as alice:
        alice.rotate_key_on_demand(key_id=arn)
        served.deployment.wait_until(lambda: kms.encrypt("rotated", b"x").document["ciphertextMetadata"] != before["ciphertextMetadata"])
    after = kms.encrypt("rotated", b"after").document
    assert bytes_of(kms.decrypt("rotated", before).document["plaintext"]) == b"before"
    assert bytes_of(kms.decrypt("rotated", after).document["plaintext"]) == b"after"
    assert kms.decrypt("rotated", {**after, "ciphertextMetadata": before["ciphertextMetadata"]}).error[1] == "InvalidCiphertextException"


def test_a_key_that_is_deleted_ends_as_one_that_is_not_there(served: Served) -> None:
    arn = served.new_key()
    kms = served.export(arn, "deleted")
    with served.deployment.client(HOME, "developer") as developer:
        developer.schedule_key_deletion(key_id=arn, pending_window_in_days=30)
    assert kms.metadata("deleted").error == kms.encrypt("deleted", b"x").error == STATE
    served.deployment.wait_until(lambda: kms.encrypt("deleted", b"x").error == NO_KEY, seconds=60)


def test_a_revocation_acts_unasked_and_can_be_taken_back(served: Served) -> None:
    arn = served.new_key()
    kms = served.export(arn, "revoked")
    served.export(served.new_key(), "stays")
    made = kms.encrypt("revoked", b"kept").document
    assert meridian_xks(served.deployment, "revoke", "revoked").returncode == 0
    served.deployment.wait_until(lambda: kms.decrypt("revoked", made).error == NO_KEY)
    assert kms.metadata("stays").status == 200
    served.export(arn, "revoked")
    assert bytes_of(kms.decrypt("revoked", made).document["plaintext"]) == b"kept"

    def events() -> list[str]:
        told = [(r["eventName"], (r.get("serviceEventDetails") or {}).get("externalKeyId")) for r in served.deployment.audit(HOME)]
        return [event for event, name in told if name == "revoked"]

    served.deployment.wait_until(lambda: events() == ["CreateXksExport", "RevokeXksExport", "CreateXksExport"])


def test_a_key_of_another_spec_place_or_name_is_not_exported(served: Served) -> None:
    with served.deployment.client() as alice:
        rsa = alice.create_key(key_spec=t.KEY_SPEC_RSA_2048, key_usage=t.KEY_USAGE_TYPE_ENCRYPT_DECRYPT).key_metadata.arn
    good = served.new_key()
    served.export(good, "taken")
    wrong = {
        "SYMMETRIC_DEFAULT": (rsa, PREFIX, "a"),
        "no ARN of a key of us-east-1": (good.replace(HOME, "eu-west-1"), PREFIX, "a"),
        "does not exist": (f"{good[:-12]}000000000000", PREFIX, "a"),
        "already": (good, PREFIX, "taken"),
        "the id 'a/b'": (good, PREFIX, "a/b"),
        "the prefix 'store'": (good, "store", "a"),
        "the prefix '/store/'": (good, "/store/", "a"),
        "the prefix '/x/kms/xks/v1'": (good, "/x/kms/xks/v1", "a"),
    }
    before = meridian_xks(served.deployment, "list", "-o", "json").stdout
    for told, (arn, prefix, name) in wrong.items():
        done = meridian_xks(served.deployment, "export", arn, "--prefix", prefix, "--id", name, "--allow", "encrypt")
        assert done.returncode == 3
        assert told in done.stderr
    assert meridian_xks(served.deployment, "list", "-o", "json").stdout == before
    assert meridian_xks(served.deployment, "revoke", "nobody").returncode == 3


def test_what_is_exported_is_listed_without_secrets(served: Served) -> None:
    kms = served.export(served.new_key(), "listed")
    found = json.loads(meridian_xks(served.deployment, "list", "-o", "json").stdout)
    assert "listed" in [each["id"] for each in found["exports"]]
    assert kms.access_key_id in [each["access_key_id"] for each in found["credentials"]]
    for output in ("json", "table"):
        shown = meridian_xks(served.deployment, "list", "--output", output)
        assert kms.secret not in shown.stdout + shown.stderr
    log = (served.deployment.place(HOME).folder / "log").read_text()
    database = b"".join(path.read_bytes() for path in served.deployment.place(HOME).folder.glob("region.sqlite3*"))
    assert kms.secret not in log
    assert kms.secret.encode() not in database


def test_no_policy_no_service_and_a_policy_of_the_key_forbids(served: Served) -> None:
    arn = served.new_key()
    kms = served.export(arn, "forbidden")
    assert kms.encrypt("forbidden", b"x").status == 200
    with served.deployment.client() as alice:
        forbidding = f'forbid (principal == KMS::Service::"{ACCOUNT}/xks-export/forbidden", action in KMS::Action::"Use", resource);'
        alice.put_key_policy(key_id=arn, policy=forbidding)
    assert kms.encrypt("forbidden", b"x").error == DENIED
    assert kms.metadata("forbidden").status == 200, "metadata is no use of the key"
    policy = served.deployment.root / "policies" / "xks.cedar"
    kept = policy.read_text()
    policy.unlink()
    try:
        served.deployment.wait_until(lambda: kms.metadata("forbidden").error == DENIED)
        assert kms.health().status == 200, "health is exempt from every authorization but the signature"
    finally:
        policy.write_text(kept)
    served.deployment.wait_until(lambda: kms.metadata("forbidden").status == 200)


# ------------------------------------------------------------------ who may connect, and how


def _pair(folder: Path, name: str, files: CertificateFiles) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_bytes(files.certificate)
    key.write_bytes(files.private_key)
    key.chmod(0o600)
    return certificate, key


def test_a_client_shows_a_certificate_of_the_authority_with_one_of_the_names(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority, stranger = new_authority("kms", now), new_authority("stranger", now)
    good = _pair(tmp_path, "good", new_leaf(authority, "cks.kms.us-east-1.amazonaws.com", now))
    named = _pair(tmp_path, "named", new_leaf(authority, "x", now, dns_names=["OTHER.example.com"]))
    wrong = {
        "none": None,
        "another name": _pair(tmp_path, "other", new_leaf(authority, "cks.kms.us-east-1.amazonaws.com.example.com", now)),
        "another authority": _pair(tmp_path, "self", new_leaf(stranger, "cks.kms.us-east-1.amazonaws.com", now)),
        "expired": _pair(tmp_path, "old", new_leaf(authority, "cks.kms.us-east-1.amazonaws.com", now, life=timedelta(seconds=-60))),
    }
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    tls = f'client_ca = "{tmp_path}/ca.pem"\nclient_names = ["cks.kms.us-east-1.amazonaws.com", "other.example.com"]'
    deployment = Deployment(tmp_path / "regions", [HOME]).prepare()
    try:
        port = serve_xks(deployment, tls=tls)
        allow(deployment)
        deployment.start()
        with deployment.client() as alice:
            arn = alice.create_key().key_metadata.arn
        kms = export(deployment, port, arn, PREFIX, "mutual", "encrypt")
        assert kms is not None
        deployment.wait_until(lambda: kms.with_(chain=good).health().status == 200)
        assert kms.with_(chain=named).health().status == 200
        for chain in wrong.values():
            with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
                kms.with_(chain=chain).health()
        assert deployment.metrics(HOME)['meridian_http_clients_refused_total{listener="xks"}'] == 1
        assert _cipher(port, deployment, good, ssl.TLSVersion.TLSv1_2) in ("ECDHE-ECDSA-AES256-GCM-SHA384",)
        with pytest.raises((ssl.SSLError, OSError)):
            _cipher(port, deployment, good, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256")
        assert _cipher(port, deployment, good, ssl.TLSVersion.TLSv1_3).startswith("TLS_")
    finally:
        deployment.stop_all()


def _cipher(port: int, deployment: Deployment, chain: tuple[Path, Path], version: ssl.TLSVersion, ciphers: str = "") -> str:
    context = ssl.create_default_context(cafile=str(deployment.root / "client-ca.crt"))
    context.load_cert_chain(*chain)
    context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    with socket.create_connection((HOST, port), 10) as bare, context.wrap_socket(bare, server_hostname=HOST) as tls:
        found = tls.cipher()
        assert found is not None
        return found[0]


STAGES = (
    b"",
    b"POST / HTTP/1.1\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
)
"""What is sent before nothing comes any more: nothing, half a head, half a body, a whole request."""


@pytest.mark.deep
def test_the_listener_has_the_bounds_of_its_settings(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, [HOME]).prepare()
    try:
        port = serve_xks(deployment, more="connections = 8\nhead_seconds = 1.0\nbody_seconds = 1.0\nidle_seconds = 1.0")
        deployment.start()
        context = ssl.create_default_context(cafile=str(deployment.root / "client-ca.crt"))
        for sent in (
            b"",
            b"POST / HTTP/1.1\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            with socket.create_connection((HOST, port), 10) as bare, context.wrap_socket(bare, server_hostname=HOST) as tls:
                began = time.monotonic()
                tls.sendall(sent)
                while tls.recv(4096):
                    pass
                assert 0.5 < time.monotonic() - began < 8
        held = [socket.create_connection((HOST, port), 10) for _ in range(20)]
        assert deployment.metrics(HOME)['meridian_http_connections{listener="xks"}'] <= 8
        for each in held:
            each.close()
    finally:
        deployment.stop_all()


def test_the_rate_of_the_class_is_the_accounts(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, [HOME]).prepare()
    try:
        settings = deployment.place(HOME).settings
        settings.write_text(settings.read_text().replace("\nxks = 0\n", "\nxks = 1\n"))
        port = serve_xks(deployment)
        allow(deployment)
        deployment.start()
        with deployment.client() as alice:
            arn = alice.create_key().key_metadata.arn
            kms = export(deployment, port, arn, PREFIX, "rated", "encrypt")
            assert kms is not None
            deployment.wait_until(lambda: kms.encrypt("rated", b"x").status != 404, 10)
            answers = [kms.encrypt("rated", b"x").error for _ in range(40)]
            assert (429, "ThrottlingException") in answers
            alice.describe_key(key_id=arn)  # the account's own callers draw on other classes
    finally:
        deployment.stop_all()
