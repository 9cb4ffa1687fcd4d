"""What every table of the settings file is made of, and the addresses that stand in them."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo

from meridian.unused_parts import always_in_place_of

HOST_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?")
PORT_MAX: Final = 65_535
PLAINTEXT_SCHEME: Final = "http://"
TLS_SCHEME: Final = "https://"

always_in_place_of("pydantic.plugin._loader", get_plugins=tuple)
"""No package that happens to be installed, too, has a part in reading settings, and nobody reads what each package says of itself."""


class Section(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


FOLDER: Final = "folder"
"""Of the settings file, in the context of its validation."""
SQLITE: Final = "sqlite:///"


def beside_file(path: Path, info: ValidationInfo) -> Path:
    """A path of the file: a relative one begins at the file's folder, wherever the process was started."""
    return path if info.context is None else info.context[FOLDER] / path


def database_beside_file(url: str, info: ValidationInfo) -> str:
    """The same of the path in the URL of a SQLite database."""
    if info.context is None or not url.startswith(SQLITE):
        return url
    return f"{SQLITE}{info.context[FOLDER] / url.removeprefix(SQLITE)}"


FilePath = Annotated[Path, AfterValidator(beside_file)]


def host_of(address: str) -> str:
    """The host of `host:port`, an IPv6 address without its brackets."""
    return address.rpartition(":")[0].strip("[]")


def is_loopback(address: str) -> bool:
    """Whether `host:port` can be reached from this machine alone. A name that is not `localhost` may lead anywhere."""
    host = host_of(address)
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _require_host_and_port(address: str) -> str:
    host, _, port = address.rpartition(":")
    bare = host.strip("[]")
    try:
        ip_address(bare)
        is_host = (":" in bare) == host.startswith("[") == host.endswith("]")
    except ValueError:
        is_host = HOST_NAME.fullmatch(host) is not None
    if not is_host or not (port.isascii() and port.isdigit()) or not 0 < int(port[:6]) <= PORT_MAX:
        raise ValueError("must be host:port, an IPv6 address in brackets, the port from 1 to 65535")
    return address


def address_in(url: str) -> str:
    """`host:port` of a `SecureUrl`."""
    return url.removeprefix(TLS_SCHEME).removeprefix(PLAINTEXT_SCHEME)


def _require_secure_url(url: str) -> str:
    if not url.startswith((TLS_SCHEME, PLAINTEXT_SCHEME)):
        raise ValueError("must be https://host:port, or http://host:port on a loopback address")
    _require_host_and_port(address_in(url))
    if url.startswith(PLAINTEXT_SCHEME) and not is_loopback(address_in(url)):
        raise ValueError("plaintext is for loopback addresses alone: https://host:port")
    return url


def _network(text: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text if isinstance(text, str) else "")
    except ValueError as fault:
        raise ValueError("must be a network such as 10.0.0.0/8, without bits behind its length") from fault


def _require_origin(origin: str) -> str:
    host, _, port = address_in(origin).partition(":")
    has_form = (
        HOST_NAME.fullmatch(host) and not host.endswith(".") and origin == origin.lower() and (port.isdecimal() or origin.count(":") == 1)
    )
    if not has_form or port == "443" or not origin.startswith((TLS_SCHEME, PLAINTEXT_SCHEME)):
        raise ValueError("must be as a browser writes it: https://host, small letters, with its port where that is not 443, and no path")
    if origin.startswith(PLAINTEXT_SCHEME) and not is_loopback(f"{host}:0"):
        raise ValueError("plaintext is for loopback addresses alone: https://host")
    return origin


Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_network, json_schema_input_type=str)]
Origin = Annotated[str, AfterValidator(_require_origin)]
"""Where a page came from: the Origin of its requests."""
ListenAddress = Annotated[str, AfterValidator(_require_host_and_port)]
SecureUrl = Annotated[str, AfterValidator(_require_secure_url)]
"""`https://host:port`, or `http://host:port` on this machine."""


class HttpSettings(Section):
    """What every HTTP listener is given. Times end a connection within a second after them."""

    listen: ListenAddress
    connections: int = Field(ge=8, le=65_536)
    """Open at once; then a newcomer takes the place of one whose caller has not proved who he is, or that rests."""
    head_seconds: float = Field(10.0, gt=0, le=600)
    """For TLS and the headers of a request."""
    idle_seconds: float = Field(75.0, gt=0, le=3600)
    """Between an answer and the next request."""


class BodySettings(HttpSettings):
    """What an HTTP listener is given that reads bodies."""

    body_seconds: float = Field(10.0, gt=0, le=600)
    """For the body of a request."""


SinkSeconds = Annotated[float, Field(gt=0, le=120, allow_inf_nan=False)]
"""How long one piece may take; below the time after which a job counts as late."""


class OtlpSettings(Section):
    """A collector that takes every record as an OpenTelemetry log record, by OTLP over gRPC."""

    endpoint: SecureUrl
    ca: FilePath | None = None
    """Of the authorities that sign the collector; those that gRPC knows where it is not given."""
    headers_file: FilePath | None = None
    """Of lines `name: value` that go with every message, such as a token; a secret."""
    timeout_seconds: SinkSeconds = 10.0
