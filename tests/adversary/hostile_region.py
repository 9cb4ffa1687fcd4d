"""A Region in an attacker's hands: its own certificate, database and seal, and software that says what the attacker likes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from tests.cache_memory import cache_memory
from tests.deployment import Deployment
from tests.reported_events import ReportedEvents
from tests.silent_region import SilentRegion

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.store_sql.store import SqlStore
from meridian.bootstrap.database import seals_of
from meridian.cli.region_place import HOST
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.material_id import material_id
from meridian.domain.multi_region import Member, MemberStatus, SetMaterial, SetState, Term
from meridian.domain.peer_message import SignedSetState
from meridian.domain.peers import region_server_name
from meridian.engine.engine import CryptoEngine, EngineSurroundings, open_engine
from meridian.peer.v1 import replication_pb2 as wire
from meridian.peer.v1 import replication_pb2_grpc
from meridian.ports.crypto.region_envelopes import EnvelopeMeta
from meridian.ports.store.region import RegionIdentity
from meridian.replication.wire.set_state import encode_set_state
from meridian.settings import load_settings

ACCOUNT = "111122223333"
SERIAL = "c" * 64
EVIL = b"e" * 32
"""Material that the attacker knows."""


@dataclass
class HostileRegion:
    """Speaks to the honest Regions as the configured Region that it is."""

    deployment: Deployment
    region: str
    engine: CryptoEngine = field(init=False)
    identity: RegionIdentity = field(init=False)

    def __post_init__(self) -> None:
        asyncio.run(self._open())

    async def _open(self) -> None:
        settings = load_settings(self.deployment.place(self.region).settings)
        store = SqlStore.connect(settings.database)
        async with store.reading() as uow:
            identity = await uow.region.identity()
        assert identity is not None
        self.identity = identity
        self.engine = await open_engine(
            store, identity, seals_of(settings), EngineSurroundings(SystemClock(), OsEntropy(), ReportedEvents(), cache_memory())
        )
        await store.close()

    # ---- speaking

    def ask(self, to: str, method: str, request: Any) -> Any:
        """One call; what the honest Region answers, or a grpc.RpcError."""
        place, root = self.deployment.place(self.region), self.deployment.root
        credentials = grpc.ssl_channel_credentials(
            (root / "peer-ca.crt").read_bytes(), (place.folder / "peer.key").read_bytes(), (place.folder / "peer.crt").read_bytes()
        )
        options = [("grpc.ssl_target_name_override", region_server_name(to))]
        with grpc.secure_channel(f"{HOST}:{self.deployment.place(to).peer_port}", credentials, options=options) as channel:
            return getattr(replication_pb2_grpc.ReplicationServiceStub(channel), method)(request, timeout=20)

    def signed(self, key_id: str, state: SetState) -> bytes:
        """The state under this Region's own signature, which is all that it can forge."""
        own = self.identity
        body = SignedSetState(own.deployment, own.partition, ACCOUNT, key_id, self.region, own.incarnation, state)
        return self.engine.envelopes.sign_set_state(encode_set_state(body))

    def delivery(self, key_id: str, to: str, serial: str, term: Term, members: Sequence[Member]) -> wire.DeliverSetStateRequest:
        """A state that names this Region primary and a material of its own choice current, that material enclosed."""
        key, evil = self.key(key_id), material_id(key_id, EVIL)
        state = SetState(term, 0, self.region, self.region, tuple(sorted(members)), (SetMaterial(evil, 0),), evil)
        answer = self.ask(to, "GetTransportOffer", wire.GetTransportOfferRequest())
        offer = self.engine.envelopes.verify_transport_offer(answer.signed_offer, answer.transport_public_key)
        sequence = time.time_ns() >> 20
        meta = EnvelopeMeta(
            deployment=self.identity.deployment,
            partition=self.identity.partition,
            account=ACCOUNT,
            key_id=key_id,
            material_id=evil,
            key_spec=KeySpec.SYMMETRIC_DEFAULT,
            source_region=self.region,
            target_region=to,
            source_incarnation=self.identity.incarnation,
            sequence=sequence,
            rotation_number=0,
            hpke_key_id=offer.hpke_key_id,
            created_ms=round(time.time() * 1000),
        )
        envelope = self.engine.envelopes.seal_for_region(key, self.engine.symmetric_keys.wrap_material(key, EVIL, 0), offer, meta)
        public = self.engine.envelopes.transport_public_key()
        return wire.DeliverSetStateRequest(
            signed_state=self.signed(key_id, state), serial=serial, envelopes=[envelope], sequence=sequence,
            incarnation=self.identity.incarnation, request_id="r", transport_public_key=public, issuer_public_key=public,
        )  # fmt: skip

    def key(self, key_id: str) -> Key:
        return Key(
            "aws", self.region, ACCOUNT, key_id, KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_KMS, KeyState.ENABLED,
            SystemClock().now(), multi_region=MultiRegionRole(self.region),
        )  # fmt: skip

    def member(self, status: MemberStatus = MemberStatus.ON) -> Member:
        return Member(self.region, SERIAL, status)

    # ---- answering

    @contextmanager
    def lying(self) -> Iterator[Liar]:
        """Answers the questions of honest Regions on its own peer port, falsely."""
        liar, place, root = Liar(self), self.deployment.place(self.region), self.deployment.root
        server = grpc.server(futures.ThreadPoolExecutor(4))
        replication_pb2_grpc.add_ReplicationServiceServicer_to_server(liar, server)
        pair = ((place.folder / "peer.key").read_bytes(), (place.folder / "peer.crt").read_bytes())
        credentials = grpc.ssl_server_credentials([pair], (root / "peer-ca.crt").read_bytes(), True)
        server.add_secure_port(f"{HOST}:{place.peer_port}", credentials)
        server.start()
        try:
            yield liar
        finally:
            server.stop(0).wait(5)


class Liar(SilentRegion):
    """Quotes stamps that nobody signed, and shows states that it signed itself."""

    def __init__(self, hostile: HostileRegion) -> None:
        self._hostile = hostile
        self.asked: list[str] = []

    def Compare(self, request: wire.CompareRequest, context: Any) -> wire.CompareResponse:
        self.asked.append("Compare")
        return wire.CompareResponse(
            comparisons=[
                wire.SetComparison(
                    declared_lost=True, term_generation=d.term_generation, term_origin=d.term_origin, term_number=d.term_number,
                    version=d.version + 100,
                )
                for d in request.digests
            ]
        )  # fmt: skip

    def GetSet(self, request: wire.GetSetRequest, context: Any) -> wire.GetSetResponse:
        self.asked.append("GetSet")
        hostile, key_id = self._hostile, request.set.key_id
        evil = material_id(key_id, EVIL)
        term = Term(9, hostile.region, 0)
        state = SetState(term, 0, hostile.region, hostile.region, (hostile.member(),), (SetMaterial(evil, 0),), evil)
        public = hostile.engine.envelopes.transport_public_key()
        signed = hostile.signed(key_id, state)
        return wire.GetSetResponse(status="live", serial=SERIAL, signed_state=signed, issuer_public_key=public, material_ids=[evil])
