"""The sockets of a Region: who may connect, how many at once, and what answers."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import grpc

from meridian.authentication.xks_signature import XksSignatures
from meridian.bootstrap.call_edge import GrpcCalls, grpc_calls_of, surroundings_of
from meridian.bootstrap.console import open_console
from meridian.bootstrap.core import Core
from meridian.bootstrap.envoy_front import EnvoyFront
from meridian.bootstrap.pipelines import Pipelines
from meridian.bootstrap.seat import Seat
from meridian.bootstrap.startup import naming
from meridian.console.forms import LONG_FORM_BYTES_MAX
from meridian.contract.catalog import rpcs, served_rpcs, sts_rpcs
from meridian.domain.principal import Principal
from meridian.log import structlog
from meridian.setbacks import Setbacks
from meridian.settings import AwsSettings, ListenerSettings, Settings
from meridian.settings_console import ConsoleSettings
from meridian.settings_sections import BodySettings, HttpSettings
from meridian.settings_xks import XksSettings
from meridian.transport.admin_app import AdminApp, Reasons
from meridian.transport.aws_json.app import AwsWire
from meridian.transport.aws_json.dev_state import WithDevState
from meridian.transport.budgets import fitting
from meridian.transport.caller_connections import CallerConnections
from meridian.transport.connection_shares import LOOK_SECONDS, ConnectionShares
from meridian.transport.draining import HeldCalls
from meridian.transport.envoy.front_values import FrontPlaces
from meridian.transport.grpc_health import GrpcHealth
from meridian.transport.grpc_server import Connections, listen, make_server, reflect, service_names
from meridian.transport.http1.application import Application
from meridian.transport.http1.client_names import ClientNames
from meridian.transport.http1.connection import ARRIVING_BYTES_MAX, ConnectionBounds
from meridian.transport.http1.server import HttpMetrics, HttpServer
from meridian.transport.http1.trust import Trust
from meridian.transport.listening import listening_socket, private_socket
from meridian.transport.metrics_text import MetricsText
from meridian.transport.peer_certificates import PeerCertificates
from meridian.transport.peer_connections import PeerConnections
from meridian.transport.peer_server import ReplicationServer, make_peer_server
from meridian.transport.sts.app import StsWire, WithSts
from meridian.transport.under_way import CallsUnderWay
from meridian.transport.xks.app import XksWire
from meridian.transport.xks.messages import BODY_BYTES_MAX as XKS_BODY_BYTES_MAX
from meridian.workers.periodic import PATIENT_SECONDS, Job, Wake

CUT_SECONDS: Final = 1.0
"""From the moment when calls are cut until their refusals, and the records of those, are written."""
Serve = Callable[[str, Coroutine[Any, Any, None]], None]
"""Runs a listener in the background."""


def require_free_addresses(settings: Settings) -> None:
    """Bind every address once, all together, so that a start that cannot listen leaves nothing behind. Raises: StartupError.

    Whoever listens there, shared or not, is found: nothing here shares."""
    with contextlib.ExitStack() as bound:
        for name, address in listen_addresses(settings).items():
            with naming(f"{name}.listen"):
                bound.enter_context(listening_socket(address, is_shared=False))


def listen_addresses(settings: Settings) -> Mapping[str, str]:
    """`host:port` of every listener, by its table in the settings."""
    return {name: listener.listen for name, listener in _listeners(settings).items()}


class Listeners:
    """What listens, from `open` until `close`."""

    def __init__(self, core: Core, seat: Seat, places: FrontPlaces | None) -> None:
        """`places`: of the Envoy that this process is, None where it is not."""
        self._core = core
        self._seat = seat
        self._places = places
        self._budgets = connection_budgets(core.settings)
        self._under_way = CallsUnderWay()
        self._grpc: dict[grpc.aio.Server, HeldCalls] = {}
        self.front: EnvoyFront | None = None
        """What answers callers where Envoy does not do so through grpcio."""
        self._http: list[HttpServer] = []
        self._admin: HttpServer | None = None
        self._health: GrpcHealth | None = None

    async def open(self, pipelines: Pipelines, replication: ReplicationServer, troubles: Reasons, deaths: Reasons) -> None:
        """`troubles`: why a call would not work now; `deaths`: why none will until the process is started again. Raises: StartupError."""
        health = self._health = GrpcHealth(service_names(served_rpcs()), troubles)
        await self._open_grpc(pipelines, replication, health)
        settings, supervisor = self._core.settings, self._core.supervisor
        admin = AdminApp(MetricsText(self._core.registry, self._core.clock), troubles, deaths)
        self._admin = self._open_http(admin, "admin", settings.admin, supervisor.serve_to_the_end)
        if settings.aws is not None:
            self._open_http(self._aws_wire(pipelines, is_secure=settings.aws.tls is not None), "aws", settings.aws, supervisor.serve)
        if settings.xks is not None:
            self._open_http(self._xks_wire(pipelines), "xks", settings.xks, supervisor.serve)
        if settings.console is not None:
            with naming("console"):
                console = open_console(self._core, pipelines, settings.console, self._under_way)
            self._open_http(console, "console", settings.console, supervisor.serve)
        self._core.registry.register(HttpMetrics(self._http, {} if self.front is None else {"grpc": self.front.overloaded}))
        log = structlog.get_logger("meridian.bootstrap")
        for name, listener in _listeners(settings).items():
            log.info("listens", listener=name, address=listener.listen, connections=self._budgets[name])

    async def drain(self, seconds: float) -> None:
        """Stop listening, but for the admin listener, and return when every call under way is answered: with a refusal where it takes
        longer than that."""
        cutting = asyncio.get_running_loop().call_later(seconds, self._under_way.cut_all)
        grace = seconds + CUT_SECONDS
        if self._health is not None:
            self._health.end_watches()
        front_ends = [self.front.stop(grace)] if self.front is not None else []
        grpc_ends = [held.stop(server, grace) for server, held in self._grpc.items()]
        await asyncio.gather(*front_ends, *grpc_ends, *[server.stop(grace) for server in self._http if server is not self._admin])
        cutting.cancel()
        await self._under_way.none_left(CUT_SECONDS)

    async def close(self) -> None:
        """Stop the admin listener too."""
        if self._admin is not None:
            await self._admin.stop(CUT_SECONDS)

    async def _open_grpc(self, pipelines: Pipelines, replication: ReplicationServer, health: GrpcHealth) -> None:
        core, settings, files = self._core, self._core.settings, self._core.files
        callers, connections, peers_held = self._caller_connections(), self._peer_connections(), HeldCalls()
        calls = grpc_calls_of(pipelines, surroundings_of(core, pipelines, self._under_way), callers.note)
        if self._places is None:
            await self._open_calls(calls, health, callers)
        else:
            callers.shares.listen_on(int(settings.grpc.listen.rpartition(":")[2]))
            aws = self._aws_wire(pipelines, is_secure=True)
            with naming("front"):
                self.front = EnvoyFront(core, self._places, health, aws, calls)
        certificates = PeerCertificates(files.peer.check, files.principals, core.clock, core.events, connections)
        peer_server = make_peer_server(replication, self._budgets["peer"], [peers_held, certificates], is_shared=self._seat.is_shared)
        with naming("peer.listen"):
            connections.shares.listen_on(listen(peer_server, settings.peer.listen, files.peer.tls.credentials))
        self._grpc[peer_server] = peers_held
        for each in self._grpc:
            await each.start()
        core.supervisor.serve("gRPC health", health.follow())

    async def _open_calls(self, calls: GrpcCalls, health: GrpcHealth, callers: CallerConnections) -> None:
        core, settings, held = self._core, self._core.settings, HeldCalls()
        connections = Connections(self._budgets["grpc"], settings.grpc.ping_seconds_min, self._seat.is_shared)
        server = make_server(served_rpcs(), calls.walks, calls.edge, calls.around, connections=connections, held=held)
        if settings.reflection:
            reflect(server, served_rpcs())
        health.add_to(server)
        with naming("grpc.listen"):
            callers.shares.listen_on(listen(server, settings.grpc.listen, core.files.grpc.tls.credentials))
        self._grpc[server] = held

    def _peer_connections(self) -> PeerConnections:
        core, wake = self._core, Wake()
        regions = {peer.spiffe_id: peer.region for peer in core.settings.peers}
        connections = PeerConnections(regions, self._budgets["peer"], clock=core.clock, events=core.events, wake=wake)
        core.registry.register(connections)
        self._look_at("connections of other Regions", connections.shares, wake)
        return connections

    def _caller_connections(self) -> CallerConnections:
        core, wake = self._core, Wake()
        callers = CallerConnections(self._budgets["grpc"], clock=core.clock, events=core.events, wake=wake)
        core.registry.register(callers)
        self._look_at("connections of callers", callers.shares, wake)
        return callers

    def _look_at(self, what: str, shares: ConnectionShares, wake: Wake) -> None:
        setbacks = Setbacks(f"looking at the {what}")

        async def look() -> bool:
            with setbacks.expected(OSError):  # no open file is left to look with
                return await shares.look()
            return False

        self._core.supervisor.run(Job(what, look, LOOK_SECONDS, PATIENT_SECONDS, wake))

    def _aws_wire(self, pipelines: Pipelines, *, is_secure: bool) -> Application:
        core, walk = self._core, pipelines.calls.walk
        around = surroundings_of(core, pipelines, self._under_way)
        wire = AwsWire(rpcs(), walk, around, is_secure=is_secure, identify=pipelines.identify)
        roles, signatures = pipelines.assumed_roles, pipelines.signatures_of_sts
        sts = StsWire(sts_rpcs(), walk, around, is_secure=is_secure, roles=roles, signatures=signatures)
        both = WithSts(wire, sts)
        if not core.settings.development:
            return both
        return WithDevState(both, pipelines.identify, pipelines.unauthenticated, core.clock, core.entropy, self._empty)

    def _xks_wire(self, pipelines: Pipelines) -> Application:
        core = self._core
        return XksWire(
            pipelines.calls.walk,
            surroundings_of(core, pipelines, self._under_way),
            exports=core.exports,
            signatures=XksSignatures(core.exports),
            partition=core.settings.partition,
        )

    def _open_http(self, application: Application, name: str, listener: HttpSettings, run: Serve) -> HttpServer:
        core = self._core
        body_bytes = {"aws": core.settings.limits.request_bytes, "xks": XKS_BODY_BYTES_MAX, "console": LONG_FORM_BYTES_MAX}.get(name, 0)
        bounds = ConnectionBounds(
            connections=self._budgets[name],
            head_seconds=listener.head_seconds,
            body_seconds=listener.body_seconds if isinstance(listener, BodySettings) else listener.head_seconds,
            idle_seconds=listener.idle_seconds,
            body_bytes=body_bytes,
            arriving_bytes=max(ARRIVING_BYTES_MAX, body_bytes),
        )
        https = core.files.https.get(name)
        server = HttpServer(
            application,
            name=name,
            bounds=bounds,
            trust=Trust(
                tls=https.tls.context if https is not None else None,
                client_names=ClientNames(listener.tls.client_names if isinstance(listener, XksSettings) else ()),
                proxies=listener.trusted_proxies if isinstance(listener, AwsSettings | ConsoleSettings) else (),
            ),
            events=core.events,
        )
        self._http.append(server)
        with naming(f"{name}.listen"):
            listening = self._listening(name, listener.listen)
        run(f"{name} listener", server.serve(listening))
        return server

    def _listening(self, name: str, address: str) -> socket.socket:
        if name == "admin" and self._seat.admin is not None:
            return private_socket(self._seat.admin)
        return listening_socket(address, is_shared=self._seat.is_shared)

    async def _empty(self, principal: Principal, address: str) -> None:
        await self._core.audit.record_dev_state_deletion(principal, address)
        async with self._core.store.transaction() as uow:
            await uow.region.empty()
        await self._core.directory.read_changes()


def _listeners(settings: Settings) -> Mapping[str, ListenerSettings | HttpSettings]:
    given: dict[str, ListenerSettings | HttpSettings | None] = {"grpc": settings.grpc, "peer": settings.peer, "admin": settings.admin}
    given |= {"aws": settings.aws, "xks": settings.xks, "console": settings.console}
    return {name: each for name, each in given.items() if each is not None}


def connection_budgets(settings: Settings) -> dict[str, int]:
    """Connections per listener; the operator hears of it where they are fewer than he asked for."""
    wanted = {name: listener.connections for name, listener in _listeners(settings).items()}
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    budgets = fitting(wanted, open_files)
    if budgets != wanted:
        log = structlog.get_logger("meridian.bootstrap")
        log.warning("too few open files for the connections of the settings", open_files=open_files, wanted=wanted, given=budgets)
    return budgets
