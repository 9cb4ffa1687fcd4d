"""The settings of one Region: one TOML file, read once, unknown keys refused, every fault reported at once.

Secrets never stand in the file; it names the files that hold them, from its own folder on where a name is relative.
"""

from __future__ import annotations

import math
from dataclasses import fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from meridian.contract.rates import RATES
from meridian.domain.limits import Limits
from meridian.domain.strict_toml import TomlFault, parse_toml
from meridian.keepalive import PING_SECONDS_MIN
from meridian.process_name import process_name
from meridian.settings_audit import AuditSettings
from meridian.settings_proxies import KeyStoreProxySettings
from meridian.settings_sections import FOLDER, FilePath, HttpSettings, ListenAddress, Section, database_beside_file, is_loopback
from meridian.settings_words import faults_of, mistaken_types
from meridian.settings_xks import XksSettings

AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
REGION_NAME: Final = r"^([a-z]+-){2,3}\d+$"
RegionName = Annotated[str, Field(pattern=REGION_NAME)]


BYTES_MAX: Final = 4 * 1024 * 1024
"""Of a settings file."""


def _require_usable_database(url: str) -> str:
    from meridian.adapters.store_sql.dialects import require_usable

    require_usable(url)
    return url


_Usable = AfterValidator(_require_usable_database)
DatabaseUrl = Annotated[str, _Usable, AfterValidator(database_beside_file), _Usable]


class SettingsError(Exception):
    """The settings are wrong; the message lists every fault with its place."""


class TlsSettings(Section):
    """A listener's certificate, key and the authority that signs its clients; PEM files."""

    certificate: FilePath
    private_key: FilePath
    client_ca: FilePath


class ListenerSettings(Section):
    """An address with mutual TLS."""

    listen: ListenAddress
    tls: TlsSettings
    client_certificate_hours_max: float | None = Field(None, gt=0)
    """The longest life of a client's certificate, from its `notBefore` to its `notAfter`; none where it is not given."""
    connections: int = Field(4096, ge=8, le=65_536)
    """Open at once."""


class GrpcSettings(ListenerSettings):
    """The listener for callers."""

    bearer_tokens: bool = False
    """Whether static bearer tokens are accepted; for development alone."""
    ping_seconds_min: float = Field(PING_SECONDS_MIN, ge=0.05, le=3600)
    """How often a client may ask whether the connection lives; who asks more often is sent away."""


class AwsTlsSettings(Section):
    """Certificate and key of the AWS wire; PEM files. Its clients prove themselves by their signatures."""

    certificate: FilePath
    private_key: FilePath


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
        if self.tls is None and not is_loopback(self.listen):
            raise ValueError("plaintext is for loopback addresses alone: give tls")
        return self


class AdminSettings(HttpSettings):
    """Health and metrics; plaintext, without credentials."""

    connections: int = Field(64, ge=8, le=65_536)


class FileSealSettings(Section):
    """Root key sealed under a 32-byte file."""

    provider: Literal["file"]
    path: FilePath


class PassphraseSealSettings(Section):
    """Root key sealed under a passphrase that stands alone in a file."""

    provider: Literal["passphrase"]
    passphrase_file: FilePath
    time_cost: int = 4
    memory_kib: int = 262144
    parallelism: int = 4


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
    replica_file: FilePath | None = None
    """A file of one line, the name of this process: so several read one settings file."""
    database: DatabaseUrl
    grpc: GrpcSettings
    peer: ListenerSettings
    admin: AdminSettings
    aws: AwsSettings | None = None
    xks: XksSettings | None = None
    development: bool = False
    """Whether `meridian dev` runs this Region, on loopback addresses alone: its AWS wire can then empty it."""
    seals: tuple[Annotated[FileSealSettings | PassphraseSealSettings, Field(discriminator="provider")], ...]
    audit: AuditSettings
    policies: FilePath
    principals: FilePath
    denied_spiffe_ids: FilePath | None = None
    """A file of SPIFFE ids, one a line, that are refused whatever their certificates say."""
    services: dict[str, str] = Field(default_factory=dict)
    """Service names of AWS, as key policies of AWS name them, by the service here that is meant: `account/name`."""
    accounts: dict[AccountId, AccountSettings] = Field(default_factory=dict)
    regions: dict[RegionName, RegionSettings] = Field(default_factory=dict)
    peers: tuple[PeerSettings, ...] = ()
    key_store_proxies: KeyStoreProxySettings = KeyStoreProxySettings()
    limits: Limits = Limits()
    throttle: dict[str, float] = Field(default_factory=dict)
    """Calls per second and account, by class of `contract/rates.py`; a class that is not named keeps its default, 0 means no limit."""
    reflection: bool = False
    uvloop: bool = True

    @model_validator(mode="after")
    def _keep_development_on_this_machine(self) -> Settings:
        listeners = {"grpc": self.grpc.listen, "peer": self.peer.listen, "admin": self.admin.listen}
        listeners |= {name: each.listen for name, each in (("aws", self.aws), ("xks", self.xks)) if each is not None}
        open_to_others = [f"{name}.listen" for name, address in listeners.items() if not is_loopback(address)]
        if self.development and open_to_others:
            raise ValueError(f"development is for loopback addresses alone: {', '.join(open_to_others)}")
        if self.grpc.bearer_tokens and not self.development:
            raise ValueError("grpc.bearer_tokens: static tokens are for development alone: give callers certificates")
        return self

    @model_validator(mode="after")
    def _require_one_name(self) -> Settings:
        if self.replica_file is not None and "replica" in self.model_fields_set:
            raise ValueError("replica, replica_file: give one of them")
        return self

    @model_validator(mode="after")
    def _require_other_regions(self) -> Settings:
        """Every peer is another Region than this one and than any other peer."""
        seen: dict[tuple[str, str], int] = {}
        for at, peer in enumerate(self.peers):
            if peer.region == self.region:
                raise ValueError(f"peers.{at}.region: {peer.region} is this Region itself")
            for name in ("region", "spiffe_id"):
                first = seen.setdefault((name, getattr(peer, name)), at)
                if first != at:
                    raise ValueError(f"peers.{at}.{name}: peers.{first} has the same one")
        return self

    @field_validator("limits")
    @classmethod
    def _require_sound_limits(cls, value: Limits) -> Limits:
        unsound = [field.name for field in fields(value) for number in _numbers(getattr(value, field.name)) if not _is_sound(number)]
        if unsound:
            raise ValueError(f"must be numbers from 0: {', '.join(dict.fromkeys(unsound))}")
        return value

    @field_validator("throttle")
    @classmethod
    def _require_known_classes(cls, value: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(value) - set(RATES))
        if unknown:
            raise ValueError(f"no such class: {', '.join(unknown)}")
        unsound = sorted(name for name, rate in value.items() if not _is_sound(rate))
        if unsound:
            raise ValueError(f"must be numbers from 0: {', '.join(unsound)}")
        return value


def _numbers(value: Any) -> list[float]:
    return list(value.values()) if isinstance(value, dict) else [value]


def _is_sound(number: float) -> bool:
    return math.isfinite(number) and number >= 0


def load_settings(path: Path) -> Settings:
    """Read and check a settings file; its relative paths begin at its folder. Raises: SettingsError with every fault."""
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
        if len(data) > BYTES_MAX:
            raise SettingsError(f"{path}: is longer than {BYTES_MAX:,} bytes")
        document = parse_toml(data)
    except (OSError, TomlFault) as fault:
        raise SettingsError(f"{path}: {fault}") from fault
    try:
        settings = Settings.model_validate(document, context={FOLDER: path.absolute().parent})
    except ValidationError as fault:
        raise SettingsError("\n".join(f"{path}: {line}" for line in faults_of(fault, Settings))) from fault
    mistaken = mistaken_types(document, settings)
    if mistaken:
        raise SettingsError("\n".join(f"{path}: {line}" for line in mistaken))
    if not settings.seals:
        raise SettingsError(f"{path}: seals: at least one seal is needed")
    try:
        return settings.model_copy(update={"replica": process_name(settings)})
    except ValueError as fault:
        raise SettingsError(f"{path}: replica_file: {fault}") from fault
