"""What an ASGI scope of Envoy shows of a request, before anything of its body is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from meridian.authentication.certificate_names import spiffe_id_in
from meridian.call import Evidence, Wire
from meridian.contract.caller_request_id import CALLER_REQUEST_ID
from meridian.contract.client_token import CLIENT_TOKEN
from meridian.domain.addresses import plain_address
from meridian.domain.trace_context import TRACEPARENT
from meridian.transport.envoy.grpc_web import SENT_TYPE
from meridian.transport.grpc_evidence import HEADERS, LOOPBACK

Scope = Mapping[str, Any]
"""Of ASGI; its values are of as many types as it has keys."""

CERTIFICATE: Final = b"x-forwarded-client-cert"
"""Set by Envoy, which throws away what a client sends under this name."""
SHOWN: Final = re.compile(rb'(?:By=[^;,"]*;)*Hash=[0-9a-f]{64};Cert="([A-Za-z0-9%+/=._~-]+)"')
"""One certificate as Envoy writes it. Anything else is no certificate that is believed."""
UNREADABLE: Final = b"unreadable"
"""For a certificate that was shown and cannot be told: no certificate at all is something else, and may come with a token."""
CERTIFICATES_KEPT: Final = 1024
HTTP_3: Final = "3"
PROTOCOLS: Final = {0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
GRPC_HEADERS: Final = frozenset({"te", "grpc-timeout", "grpc-encoding", "content-type", SENT_TYPE})
READ: Final = {name.encode(): name for name in {TRACEPARENT} | HEADERS | GRPC_HEADERS}
"""Every other header that is looked at, as it comes."""


class Shown(NamedTuple):
    """A client certificate."""

    pem: bytes
    spiffe_id: str
    """Its one name, where that is a SPIFFE id."""


NO_CERTIFICATE: Final = Shown(b"", "")


class Arrival(NamedTuple):
    """A request of gRPC."""

    path: str
    evidence: Evidence
    headers: Mapping[str, str]
    """Those of the protocol itself, by lower-case name."""
    peer: str
    """The far end, as gRPC writes it; `udp:…` of HTTP/3, whose connections have no share of those of TCP."""


def arrival_of(scope: Scope) -> Arrival:
    """The request of this scope."""
    known: dict[str, str] = {}
    protocol: dict[str, str] = {}
    repeated, traceparent, certificates = "", "", []
    for raw, value in scope["headers"]:
        if raw == CERTIFICATE:
            certificates.append(value)
            continue
        name = READ.get(raw)
        if name is None:
            continue
        if name in HEADERS:
            if name in known:
                repeated = name
            known[name] = value.decode("latin-1")
        elif name == TRACEPARENT:
            traceparent = value.decode("latin-1")  # of several the last, as gRPC has it
        else:
            protocol[name] = value.decode("latin-1")
    address, port = scope["client"] or (LOOPBACK, 0)
    shown = _shown(certificates)
    evidence = Evidence(
        spiffe_id=shown.spiffe_id,
        certificate_pem=shown.pem,
        shows_no_certificate=not certificates,
        headers=known,
        source_ip=plain_address(address),
        secure_transport=scope["scheme"] == "https",
        user_agent=known.get("user-agent", ""),
        tls_version=tls_version_of(scope),
        repeated=repeated,
        client_token=known.get(CLIENT_TOKEN),
        caller_request_id=known.get(CALLER_REQUEST_ID),
        traceparent=traceparent,
        wire=Wire.GRPC,
    )
    peer = peer_of(address, port) if scope["http_version"] != HTTP_3 else f"udp:{address}:{port}"
    return Arrival(scope["raw_path"].decode("latin-1"), evidence, protocol, peer)


def tls_version_of(scope: Scope) -> str:
    """`TLSv1.3`; empty where it is none that the listener speaks."""
    tls = scope["extensions"].get("tls")
    return PROTOCOLS.get(tls["tls_version"], "") if tls else ""


def peer_of(address: str, port: int) -> str:
    """`ipv4:192.0.2.1:5`, `ipv6:[2001:db8::1]:5`."""
    return f"ipv6:[{address}]:{port}" if ":" in address else f"ipv4:{address}:{port}"


def _shown(certificates: Sequence[bytes]) -> Shown:
    if not certificates:
        return NO_CERTIFICATE
    return _read(certificates[0]) if len(certificates) == 1 else Shown(UNREADABLE, "")


@lru_cache(maxsize=CERTIFICATES_KEPT)
def _read(value: bytes) -> Shown:
    found = SHOWN.fullmatch(value)
    if found is None:
        return Shown(UNREADABLE, "")
    pem = unquote_to_bytes(found[1])
    return Shown(pem, spiffe_id_in(pem))
