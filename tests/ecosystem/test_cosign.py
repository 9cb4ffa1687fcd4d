"""cosign, whose keys are in a Region: what it signs there is verified under the public key, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from tests.deployment import HOME
from tests.ecosystem.conftest import TlsRegion
from tests.ecosystem.running import program, run, told, variables

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

UNLOGGED = ("--use-signing-config=false", "--tlog-upload=false", "--yes")
"""No transparency log: it would be somebody else's service."""


@dataclass(frozen=True, slots=True)
class Cosign:
    """cosign in a folder of its own."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *words: str) -> str:
        return told([*program("cosign"), *words], self.environment)

    def sign(self, key: str, blob: Path) -> Path:
        bundle = blob.with_suffix(".bundle")
        self("sign-blob", "--key", key, "--bundle", str(bundle), *UNLOGGED, str(blob))
        return bundle

    def verifies(self, key: str, bundle: Path, blob: Path) -> bool:
        line = [*program("cosign"), "verify-blob", "--key", key, "--bundle", str(bundle), "--insecure-ignore-tlog", str(blob)]
        done = run(line, self.environment)
        assert done.returncode == 0 or "failed to verify signature" in done.stderr, done.stderr
        return done.returncode == 0


@pytest.fixture
def cosign(tls_region: TlsRegion, tmp_path: Path) -> Cosign:
    return Cosign(tmp_path, variables(tmp_path, **tls_region.environment()))


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    file = tmp_path / "blob"
    file.write_bytes(b"a release")
    return file


def new_alias(tls_region: TlsRegion, name: str, spec: str) -> str:
    aws = tls_region.kms()
    key = aws.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    aws.create_alias(AliasName=f"alias/{name}", TargetKeyId=key)
    return f"alias/{name}"


def test_it_makes_a_key_in_the_region_and_signs_with_it(tls_region: TlsRegion, cosign: Cosign, blob: Path) -> None:
    public = cosign.folder / "cosign"
    cosign("generate-key-pair", "--kms", "awskms:///alias/releases", "--output-key-prefix", str(public))
    shown = public.with_suffix(".pub")
    key = tls_region.kms().get_public_key(KeyId="alias/releases")
    assert load_pem_public_key(shown.read_bytes()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == key["PublicKey"]
    bundle = cosign.sign("awskms:///alias/releases", blob)
    assert cosign.verifies(str(shown), bundle, blob)
    assert cosign.verifies("awskms:///alias/releases", bundle, blob)
    signed = [each for each in tls_region.deployment.events_of(HOME, key["KeyId"]) if each["eventName"] == "Sign"]
    assert len(signed) == 1
    blob.write_bytes(b"another release")
    assert not cosign.verifies(str(shown), bundle, blob)


@pytest.mark.parametrize("spec", ["RSA_3072", "ECC_NIST_P384"])
def test_another_key_verifies_nothing(tls_region: TlsRegion, cosign: Cosign, blob: Path, spec: str) -> None:
    """The Region is named in the key's own reference, as an endpoint."""
    here = f"awskms://{urlsplit(tls_region.url).netloc}/"
    mine, other = (here + new_alias(tls_region, f"{name}-{spec}", spec) for name in ("mine", "other"))
    bundle = cosign.sign(mine, blob)
    assert cosign.verifies(mine, bundle, blob)
    assert not cosign.verifies(other, bundle, blob)
