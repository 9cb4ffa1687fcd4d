"""The settings of one Region: one TOML file, read once, unknown keys refused, every fault reported at once.

Secrets never stand in the file; it names the files that hold them, from its own folder on where a name is relative.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from meridian.domain.limits import Limits
from meridian.domain.strict_toml import TomlFault, parse_toml
from meridian.keepalive import PING_SECONDS_MIN
from meridian.process_name import process_name
from meridian.settings_audit import AuditSettings
from meridian.settings_console import ConsoleSettings
from meridian.settings_proxies import KeyStoreProxySettings
from meridian.settings_readable import readable
from meridian.settings_rules import faults_between
from meridian.settings_sections import (
    FOLDER,
    BodySettings,
    FilePath,
    HttpSettings,
    ListenAddress,
    Network,
    Origin,
    Section,
    database_beside_file,
)
from meridian.settings_tokens import ClusterId, KeyStoreTokenSettings, TokenSealSettings
from meridian.settings_tracing import TracingSettings
from meridian.settings_words import FAULTS_MAX, faults_of, mistaken_types
from meridian.settings_xks import XksSettings

AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
REGION_NAME: Final = r"^([a-z]+-){2,3}\d+$"
RegionName = Annotated[str, Field(pattern=REGION_NAME)]
Label = Annotated[str, Field(min_length=1, max_length=256)]
ServiceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,254}$")]
ServiceHere = Annotated[str, Field(pattern=r"^[0-9]{12}/[^/\s]\S{0,255}$")]
ORIGINS_MAX: Final = 64
HOURS_MAX: Final = 87_600.0
"""Ten years."""


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
    client_certificate_hours_max: float | None = Field(None, gt=0, le=HOURS_MAX)
    """The longest life of a client's certificate, from its `notBefore` to its `notAfter`; none where it is not given."""
    connections: int = Field(4096, ge=8, le=65_536)
    """Open at once."""


class GrpcSettings(ListenerSettings):
    """The listener for callers."""

    bearer_tokens: bool = False
    """Whether static bearer tokens are accepted; for development alone."""
    ping_seconds_min: float = Field(PING_SECONDS_MIN, ge=0.05, le=3600)
    """How often a client may ask whether the connection lives; who asks more often is sent away."""


class FrontSettings(Section):
    """What answers callers on `grpc.listen`."""

    kind: Literal["grpcio", "envoy"] = "grpcio"
    """`envoy`: Envoy in this process, for gRPC and the AWS wire on the one port; needs the extra `envoy`."""
    grpc_web_origins: Annotated[tuple[Origin, ...], Field(max_length=ORIGINS_MAX)] = ()
    """Whose pages may call by gRPC-Web, as browsers write them: `https://host`. Without one nobody may, browser or not."""
    http3: bool = False
    """Whether HTTP/3 is spoken too, on the same port of UDP. It shows no client certificates."""


class AwsTlsSettings(Section):
    """Certificate and key of the AWS wire; PEM files. Its clients prove themselves by their signatures."""

    certificate: FilePath
    private_key: FilePath


class AwsSettings(BodySettings):
    """The AWS wire. Without TLS it listens on a loopback address alone."""

    connections: int = Field(2048, ge=8, le=65_536)
    trusted_proxies: tuple[Network, ...] = ()
    """Whose X-Forwarded-For names the client; nobody's else."""
    tls: AwsTlsSettings | None = None


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
    time_cost: int = Field(4, ge=3, le=1000)
    memory_kib: int = Field(262144, ge=65_536, le=64 * 1024 * 1024)
    """64 GiB at most."""
    parallelism: int = Field(4, ge=1, le=255)


class PeerSettings(Section):
    """Another Region of this deployment: nothing about it is learned on first use."""

    region: RegionName
    address: ListenAddress
    spiffe_id: Annotated[str, Field(pattern=r"^spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9._-]+)+$", max_length=2048)]
    transport_fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    accounts: tuple[AccountId, ...] = ()
    """Accounts that this peer may speak for."""


class AccountSettings(Section):
    """An account: the organisational units it is in, nearest first."""

    org_units: tuple[Label, ...] = ()


class RegionSettings(Section):
    """What policies may say about a Region."""

    labels: tuple[Label, ...] = ()


class Settings(Section):
    """Everything that one Region's process needs to know."""

    deployment: Annotated[str, Field(min_length=1, max_length=64)]
    partition: Annotated[str, Field(pattern=r"^aws[a-z-]*$")] = "aws"
    region: RegionName
    replica: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$")] = "replica-1"
    replica_file: FilePath | None = None
    """A file of one line, the name of this process: so several read one settings file."""
    database: DatabaseUrl
    front: FrontSettings = FrontSettings()
    grpc: GrpcSettings
    peer: ListenerSettings
    admin: AdminSettings
    aws: AwsSettings | None = None
    xks: XksSettings | None = None
    console: ConsoleSettings | None = None
    development: bool = False
    """Whether `meridian dev` runs this Region, on loopback addresses alone: its AWS wire can then empty it."""
    seals: tuple[Annotated[FileSealSettings | PassphraseSealSettings | TokenSealSettings, Field(discriminator="provider")], ...]
    audit: AuditSettings
    tracing: TracingSettings | None = None
    policies: FilePath
    principals: FilePath
    denied_spiffe_ids: FilePath | None = None
    """A file of SPIFFE ids, one a line, that are refused whatever their certificates say."""
    services: dict[ServiceName, ServiceHere] = Field(default_factory=dict)
    """Service names of AWS, as key policies of AWS name them, by the service here that is meant: `account/name`."""
    accounts: dict[AccountId, AccountSettings] = Field(default_factory=dict)
    regions: dict[RegionName, RegionSettings] = Field(default_factory=dict)
    peers: tuple[PeerSettings, ...] = ()
    key_store_proxies: KeyStoreProxySettings = KeyStoreProxySettings()
    key_store_tokens: dict[ClusterId, KeyStoreTokenSettings] = Field(default_factory=dict)
    """Hardware tokens of key stores, by what callers give as CloudHsmClusterId."""
    limits: Limits = Limits()
    throttle: dict[str, float] = Field(default_factory=dict)
    """Calls per second and account, by class of `contract/rates.py`; a class that is not named keeps its default, 0 means no limit."""
    reflection: bool = False
    uvloop: bool = True

    @model_validator(mode="after")
    def _require_what_settings_must_be_together(self) -> Settings:
        faults = faults_between(self)
        if faults:
            raise ValueError("\n".join(faults))
        return self


def load_settings(path: Path) -> Settings:
    """Read and check a settings file; its relative paths begin at its folder. Raises: SettingsError with every fault."""
    return settings_from(read_file(path), path)


def read_file(path: Path) -> bytes:
    """A settings file, unread. Raises: SettingsError."""
    try:
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except OSError as fault:
        raise SettingsError(f"{path}: {fault.strerror}") from fault


def settings_from(data: bytes, path: Path) -> Settings:
    """What stands in the file of this path; its relative paths begin at its folder. Raises: SettingsError with every fault."""
    if len(data) > BYTES_MAX:
        raise SettingsError(f"{path}: is longer than {BYTES_MAX:,} bytes")
    try:
        document = parse_toml(data)
    except TomlFault as fault:
        raise SettingsError(f"{path}: {fault}") from fault
    faults, settings = read_settings(document, path.absolute().parent)
    if settings is None or faults:
        raise SettingsError("\n".join(f"{path}: {line}" for line in faults))
    try:
        return settings.model_copy(update={"replica": process_name(settings)})
    except ValueError as fault:
        raise SettingsError(f"{path}: replica_file: {fault}") from fault


def read_settings(document: Mapping[str, object], folder: Path) -> tuple[list[str], Settings | None]:
    """(a line for every fault, the settings where each value can be read); paths in the document begin at the folder."""
    context = {FOLDER: folder}
    try:
        settings = Settings.model_validate(document, context=context)
    except ValidationError as fault:
        read = readable(Settings, document, context)
        lines = [*faults_of(fault, Settings), *faults_between(read), *mistaken_types(document, read)]
        return list(dict.fromkeys(lines))[:FAULTS_MAX], None
    return mistaken_types(document, settings), settings
