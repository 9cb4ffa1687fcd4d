"""What a gRPC connection and its metadata show of the caller, before a message is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from meridian.call import Evidence, Wire
from meridian.contract.caller_request_id import CALLER_REQUEST_ID
from meridian.contract.client_token import CLIENT_TOKEN
from meridian.domain.addresses import plain_address
from meridian.domain.trace_context import TRACEPARENT

HEADERS: Final = frozenset({"authorization", "user-agent", CLIENT_TOKEN, CALLER_REQUEST_ID})
LOOPBACK: Final = "127.0.0.1"


def evidence_of(context: Any) -> Evidence:
    """The evidence of a call; `context` is gRPC's own."""
    headers: dict[str, str] = {}
    repeated = traceparent = ""
    for name, value in context.invocation_metadata():
        if name in HEADERS:
            if name in headers:
                repeated = name
            headers[name] = value
        elif name == TRACEPARENT:
            traceparent = value  # of several, gRPC shows the last
    auth = context.auth_context()
    spiffe = auth.get("peer_spiffe_id", ())
    tls = auth.get("ssl_tls_version") or auth.get("security_level", ())
    return Evidence(
        spiffe_id=spiffe[0].decode() if len(spiffe) == 1 else "",
        certificate_pem=certificate_of(auth),
        headers=headers,
        source_ip=peer_address(context.peer()),
        secure_transport=bool(auth),
        user_agent=headers.get("user-agent", ""),
        tls_version=tls[0].decode() if tls else "",
        repeated=repeated,
        client_token=headers.get(CLIENT_TOKEN),
        caller_request_id=headers.get(CALLER_REQUEST_ID),
        traceparent=traceparent,
        wire=Wire.GRPC,
    )


def certificate_of(auth: Mapping[str, Sequence[bytes]]) -> bytes:
    """The client's certificate, PEM; nothing where it showed none. gRPC's own reading of the names in it ends at a NUL."""
    shown = auth.get("x509_pem_cert", ())
    return shown[0] if shown else b""


def peer_address(peer: str) -> str:
    """`ipv4:127.0.0.1:1234` → `127.0.0.1`; `ipv6:%5B::ffff:10.0.0.1%5D:1234` → `10.0.0.1`; a socket of this machine is loopback."""
    kind, _, rest = peer.partition(":")
    host = rest.rpartition(":")[0].replace("%5B", "[").replace("%5D", "]").strip("[]")
    return plain_address(host.replace("%25", "%")) if kind in ("ipv4", "ipv6") and host else LOOPBACK
