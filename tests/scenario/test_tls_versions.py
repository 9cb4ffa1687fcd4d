"""What the TLS of a Region's listeners agrees to, tried by `openssl s_client` as a scanner would.

Old versions and weak ciphers are offered at openssl's lowest security level, and the offer must have been sent: what the client itself
holds back proves nothing.
"""

from __future__ import annotations

import re
import subprocess

import pytest
from tests.deployment import HOME, Deployment

from meridian.cli.region_place import HOST

WEAK = ["AES128-GCM-SHA256", "AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-NULL-SHA", "AECDH-AES128-SHA"]
"""Without forward secrecy, CBC with SHA-1, without encryption, without authentication."""


def handshake(regions: Deployment, listener: str, *flags: str) -> str:
    """The protocol that was agreed on; "refused" where the other side hung up on what was offered; else what openssl said."""
    place = regions.place(HOME)
    port = place.grpc_port if listener == "grpc" else place.peer_port
    name = regions.root / ("clients/alice" if listener == "grpc" else f"{HOME}/peer")
    command = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-cert", f"{name}.crt", "-key", f"{name}.key", "-alpn", "h2", *flags]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=20, check=False)
    text = (done.stdout + done.stderr).decode(errors="replace")
    agreed = re.search(r"^New, (TLSv[^,]+), Cipher is (?!\(NONE\))", text, re.MULTILINE)
    if agreed:
        return agreed.group(1)
    return "refused" if re.search(r"handshake has read \d+ bytes and written [1-9]\d* bytes", text) else text


@pytest.mark.parametrize("listener", ["grpc", "peer"])
def test_the_newest_version_is_agreed_on(two_regions: Deployment, listener: str) -> None:
    assert handshake(two_regions, listener) == "TLSv1.3"


@pytest.mark.parametrize("listener", ["grpc", "peer"])
@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(two_regions: Deployment, listener: str, version: str) -> None:
    assert handshake(two_regions, listener, version, "-cipher", "ALL:@SECLEVEL=0") == "refused"


@pytest.mark.parametrize("listener", ["grpc", "peer"])
@pytest.mark.parametrize("cipher", WEAK)
def test_weak_ciphers_are_refused(two_regions: Deployment, listener: str, cipher: str) -> None:
    assert handshake(two_regions, listener, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0") == "refused"


@pytest.mark.parametrize("listener", ["grpc", "peer"])
def test_a_good_cipher_of_tls_1_2_is_agreed_on(two_regions: Deployment, listener: str) -> None:
    """So that the refusals above are of what they name."""
    assert handshake(two_regions, listener, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256") == "TLSv1.2"
