"""How a client reaches a Region: address, certificates, deadlines and retries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from meridian.catalog import rpcs
from meridian.keepalive import KEEPALIVE

DATA_PLANE_SECONDS: Final = 5.0
CONTROL_PLANE_SECONDS: Final = 10.0
DATA_PLANE: Final = frozenset(
    {
        "EncryptionService",
        "DataKeysService",
        "SigningService",
        "MacsService",
        "KeyAgreementService",
    }
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One Region's address and what proves the caller to it."""

    target: str
    ca: Path
    certificate: Path
    private_key: Path
    token: str = ""

    def __repr__(self) -> str:
        return f"Endpoint({self.target})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Endpoint:
        """From MERIDIAN_ENDPOINT, MERIDIAN_CA, MERIDIAN_CERTIFICATE, MERIDIAN_PRIVATE_KEY and MERIDIAN_TOKEN_FILE.

        Raises: ValueError naming what is missing.
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
    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.ca.read_bytes(), self.private_key.read_bytes(), self.certificate.read_bytes())

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Metadata of every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    @property
    def options(self) -> list[tuple[str, Any]]:
        """Channel options: retries of calls that may be repeated, and only when the Region was not reached."""
        services = sorted({r.path.split("/")[1] for r in rpcs().values() if r.path.split("/")[1].rsplit(".", 1)[-1] in DATA_PLANE})
        policy = {
            "name": [{"service": service} for service in services],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
        return [("grpc.service_config", json.dumps({"methodConfig": [policy]})), *KEEPALIVE]


def deadline_seconds(path: str) -> float:
    """The default deadline of a call."""
    service = path.split("/")[1].rsplit(".", 1)[-1]
    return DATA_PLANE_SECONDS if service in DATA_PLANE else CONTROL_PLANE_SECONDS
