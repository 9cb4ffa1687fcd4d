"""How a client reaches a Region: address, certificates, deadlines and retries."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import grpc

from meridian.client.credential_chain import (
    CA,
    CERTIFICATE,
    ENDPOINT,
    NAMES,
    PRIVATE_KEY,
    TOKEN_FILE,
    find_values,
    missing_variables,
    variable,
)
from meridian.client.methods import ALL
from meridian.client.path_of import path_of
from meridian.client.retry_budget import TOKENS_FOR_A_SUCCESS, TOKENS_MAX
from meridian.client.token_file import TokenFile
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
    """One Region's address and what proves the caller to it: a certificate, and on one that names nobody a bearer token. Files may be given
    as str, too."""

    target: str
    """`host:port`."""
    ca: Path
    """Authority of the Region's certificate, PEM."""
    certificate: Path
    """The caller's, PEM."""
    private_key: Path
    token: str = ""
    token_file: Path | None = None
    """A file with the token instead of the token itself; it is read again whenever it has changed."""
    _tokens: TokenFile | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises: ValueError; TypeError for a field that holds something else than it should."""
        for name in ("target", "token"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name}: give a str, not {type(getattr(self, name)).__name__}")
        require_target(self.target)
        if self.token and self.token_file:
            raise ValueError("token and token_file: give one of them")
        for name in ("ca", "certificate", "private_key", *(("token_file",) if self.token_file else ())):
            object.__setattr__(self, name, path_of(name, getattr(self, name)))
        if self.token_file:
            object.__setattr__(self, "_tokens", TokenFile(self.token_file))

    def __repr__(self) -> str:
        return f"Endpoint({self.target})"

    @classmethod
    def find(  # noqa: PLR0913 - what a caller may name, most of which is left out
        cls,
        *,
        target: str | None = None,
        ca: Path | str | None = None,
        certificate: Path | str | None = None,
        private_key: Path | str | None = None,
        token_file: Path | str | None = None,
        profile: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Self:
        """What is given here counts first; what is not comes from the environment (`MERIDIAN_ENDPOINT`, `MERIDIAN_CA`,
        `MERIDIAN_CERTIFICATE`, `MERIDIAN_PRIVATE_KEY`, `MERIDIAN_TOKEN_FILE`), from the profile that is named here or by
        `MERIDIAN_PROFILE`, `default` otherwise, in `$XDG_CONFIG_HOME/meridian/profiles.toml`, and last from the workload's own files:
        `ca.crt`, `tls.crt`, `tls.key` and `token` in `/var/run/secrets/meridian`, or in `MERIDIAN_WORKLOAD_FOLDER`. A certificate and its
        key come from one place.

        Args:
            environment: Instead of the process's own.

        Raises: ValueError that says what is missing, or which file has which fault.
        """
        files = {CA: ca, CERTIFICATE: certificate, PRIVATE_KEY: private_key, TOKEN_FILE: token_file}
        given = {ENDPOINT: target, **{name: str(path) if path else None for name, path in files.items()}}
        return cls._of(find_values(given, profile, os.environ if environment is None else environment))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """From the environment alone: MERIDIAN_ENDPOINT, MERIDIAN_CA, MERIDIAN_CERTIFICATE, MERIDIAN_PRIVATE_KEY, MERIDIAN_TOKEN_FILE.

        Raises: ValueError naming what is missing or wrong.
        """
        if missing := missing_variables(environment):
            raise ValueError(f"not set: {', '.join(missing)}")
        return cls._of({name: value for name in NAMES if (value := environment.get(variable(name)))})

    @classmethod
    def _of(cls, values: Mapping[str, str]) -> Self:
        token_file = Path(values[TOKEN_FILE]) if TOKEN_FILE in values else None
        return cls(values[ENDPOINT], Path(values[CA]), Path(values[CERTIFICATE]), Path(values[PRIVATE_KEY]), token_file=token_file)

    @property
    def repeats_refusals(self) -> bool:
        """Whether refusals that may pass are sent again within the call's time: what was throttled when the Region says that there may be
        room, and what the Region failed for now."""
        return True

    @property
    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.ca.read_bytes(), self.private_key.read_bytes(), self.certificate.read_bytes())

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Metadata of every call. Raises: OSError and ValueError for a file that has no token."""
        token = self._tokens.token() if self._tokens is not None else self.token
        return (("authorization", f"Bearer {token}"),) if token else ()

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
        budget = {"maxTokens": TOKENS_MAX, "tokenRatio": TOKENS_FOR_A_SUCCESS}
        return [("grpc.service_config", json.dumps({"methodConfig": [policy], "retryThrottling": budget})), *KEEPALIVE]


def require_endpoint(given: object) -> None:
    """Raises: TypeError for what is no endpoint, such as the address alone."""
    if not isinstance(given, Endpoint):
        raise TypeError(f"endpoint: give an Endpoint, such as Endpoint.find(), not {type(given).__name__}")


@dataclass(frozen=True, slots=True, repr=False)
class OneOfSeveral(Endpoint):
    """A Region whose caller has others to go to, or repeats by himself: gRPC sends nothing twice, so that a Region that is away is known at
    once, and tries to connect every few seconds, so that one that is back is."""

    @property
    def repeats_refusals(self) -> bool:
        return False

    @property
    def options(self) -> list[tuple[str, Any]]:
        return [("grpc.enable_retries", 0), *RECONNECT, *KEEPALIVE]
