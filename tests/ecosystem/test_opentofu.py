"""OpenTofu, whose states and plans are encrypted under keys of a Region, moved to another key, and closed with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.deployment import HOME
from tests.ecosystem.conftest import TlsRegion
from tests.ecosystem.running import program, run, told, variables

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

PROVIDER = """
    key_provider "aws_kms" "{name}" {{
      kms_key_id = "{key}"
      region     = "{region}"
      key_spec   = "AES_256"
    }}
    method "aes_gcm" "{name}" {{
      keys = key_provider.aws_kms.{name}
    }}
"""
MAIN = """
terraform {{
  encryption {{
{providers}
    state {{
      method   = method.aes_gcm.{current}
      enforced = true
{fallback}
    }}
    plan {{
      method   = method.aes_gcm.{current}
      enforced = true
    }}
  }}
}}
variable "word" {{}}
resource "terraform_data" "kept" {{
  input = var.word
}}
output "word" {{
  value = terraform_data.kept.output
}}
"""
FALLBACK = "      fallback {{\n        method = method.aes_gcm.{name}\n      }}"


@dataclass(frozen=True, slots=True)
class Tofu:
    """OpenTofu in a folder of its own. It has one resource, which needs no provider."""

    folder: Path
    environment: dict[str, str]

    def under(self, current: str, **keys: str) -> None:
        """The settings: all of these keys are there, `current` encrypts, the others are still read."""
        providers = "".join(PROVIDER.format(name=name, key=key, region=HOME) for name, key in keys.items())
        fallback = "\n".join(FALLBACK.format(name=name) for name in keys if name != current)
        (self.folder / "main.tf").write_text(MAIN.format(providers=providers, current=current, fallback=fallback))

    def __call__(self, command: str, *words: str) -> str:
        return told([*program("opentofu"), f"-chdir={self.folder}", command, *words], self.environment)

    def refused(self, command: str, *words: str) -> str:
        done = run([*program("opentofu"), f"-chdir={self.folder}", command, *words], self.environment)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def apply(self, word: str) -> None:
        """A plan is written first, and what it says is done."""
        self("plan", "-input=false", "-out=plan", f"-var=word={word}")
        self("apply", "-input=false", "plan")
        for file in ("plan", "terraform.tfstate"):
            assert word.encode() not in (self.folder / file).read_bytes()

    def word(self) -> str:
        return self("output", "-raw", "word")


@pytest.fixture
def tofu(tls_region: TlsRegion, tmp_path: Path) -> Tofu:
    """STS is asked who calls before anything is done."""
    named = {"AWS_ENDPOINT_URL_STS": tls_region.url, "CHECKPOINT_DISABLE": "1"}
    return Tofu(tmp_path, variables(tmp_path, **tls_region.environment(), **named))


def new_key(tls_region: TlsRegion) -> str:
    return str(tls_region.kms().create_key()["KeyMetadata"]["Arn"])


def test_a_state_and_a_plan_are_encrypted_and_read(tls_region: TlsRegion, tofu: Tofu) -> None:
    key = new_key(tls_region)
    tofu.under("first", first=key)
    tofu("init", "-input=false")
    tofu.apply("mellon")
    assert tofu.word() == "mellon"
    tls_region.kms().rotate_key_on_demand(KeyId=key)
    tofu.apply("friend")
    assert tofu.word() == "friend"
    tls_region.kms().disable_key(KeyId=key)
    assert "DisabledException" in tofu.refused("output", "-raw", "word")


def test_a_state_moves_to_another_key(tls_region: TlsRegion, tofu: Tofu) -> None:
    old, new = new_key(tls_region), new_key(tls_region)
    tofu.under("old", old=old)
    tofu("init", "-input=false")
    tofu.apply("mellon")
    tofu.under("new", old=old, new=new)
    tofu.apply("friend")
    tls_region.kms().disable_key(KeyId=old)
    tofu.under("new", new=new)
    assert tofu.word() == "friend"
