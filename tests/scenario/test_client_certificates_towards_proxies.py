"""A proxy that wants to see a certificate of the KMS: with one it is reached, without one, or with another, it is not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.deployment import HOME, PATIENT, Deployment
from tests.scenario.two_kms import TwoKms, manager, pair
from tests.scenario.xks import new_prefix

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
