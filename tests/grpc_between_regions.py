"""Regions of a test's process that speak to each other over gRPC and mutual TLS, as deployed ones do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import grpc
from tests.network_in_process import Network
from tests.region_in_process import InProcessRegion
from tests.reported_events import ReportedEvents

from meridian.adapters.peer_channels import PeerChannels
from meridian.adapters.region_peer_grpc import GrpcRegionPeer
from meridian.adapters.traces import Untraced
from meridian.cli.dev_folder import region_spiffe_id
from meridian.crypto.certificates import CertificateFiles, new_authority, new_leaf
from meridian.domain.peers import PeerRegion, region_server_name
from meridian.replication.refusals import Refusals
from meridian.transport.grpc_server import listen
from meridian.transport.peer_calls import PeerCalls
from meridian.transport.peer_server import ReplicationServer, SetAnswers, make_peer_server


@dataclass(frozen=True)
class Shown:
    """What a Region shows to others, and whom it believes; PEM."""

    certificate: bytes
    private_key: bytes
    client_ca: bytes


def _leaf(authority: CertificateFiles, region: InProcessRegion) -> Shown:
    name = region.name
    leaf = new_leaf(authority, name, region.clock.now(), dns_names=[region_server_name(name)], spiffe_id=region_spiffe_id(name))
    return Shown(leaf.certificate, leaf.private_key, authority.certificate)


def _server(region: InProcessRegion, shown: Shown) -> tuple[grpc.aio.Server, int]:
    assert region.prepared is not None, "who decides what others prepare?"
    known = {name: replace(peer, spiffe_id=region_spiffe_id(name)) for name, peer in region.peers.items()}
    events = ReportedEvents()
    calls = PeerCalls(
        peers=known, identity=region.identity, clock=region.clock, events=events, refusals=Refusals(events), traces=Untraced()
    )
    sets = SetAnswers(region.messages, region.places, region.compare, region.answers)
    service = ReplicationServer(calls, region.prepared, sets, region.engine.envelopes, region.clock)
    server = make_peer_server(service, 16, [], is_shared=False)
    pair = [(shown.private_key, shown.certificate)]
    return server, listen(server, "127.0.0.1:0", grpc.ssl_server_credentials(pair, shown.client_ca, True))


@asynccontextmanager
async def over_grpc(network: Network) -> AsyncIterator[dict[str, grpc.aio.Server]]:
    """Wire the Regions anew, each with a listener and a way to the others; the answer is their servers."""
    regions: list[InProcessRegion] = list(network.regions.values())
    authority = new_authority("peers", regions[0].clock.now())
    shown = {region.name: _leaf(authority, region) for region in regions}
    peers: dict[str, dict[str, PeerRegion]] = {region.name: {} for region in regions}
    for region in regions:
        channels = PeerChannels(peers[region.name], shown[region.name], is_denied=lambda name: False)
        network.lines[region.name] = GrpcRegionPeer(
            channels, region.engine.envelopes, region.clock, Refusals(ReportedEvents()), traces=Untraced()
        )
    for region in regions:
        region.wire()
    servers = {}
    for region in regions:
        server, port = _server(region, shown[region.name])
        await server.start()
        servers[region.name] = server
        for other in regions:
            if other is not region:
                peers[other.name][region.name] = replace(other.peers[region.name], address=f"127.0.0.1:{port}")
    try:
        yield servers
    finally:
        for line in network.lines.values():
            await line.close()
        for server in servers.values():
            await server.stop(0)
