"""A Region behind one of the fronts, and what is sent to it byte by byte."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.deployment import HOME, Deployment
from tests.http2 import Answered, Http2, grpc_head

from meridian.contract.catalog import served_rpcs

CREATE, DESCRIBE, RANDOM = (served_rpcs()[name] for name in ("CreateKey", "DescribeKey", "GenerateRandom"))


@dataclass
class Front:
    """A Region behind one of the fronts."""

    kind: str
    deployment: Deployment

    @property
    def port(self) -> int:
        return self.deployment.place(HOME).grpc_port

    def http2(self, caller: str | None = "app") -> Http2:
        root = self.deployment.root
        return Http2(self.port, self.authority, root / "clients" / caller if caller is not None else None)

    @property
    def authority(self) -> Path:
        return self.deployment.endpoint(HOME, "alice").ca

    def one_of(self, grpcio: int, envoy: int) -> int:
        return grpcio if self.kind == "grpcio" else envoy

    def shows_nobody(self) -> list[str | None]:
        """Whose certificates name nobody; None for none at all, which grpcio sends away."""
        return ["transport"] if self.kind == "grpcio" else ["transport", None]

    def ask(self, body: bytes, path: str = RANDOM.path, caller: str | None = "app", **changed: str) -> Answered:
        with self.http2(caller) as connection:
            return connection.ask(grpc_head(path, **changed), body)


def framed(message: bytes, flag: int = 0, length: int | None = None) -> bytes:
    return bytes([flag]) + (len(message) if length is None else length).to_bytes(4, "big") + message


def random(count: int = 8) -> bytes:
    return bytes(RANDOM.request_class(number_of_bytes=count).SerializeToString())


def request_of(key_id: str) -> bytes:
    return bytes(DESCRIBE.request_class(key_id=key_id).SerializeToString())
