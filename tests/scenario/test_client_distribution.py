"""The built wheel of the client, in an environment that has nothing else, encrypts against a Region."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).parent / "uv"
SECONDS = 300
PROGRAM = """
from importlib.metadata import distributions

from meridian.client import Client, Endpoint
from meridian.client.envelope import Envelope

with Client(Endpoint.find()) as kms:
    key = kms.create_key().key_metadata.key_id
    (sealed,) = kms.encrypt_batch([{"key_id": key, "plaintext": b"x"}])
    assert kms.decrypt(ciphertext_blob=sealed.ciphertext_blob).plaintext == b"x"
    envelope = Envelope(kms, key)
    print(envelope.decrypt(envelope.encrypt(b"from outside", encryption_context={}), encryption_context={}).decode())
print(sorted(each.name for each in distributions()))
"""
ALL = ["cffi", "cryptography", "googleapis-common-protos", "grpcio", "meridian-client", "protobuf", "pycparser", "typing_extensions"]
"""With what those libraries bring themselves."""


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.deep
def test_the_wheel_works_where_nothing_else_is_installed(two_regions: Deployment, tmp_path: Path) -> None:
    run(UV, "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", "clients/python", cwd=ROOT)
    (wheel,) = (tmp_path / "dist").glob("meridian_client-*.whl")
    run(UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "empty", cwd=tmp_path)
    python = tmp_path / "empty" / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--python", python, wheel, cwd=tmp_path)
    endpoint = two_regions.endpoint(HOME, "developer")
    variables = {
        "MERIDIAN_ENDPOINT": endpoint.target,
        "MERIDIAN_CA": str(endpoint.ca),
        "MERIDIAN_CERTIFICATE": str(endpoint.certificate),
        "MERIDIAN_PRIVATE_KEY": str(endpoint.private_key),
    }
    said, installed = run(python, "-c", PROGRAM, cwd=tmp_path, env=variables).splitlines()
    assert said == "from outside"
    assert set(eval(installed)) <= set(ALL)  # noqa: S307 - a list that the program above printed
