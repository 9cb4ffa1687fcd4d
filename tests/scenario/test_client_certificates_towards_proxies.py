"""A proxy that wants to see a certificate of the KMS: with one it is reached, without one, or with another, it is not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.deployment import HOME, PATIENT, Deployment
from tests.scenario.two_kms import TwoKms, manager, pair
from tests.scenario.xks import new_prefix
from tests.xks import OtherKms

from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.crypto.certificates import new_authority, new_leaf

NAME = "cks.kms.us-east-1.amazonaws.com"


@pytest.mark.timeout(240)
def test_a_proxy_is_shown_the_certificate_of_the_settings(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority, stranger = new_authority("kms", now), new_authority("stranger", now)
    (tmp_path / "clients.pem").write_bytes(authority.certificate)
    good = pair(tmp_path, "good", new_leaf(authority, NAME, now))
    other = pair(tmp_path, "other", new_leaf(stranger, NAME, now))
    tls = f'client_ca = "{tmp_path}/clients.pem"\nclient_names = ["{NAME}"]'
    prefix = new_prefix()
    with manager(tmp_path, tls=tls) as served:
        made = served.export(served.new_key(), prefix, "external")
        assert made is not None
        region = Deployment(tmp_path / "kms", [HOME], settings_added=f"{served.settings()}{PATIENT}").prepare()
        bare = region.place(HOME).settings.read_text()
        both = TwoKms(region, served)
        served.deployment.wait_until(lambda: made.with_(chain=good).health().status == 200)
        try:
            for shown in (None, other, good):
                lines = "" if shown is None else _shown(*shown)
                region.place(HOME).settings.write_text(f"{lines}{bare}")
                region.start()
                with region.client(caller="developer") as alice:
                    if shown is good:
                        store = alice.create_custom_key_store(**both.fields(prefix, made)).custom_key_store_id
                        both.connect(alice, store)
                        arn = both.key(alice, store, "external").arn
                        sealed = alice.encrypt(key_id=arn, plaintext=b"secret").ciphertext_blob
                        assert alice.decrypt(ciphertext_blob=sealed).plaintext == b"secret"
                    else:
                        with pytest.raises(KmsServiceError) as refused:
                            alice.create_custom_key_store(**both.fields(prefix, made))
                        assert refused.value.code == "XksProxyUriUnreachableException"
                region.stop(HOME)
        finally:
            region.stop_all()


def _shown(certificate: Path, key: Path) -> str:
    return f'key_store_proxies.client_certificate = "{certificate}"\nkey_store_proxies.client_private_key = "{key}"\n'


@pytest.mark.timeout(240)
def test_a_certificate_that_is_exchanged_counts_without_a_restart_and_half_of_one_never(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    before, after = new_authority("before", now), new_authority("after", now)
    believed = tmp_path / "clients.pem"
    believed.write_bytes(before.certificate)
    shown = pair(tmp_path, "shown", new_leaf(before, NAME, now))
    fresh = pair(tmp_path, "fresh", new_leaf(after, NAME, now))
    prefixes = [new_prefix() for _ in range(2)]
    with manager(tmp_path, tls=f'client_ca = "{believed}"\nclient_names = ["{NAME}"]') as served:
        first, second = (served.export(served.new_key(), *each) for each in zip(prefixes, ("external", "second"), strict=True))
        assert first is not None
        assert second is not None
        region = Deployment(tmp_path / "kms", [HOME], settings_added=f"{served.settings()}{PATIENT}{_shown(*shown)}").prepare()
        both = TwoKms(region, served)
        served.deployment.wait_until(lambda: first.with_(chain=shown).health().status == 200)
        try:
            region.start()
            with region.client(caller="developer") as alice:
                store = alice.create_custom_key_store(**both.fields(prefixes[0], first)).custom_key_store_id
                both.connect(alice, store)
                arn = both.key(alice, store, "external").arn
                sealed = alice.encrypt(key_id=arn, plaintext=b"secret").ciphertext_blob
                believed.write_bytes(after.certificate)
                served.deployment.wait_until(lambda: _is_served(first.with_(chain=fresh)))
                assert _refusal(alice, both.fields(prefixes[1], second)) == "XksProxyUriUnreachableException"
                shown[0].write_bytes(fresh[0].read_bytes())
                region.wait_until(lambda: _reloads(region, "refused") == 1)
                assert _refusal(alice, both.fields(prefixes[1], second)) == "XksProxyUriUnreachableException"
                shown[1].write_bytes(fresh[1].read_bytes())
                region.wait_until(lambda: _reloads(region, "taken") == 1)
                assert alice.decrypt(ciphertext_blob=sealed).plaintext == b"secret"
                assert _refusal(alice, both.fields(prefixes[1], second)) == ""
                shown[1].chmod(0o644)
                region.wait_until(lambda: _reloads(region, "refused") == 2)
                assert alice.decrypt(ciphertext_blob=sealed).plaintext == b"secret"
            told = {record["eventName"] for record in region.audit(HOME)}
            assert {"IdentityFilesChanged", "IdentityFilesRefused"} <= told
        finally:
            region.stop_all()


def _is_served(other: OtherKms) -> bool:
    """Whether the manager lets this certificate in."""
    try:
        return other.health().status == 200
    except OSError:
        return False


def _refusal(alice: Client, fields: dict[str, Any]) -> str:
    """What CreateCustomKeyStore is refused with, which asks the proxy over a connection of its own; empty where it is not."""
    try:
        alice.create_custom_key_store(**{**fields, "custom_key_store_name": "second"})
    except KmsServiceError as fault:
        return fault.code
    return ""


def _reloads(region: Deployment, outcome: str) -> float:
    return region.metrics(HOME)[f'meridian_identity_reloads_total{{files="key_store_proxies",outcome="{outcome}"}}']
