"""The edge of the gRPC transport: bytes become a Call, and a KmsError becomes a status, in one place.

Each handler is wrapped once. What is inside takes a Call; nothing beyond this file knows a gRPC context.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_status import rpc_status

from meridian.catalog import Rpc
from meridian.domain.call import Call, Evidence
from meridian.domain.limits import Limits
from meridian.errors import DependencyTimeoutException, KmsError
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.transport.error_table import status_of

REQUEST_ID: Final = "x-amzn-requestid"
QUICK: Final = frozenset({"encryption", "data_keys"})
HEADERS: Final = frozenset({"authorization", "user-agent"})

Walk = Callable[[Call], Awaitable[Any]]


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of the KMS services."""

    def __init__(self, rpcs_by_path: dict[str, Rpc], clock: Clock, entropy: Entropy, limits: Limits) -> None:
        self._limits = limits
        self._rpcs = rpcs_by_path
        self._clock = clock
        self._entropy = entropy
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        path: str = handler_call_details.method
        known = self._wrapped.get(path)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        rpc = self._rpcs.get(path)
        if handler is None or rpc is None:
            return handler
        wrapped: Any = grpc.unary_unary_rpc_method_handler(self._edge(rpc, handler.unary_unary))
        self._wrapped[path] = wrapped
        return wrapped

    def _edge(self, rpc: Rpc, walk: Walk) -> Callable[[bytes, Any], Awaitable[bytes]]:
        # These wait for memory and the audit log only, and the log has a bound of its own.
        quick = rpc.noun in QUICK

        async def edge(data: bytes, context: Any) -> bytes:
            call = self._call(rpc, data, context)
            try:
                if quick:
                    answer = await walk(call)
                else:
                    async with asyncio.timeout(self._deadline(context)):
                        answer = await walk(call)
            except KmsError as error:
                failure = error
            except BaseException:
                # Whatever else leaves the walk, a caller who still waits gets a status.
                failure = DependencyTimeoutException("The request was cancelled.", reason="cancelled")
            else:
                context.set_trailing_metadata(((REQUEST_ID, call.request_id),))
                return bytes(answer.SerializeToString())
            context.set_trailing_metadata(((REQUEST_ID, call.request_id),))
            status = rpc_status.to_status(status_of(failure, call.request_id))
            details = ((REQUEST_ID, call.request_id), *status.trailing_metadata)
            await context.abort(status.code, status.details, details)
            raise AssertionError("abort returned")

        return edge

    def _deadline(self, context: Any) -> float:
        """Seconds that the call may take: the caller's, five where he says none, thirty at most."""
        remaining = context.time_remaining()
        return min(self._limits.deadline_seconds_default if remaining is None else remaining, self._limits.deadline_seconds_max)

    def _call(self, rpc: Rpc, data: bytes, context: Any) -> Call:
        request, malformed = _read(rpc.request_class, data)
        call = Call(rpc, request, evidence_of(context), self._entropy.uuid(), self._clock.now())
        call.malformed = malformed
        call.started = self._clock.monotonic()
        return call


def _read(message: type[Message], data: bytes) -> tuple[Message, bool]:
    try:
        return message.FromString(data), False
    except DecodeError:
        return message(), True


def evidence_of(context: Any) -> Evidence:
    """What the connection and the metadata show of the caller."""
    headers = {name: value for name, value in context.invocation_metadata() if name in HEADERS}
    auth = context.auth_context()
    spiffe = auth.get("peer_spiffe_id", ())
    pem = auth.get("x509_pem_cert", ())
    tls = auth.get("ssl_tls_version") or auth.get("security_level", ())
    return Evidence(
        spiffe_id=spiffe[0].decode() if len(spiffe) == 1 else "",
        certificate_pem=pem[0] if pem else b"",
        headers=headers,
        source_ip=_address(context.peer()),
        secure_transport=bool(auth),
        user_agent=headers.get("user-agent", ""),
        tls_version=tls[0].decode() if tls else "",
    )


@lru_cache(maxsize=4096)
def _address(peer: str) -> str:
    """`ipv4:127.0.0.1:1234` → `127.0.0.1`; `ipv6:[::1]:1234` → `::1`."""
    kind, _, rest = peer.partition(":")
    host = rest.rpartition(":")[0].replace("%5B", "[").replace("%5D", "]").strip("[]")
    return host if kind in ("ipv4", "ipv6") and host else "127.0.0.1"
