"""The clients of other languages, `clients/<language>`: what one seals the next opens, refusals have AWS's names, stubs are current."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment
from tests.installing import install

pytestmark = [pytest.mark.deep, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
SECONDS = 400
"""gRPC for Go is compiled once on a machine."""
TENANT = {"tenant": "a"}
Made = Sequence[str | Path]


def built(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def go(folder: Path) -> Made:
    install("gRPC for Go", ["go", "mod", "download"], folder)
    built(["go", "vet", "./..."], folder)
    built(["go", "build", "-o", "relayed", "./relay"], folder)
    return [folder / "relayed"]


def typescript(folder: Path) -> Made:
    install("gRPC for Node", ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    built(["npx", "tsc"], folder)
    return ["node", folder / "dist" / "src" / "relay.js"]


def java(folder: Path) -> Made:
    """Its stubs are generated as it is built, from the protos beside it."""
    options = [f"-Dprotos={ROOT / 'protos'}", "-DoutputDirectory=target/jars"]
    install("gRPC for Java", ["mvn", "-q", "-B", "dependency:go-offline", *options], folder)
    built(["mvn", "-q", "-B", "compile", "dependency:copy-dependencies", *options], folder)
    return ["java", "-cp", f"{folder / 'target' / 'classes'}:{folder / 'target' / 'jars'}/*", "meridian.Relay"]


def rust(folder: Path) -> Made:
    """Its packages are compiled once on a machine, and kept."""
    install("gRPC for Rust", ["cargo", "fetch", "--quiet", "--locked"], folder)
    kept = ["--quiet", "--locked", "--target-dir", str(ROOT / ".tools" / "rust" / "target")]
    built(["cargo", "clippy", *kept, "--all-targets", "--", "-D", "warnings"], folder)
    built(["cargo", "fmt", "--check"], folder)
    built(["cargo", "build", *kept], folder)
    shutil.copy(ROOT / ".tools" / "rust" / "target" / "debug" / "relay", folder / "relayed")
    return [folder / "relayed"]


LANGUAGES: dict[str, tuple[str, str, Callable[[Path], Made]]] = {
    "Go": ("go", "go", go),
    "TypeScript": ("typescript", "npm", typescript),
    "Java": ("java", "mvn", java),
    "Rust": ("rust", "cargo", rust),
}
"""THE table: the folder of each, the program that makes it ready, and how."""


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Of each language whose toolchain is there, what relays."""
    ready: dict[str, Made] = {}
    for language, (name, tool, prepare) in LANGUAGES.items():
        if shutil.which(tool) is not None:
            folder = tmp_path_factory.mktemp("clients") / name
            shutil.copytree(CLIENTS / name, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "target"))
            try:
                ready[language] = prepare(folder)
            except pytest.skip.Exception as reason:
                warnings.warn(f"{language} is left out: {reason}", stacklevel=1)
    if not ready:
        pytest.skip("there is no toolchain of another language")
    return ready


def test_what_one_language_seals_the_next_one_opens(two_regions: Deployment, programs: dict[str, Made]) -> None:
    endpoint = two_regions.endpoint(HOME, "developer")
    with two_regions.client(HOME, "developer") as kms:
        key_id = kms.create_key().key_metadata.key_id
        blob, said = kms.encrypt(key_id=key_id, plaintext=b"from Python", encryption_context=TENANT).ciphertext_blob, "from Python"
        for language, program in programs.items():
            variables = {
                **os.environ,
                "MERIDIAN_ENDPOINT": endpoint.target,
                "MERIDIAN_CA": str(endpoint.ca),
                "MERIDIAN_CERTIFICATE": str(endpoint.certificate),
                "MERIDIAN_PRIVATE_KEY": str(endpoint.private_key),
                "KEY_ID": key_id,
                "SEALED": b64encode(blob).decode(),
            }
            done = subprocess.run(program, env=variables, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            told = json.loads(done.stdout)
            assert told["opened"] == said, language
            assert told["refused"] == "InvalidCiphertextException"
            recorded = [r for r in two_regions.audit(HOME) if r.get("requestID") == told["requestId"]]
            assert [r["errorCode"] for r in recorded] == ["InvalidCiphertextException"]
            blob, said = b64decode(told["sealed"]), f"from {language}"
        assert kms.decrypt(ciphertext_blob=blob, encryption_context=TENANT).plaintext == said.encode()


@pytest.mark.parametrize("language", ["Go", "TypeScript", "Rust"])
def test_the_stubs_are_current(language: str, programs: dict[str, Made]) -> None:
    if language not in programs:
        pytest.skip(f"the toolchain of {language} is not there")
    plugins = Path(programs[language][-1]).parents[2] / "node_modules" / ".bin"
    search = {**os.environ, "PATH": f"{plugins}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "scripts/gen_clients.py", "--check", LANGUAGES[language][0]]
    done = subprocess.run(command, cwd=ROOT, env=search, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "are current" in done.stdout
