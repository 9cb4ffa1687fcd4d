"""How a client reaches a Region: address, certificates, deadlines and retries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from meridian.client.methods import ALL
from meridian.keepalive import KEEPALIVE

READ_ATTEMPTS_MAX: Final = 5
"""The most that gRPC allows."""

RECONNECT: Final = (
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 2_500),
    ("grpc.max_reconnect_backoff_ms", 2_500),
)
"""By itself gRPC waits up to two minutes before it tries to connect again."""


PORT_MAX: Final = 65_535
RESOLVERS: Final = ("dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:", "vsock:", "xds:")
"""Names that gRPC looks up in its own way."""


def require_target(target: str) -> None:
    """gRPC takes whatever stands behind the colon for a number of 16 bits. Raises: ValueError."""
    if target.startswith(RESOLVERS):
        return
    host, _, port = target.rpartition(":")
    is_bare = ":" not in host or (host.startswith("[") and host.endswith("]"))
    if not host or not is_bare or not (port.isascii() and port.isdigit()) or not 0 < int(port[:6]) <= PORT_MAX:
        raise ValueError(f"{target} is no host:port, an IPv6 address in brackets, the port from 1 to {PORT_MAX}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One Region's address and what proves the caller to it."""

    target: str
    ca: Path
    certificate: Path
    private_key: Path
    token: str = ""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        require_target(self.target)

    def __repr__(self) -> str:
        return f"Endpoint({self.target})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Endpoint:
        """From MERIDIAN_ENDPOINT, MERIDIAN_CA, MERIDIAN_CERTIFICATE, MERIDIAN_PRIVATE_KEY and MERIDIAN_TOKEN_FILE.

        Raises: ValueError naming what is missing or wrong.
        """
        names = ("MERIDIAN_ENDPOINT", "MERIDIAN_CA", "MERIDIAN_CERTIFICATE", "MERIDIAN_PRIVATE_KEY")
        missing = [name for name in names if not environment.get(name)]
        if missing:
            raise ValueError(f"not set: {', '.join(missing)}")
        token_file = environment.get("MERIDIAN_TOKEN_FILE", "")
        token = Path(token_file).read_text().strip() if token_file else ""
        target, ca, certificate, private_key = (environment[name] for name in names)
        return cls(target, Path(ca), Path(certificate), Path(private_key), token)

    @property
    def repeats_throttled(self) -> bool:
        """Whether a call that was throttled is sent again within its time, when the Region says that there may be room."""
        return True

    @property
    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.ca.read_bytes(), self.private_key.read_bytes(), self.certificate.read_bytes())

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Metadata of every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    @property
    def options(self) -> list[tuple[str, Any]]:
        """Channel options: gRPC sends what changes nothing up to five times, within the deadline, while the Region is unavailable. What it
        cancels itself is repeated too: a server that ends does so with calls that reach it as its connections are told to go away. Nobody
        else cancels a call but its caller, whom gRPC does not ask then. Changes are repeated under their tokens, see `Attempts`."""
        policy = {
            "name": [dict(zip(("service", "method"), each.path.split("/")[1:], strict=True)) for each in ALL if not each.takes_token],
            "retryPolicy": {
                "maxAttempts": READ_ATTEMPTS_MAX,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
        return [("grpc.service_config", json.dumps({"methodConfig": [policy]})), *KEEPALIVE]


@dataclass(frozen=True, slots=True, repr=False)
class OneOfSeveral(Endpoint):
    """A Region whose caller has others to go to, or repeats by himself: gRPC sends nothing twice, so that a Region that is away is known at
    once, and tries to connect every few seconds, so that one that is back is."""

    @property
    def repeats_throttled(self) -> bool:
        return False

    @property
    def options(self) -> list[tuple[str, Any]]:
        return [("grpc.enable_retries", 0), *RECONNECT, *KEEPALIVE]
