"""What this Region says to others, and what it makes of what they say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meridian.adapters.peer_channels import PeerChannels
from meridian.adapters.region_peer_grpc import GrpcRegionPeer
from meridian.bootstrap.core import Core
from meridian.domain.peers import PeerRegion
from meridian.replication.answer_regions import AnswerRegions
from meridian.replication.change_sets import ChangeSets
from meridian.replication.compare import Compare
from meridian.replication.other_regions import OtherRegions
from meridian.replication.publish import SetIssuer, SetPublisher
from meridian.replication.query_regions import AskRegions
from meridian.replication.receive import AfterCommit, ApplyMessages
from meridian.replication.recover_sets import MendSets
from meridian.replication.refusals import Refusals
from meridian.replication.resolve_places import ResolvePlaces
from meridian.replication.send import Dispatch
from meridian.replication.verify_peer import Verify
from meridian.transport.peer_calls import PeerCalls
from meridian.transport.peer_server import ReplicationServer, SetAnswers
from meridian.workers.compare_regions import CompareWorker
from meridian.workers.operator_words import MembershipWorker
from meridian.workers.outbox import OutboxWorker
from meridian.workers.reservations import ReservationWorker
from meridian.workers.set_aside import SetAside

if TYPE_CHECKING:
    from meridian.bootstrap.pipelines import Pipelines


@dataclass(frozen=True, slots=True)
class Outbound:
    """The way to other Regions, which operations use."""

    peers: Mapping[str, PeerRegion]
    refusals: Refusals
    peer: GrpcRegionPeer
    outbox: OutboxWorker
    publisher: SetPublisher

    @property
    def others(self) -> OtherRegions:
        """The other Regions, as replication sees them."""
        return OtherRegions(self.peer, frozenset(self.peers))


@dataclass(frozen=True, slots=True)
class Inbound:
    """The service for other Regions, and what works on the sets by time."""

    server: ReplicationServer
    membership: MembershipWorker
    comparing: CompareWorker
    reservations: ReservationWorker
    sets_aside: SetAside


def build_outbound(core: Core) -> Outbound:
    """The connections are closed with the stack."""
    settings, files = core.settings, core.files
    peers = {p.region: PeerRegion(p.region, p.address, p.spiffe_id, p.transport_fingerprint, frozenset(p.accounts)) for p in settings.peers}
    refusals = Refusals(core.events)
    channels = PeerChannels(peers, files.peer.files, is_denied=files.principals.is_denied)
    peer = GrpcRegionPeer(channels, core.engine.envelopes, core.clock, refusals, traces=core.tracing.traces)
    files.peer.on_change = channels.use
    core.stack.push_async_callback(peer.close)
    outbox = OutboxWorker(
        store=core.store,
        dispatch=Dispatch(identity=core.identity, envelopes=core.engine.envelopes, peer=peer, clock=core.clock),
        clock=core.clock,
        entropy=core.entropy,
        owner=f"{settings.replica}-{os.getpid()}",
        regions=tuple(peers),
        events=core.events,
    )
    publisher = SetPublisher(SetIssuer(core.engine.envelopes, core.audit, core.identity), outbox.wake)
    return Outbound(peers, refusals, peer, outbox, publisher)


def build_inbound(core: Core, outbound: Outbound, pipelines: Pipelines) -> Inbound:
    """A delivery that goes through again asks for a comparison with its Region."""
    limits, store, engine, identity = core.settings.limits, core.store, core.engine, core.identity
    peers, peer, refusals, wake_outbox = outbound.peers, outbound.peer, outbound.refusals, outbound.outbox.wake
    issuer = outbound.publisher.issuer
    verify = Verify(envelopes=engine.envelopes, identity=identity, peers=peers)
    messages = ApplyMessages(
        store=store,
        sets=ChangeSets(issuer, core.clock, limits.day_seconds),
        verify=verify,
        refusals=refusals,
        clock=core.clock,
        after_commit=AfterCommit(core.directory, wake_outbox),
    )
    answers = AnswerRegions(store=store, envelopes=engine.envelopes, identity=identity, peer=peer, clock=core.clock, refusals=refusals)
    ask = AskRegions(others=outbound.others, verify=verify, identity=identity, entropy=core.entropy, refusals=refusals, clock=core.clock)
    sets_aside = SetAside("sets", clock=core.clock, events=core.events)
    compare = Compare(
        store=store,
        identity=identity,
        peer=peer,
        peers=peers,
        directory=core.directory,
        messages=messages,
        ask=ask,
        refusals=refusals,
        set_aside=sets_aside.set_aside_once,
    )
    mend = MendSets(
        store=store,
        issuer=issuer,
        directory=core.directory,
        entropy=core.entropy,
        ask=ask,
        refusals=refusals,
    )
    comparing = CompareWorker(
        compare=compare,
        regions=tuple(peers),
        store=store,
        seconds=limits.compare_seconds,
        wake_outbox=wake_outbox,
        events=core.events,
    )
    outbound.outbox.on_healed = comparing.wake
    calls = PeerCalls(peers=peers, identity=identity, clock=core.clock, events=core.events, refusals=refusals, traces=core.tracing.traces)
    sets = SetAnswers(messages, ResolvePlaces(store, engine.serials, refusals), compare, answers)
    server = ReplicationServer(calls, pipelines.prepared, sets, engine.envelopes, core.clock)
    reservations = ReservationWorker(
        store=store,
        peer=peer,
        directory=core.directory,
        trail=core.audit,
        clock=core.clock,
        regions=tuple(peers),
        after_seconds=limits.reservation_seconds,
        events=core.events,
    )
    membership = MembershipWorker(
        store=store, mend=mend, region=core.settings.region, wake_outbox=wake_outbox, aside=sets_aside, clock=core.clock
    )
    return Inbound(server, membership, comparing, reservations, sets_aside)
