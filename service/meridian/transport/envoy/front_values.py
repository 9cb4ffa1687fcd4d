"""What Envoy's configuration is made of: what the settings say of the front, and where its files lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

Json = dict[str, object]

TYPE: Final = "type.googleapis.com/envoy"
ADMIN_SOCKET: Final = "admin.sock"
BOOTSTRAP: Final = "envoy.json"


@dataclass(frozen=True, slots=True)
class FrontValues:
    """What the settings say of the front."""

    address: str
    """An IP address: Envoy looks up no names for a listener."""
    port: int
    connections: int
    """Open at once, half-open ones among them."""
    request_bytes: int
    """Of the longest request."""
    reuse_port: bool
    """Whether several processes may listen on the port together. Else a second one hears that it is taken."""
    loop: str
    """`uvloop` or `asyncio`."""
    web_origins: tuple[str, ...]
    """Whose pages may call by gRPC-Web; without one it is not spoken."""
    http3: bool


@dataclass(frozen=True, slots=True)
class FrontPlaces:
    """Where things lie."""

    folder: Path
    """Of this process alone, 0700."""
    module: str
    """The library that embeds Python."""
    application: str
    """`module:name` of the ASGI application."""
    http3_application: str
    """That of what comes over HTTP/3."""

    def secret(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    @property
    def admin_socket(self) -> Path:
        return self.folder / ADMIN_SOCKET


def seconds(count: int) -> str:
    """A time as Envoy writes it."""
    return f"{count}s"
