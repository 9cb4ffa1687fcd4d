"""The settings of one Region: one TOML file, read once, unknown keys refused, every fault reported at once.

Secrets never stand in the file; it names the files that hold them.
"""

from __future__ import annotations

import tomllib
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from meridian.domain.limits import Limits
from meridian.domain.rates import RATES

AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
RegionName = Annotated[str, Field(pattern=r"^([a-z]+-){2,3}\d+$")]


class SettingsError(Exception):
    """The settings are wrong; the message lists every fault with its place."""


class Section(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TlsSettings(Section):
    """A listener's certificate, key and the authority that signs its clients; PEM files."""

    certificate: Path
    private_key: Path
    client_ca: Path


class ListenerSettings(Section):
    """An address with mutual TLS. Bearer tokens are accepted on it where `bearer_tokens` is true."""

    listen: str
    tls: TlsSettings
    bearer_tokens: bool = False
    connections: int = Field(4096, ge=8, le=65_536)
    """Open at once."""


class AwsTlsSettings(Section):
    """Certificate and key of the AWS wire; PEM files. Its clients prove themselves by their signatures."""

    certificate: Path
    private_key: Path


class HttpSettings(Section):
    """What every HTTP listener is given. Times end a connection within a second after them."""

    listen: str
    connections: int = Field(ge=8, le=65_536)
    """Open at once; then a newcomer takes the place of one whose caller has not proved who he is, or that rests."""
    head_seconds: float = Field(10.0, gt=0, le=600)
    """For TLS and the headers of a request."""
    idle_seconds: float = Field(75.0, gt=0, le=3600)
    """Between an answer and the next request."""


class AwsSettings(HttpSettings):
    """The AWS wire. Without TLS it listens on a loopback address alone."""

    connections: int = Field(2048, ge=8, le=65_536)
    body_seconds: float = Field(10.0, gt=0, le=600)
    """For the body of a request."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Whose X-Forwarded-For names the client; nobody's else."""
    tls: AwsTlsSettings | None = None

    @model_validator(mode="after")
    def _require_tls_or_loopback(self) -> AwsSettings:
        host = self.listen.rpartition(":")[0].strip("[]")
        if self.tls is None and not (host == "localhost" or ip_address(host).is_loopback):
            raise ValueError("plaintext is for loopback addresses alone: give tls")
        return self


class AdminSettings(HttpSettings):
    """Health and metrics; plaintext, without credentials."""

    connections: int = Field(64, ge=8, le=65_536)


class FileSealSettings(Section):
    """Root key sealed under a 32-byte file."""

    provider: Literal["file"]
    path: Path


class PassphraseSealSettings(Section):
    """Root key sealed under a passphrase that stands alone in a file."""

    provider: Literal["passphrase"]
    passphrase_file: Path
    time_cost: int = 4
    memory_kib: int = 262144
    parallelism: int = 4


class AuditSettings(Section):
    """Where the audit stream goes, and how long a full batch may take before calls are refused."""

    directory: Path
    max_wait_seconds: float = 0.005
    max_batch: int = Field(256, ge=1, le=4096)
    sink_timeout_seconds: float = 0.5
    reserve_bytes: int = 64 * 1024 * 1024


class PeerSettings(Section):
    """Another Region of this deployment: nothing about it is learned on first use."""

    region: RegionName
    address: str
    spiffe_id: str
    transport_fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    accounts: tuple[AccountId, ...] = ()
    """Accounts that this peer may speak for."""


class AccountSettings(Section):
    """An account: the organisational units it is in, nearest first."""

    org_units: tuple[str, ...] = ()


class RegionSettings(Section):
    """What policies may say about a Region."""

    labels: tuple[str, ...] = ()


class Settings(Section):
    """Everything that one Region's process needs to know."""

    deployment: Annotated[str, Field(min_length=1, max_length=64)]
    partition: Annotated[str, Field(pattern=r"^aws[a-z-]*$")] = "aws"
    region: RegionName
    replica: str = "replica-1"
    database: str
    grpc: ListenerSettings
    peer: ListenerSettings
    admin: AdminSettings
    aws: AwsSettings | None = None
    development: bool = False
    """Whether `meridian dev` runs this Region: its AWS wire can then empty it."""
    seals: tuple[Annotated[FileSealSettings | PassphraseSealSettings, Field(discriminator="provider")], ...]
    audit: AuditSettings
    policies: Path
    principals: Path
    services: dict[str, str] = Field(default_factory=dict)
    """Service names of AWS, as key policies of AWS name them, by the service here that is meant: `account/name`."""
    accounts: dict[AccountId, AccountSettings] = Field(default_factory=dict)
    regions: dict[RegionName, RegionSettings] = Field(default_factory=dict)
    peers: tuple[PeerSettings, ...] = ()
    limits: Limits = Limits()
    throttle: dict[str, float] = Field(default_factory=dict)
    """Calls per second and account, by class of `domain/rates.py`; a class that is not named keeps its default, 0 means no limit."""
    reflection: bool = False
    uvloop: bool = True

    @field_validator("throttle")
    @classmethod
    def _require_known_classes(cls, value: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(value) - set(RATES))
        if unknown:
            raise ValueError(f"no such class: {', '.join(unknown)}")
        return value


def load_settings(path: Path) -> Settings:
    """Read and check a settings file. Raises: SettingsError with every fault."""
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as fault:
        raise SettingsError(f"{path}: {fault}") from fault
    try:
        settings = Settings.model_validate(document)
    except ValidationError as fault:
        lines = [f"{path}: {'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in fault.errors()]
        raise SettingsError("\n".join(lines)) from fault
    if not settings.seals:
        raise SettingsError(f"{path}: seals: at least one seal is needed")
    return settings
