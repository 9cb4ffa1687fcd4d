"""Makes this folder: what a release left behind: ciphertexts, a backup, its audit log and its seal. All secrets are of this test.

    python -m tests.scenario.earlier_release.make SERVICE

SERVICE is the folder `service` of the release, such as that of `git worktree add --detach /tmp/release TAG`. It is called by the client of
this one. Run it when the schema has changed: with the last release before.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zstandard
from tests.openssl import bring, random_material
from tests.ports import free_port, free_ports

from meridian.client import Client, Endpoint

HERE = Path(__file__).parent
REGION = "us-east-1"
ALIAS, TAG = "alias/earlier", "of-an-earlier-release"
CONTEXT = {"tenant": "a"}
MESSAGE = b"signed by an earlier release"
SPECS: tuple[tuple[Any, Any], ...] = (
    ("RSA_2048", "RSASSA_PSS_SHA_256"),
    ("ECC_NIST_P256", "ECDSA_SHA_256"),
    ("ML_DSA_44", "ML_DSA_SHAKE_256"),
)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextmanager
def serving(service: Path, folder: Path) -> Iterator[Client]:
    """The release, with one Region in the folder, and a developer of its."""
    port = free_ports(1)
    command = [sys.executable, "-m", "meridian", "dev", "--data", str(folder), "--regions", REGION, "--grpc-port", str(port)]
    process = subprocess.Popen(
        [*command, "--admin-port", str(free_port())], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(service)}
    )
    assert process.stdout is not None
    try:
        while not process.stdout.readline().startswith(b"ready"):
            assert process.poll() is None
        ca, certificate, key = (folder / name for name in ("client-ca.crt", "clients/developer.crt", "clients/developer.key"))
        with Client(Endpoint(f"127.0.0.1:{port}", ca, certificate, key)) as client:
            yield client
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def sealed(client: Client, key_id: str, plaintext: str) -> dict[str, Any]:
    blob = client.encrypt(key_id=key_id, plaintext=plaintext.encode(), encryption_context=CONTEXT).ciphertext_blob
    return {"key_id": key_id, "plaintext": plaintext, "blob": text(blob)}


def use(client: Client, folder: Path) -> dict[str, Any]:
    """Make keys and use them; what must be true of them in every later release."""
    rotated, related = (client.create_key(multi_region=value).key_metadata.key_id for value in (False, True))
    known = [sealed(client, rotated, "before the rotation"), sealed(client, related, "of a multi-Region key")]
    client.rotate_key_on_demand(key_id=rotated)
    known.append(sealed(client, rotated, "after the rotation"))
    imported = client.create_key(origin="EXTERNAL").key_metadata.key_id
    bring(client, folder, imported, random_material())
    known.append(sealed(client, imported, "under imported material"))
    client.create_alias(alias_name=ALIAS, target_key_id=rotated)
    client.tag_resource(key_id=rotated, tags=[{"tag_key": TAG, "tag_value": "yes"}])
    grantee = "arn:aws:iam::111122223333:service/app"
    grant = client.create_grant(key_id=rotated, grantee_principal=grantee, operations=["Decrypt"], name="earlier").grant_id
    disabled = client.create_key().key_metadata.key_id
    client.disable_key(key_id=disabled)
    signed = []
    for spec, algorithm in SPECS:
        key_id = client.create_key(key_spec=spec, key_usage="SIGN_VERIFY").key_metadata.key_id
        signature = client.sign(key_id=key_id, message=MESSAGE, signing_algorithm=algorithm).signature
        signed.append({"key_id": key_id, "algorithm": algorithm, "signature": text(signature)})
    mac_key = client.create_key(key_spec="HMAC_256", key_usage="GENERATE_VERIFY_MAC").key_metadata.key_id
    mac = client.generate_mac(key_id=mac_key, message=MESSAGE, mac_algorithm="HMAC_SHA_256").mac
    return {
        "ciphertexts": known,
        "signatures": signed,
        "mac": {"key_id": mac_key, "mac": text(mac)},
        "rotated": rotated,
        "disabled": disabled,
        "grant": grant,
    }


def main(service: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "deployment"
        with serving(service, folder) as client:
            known = use(client, Path(place))
        own = folder / REGION
        command = [sys.executable, "-m", "meridian", "backup", "--config", str(own / "settings.toml"), "--to", str(Path(place) / "backup")]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(service)})
        (HERE / "region.backup.zst").write_bytes(zstandard.compress((Path(place) / "backup").read_bytes(), 19))
        (HERE / "known.json").write_text(json.dumps(known, indent=1) + "\n")
        (HERE / "seal.hex").write_text((own / "seal").read_bytes().hex() + "\n")
        shutil.rmtree(HERE / "audit", ignore_errors=True)
        shutil.copytree(own / "audit", HERE / "audit")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
