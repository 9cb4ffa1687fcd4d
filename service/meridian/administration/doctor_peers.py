"""What the other Regions answer this one: whether they do, as whom, under which release and protocol, and what time it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

import grpc

from meridian.adapters.peer_channels import PeerTls
from meridian.administration.finding import Finding, Seen
from meridian.domain.peer_message import PROTOCOL_VERSION
from meridian.domain.peers import region_server_name
from meridian.peer.v1 import replication_pb2, replication_pb2_grpc
from meridian.ports.clock import STEP_SECONDS, Clock
from meridian.release import RELEASE
from meridian.replication.wire.message_bounds import OutOfBounds, require_bounds
from meridian.settings import PeerSettings

PEER_SECONDS: Final = 4.0
ANSWER_BYTES_MAX: Final = 64 * 1024
MICROSECONDS: Final = 1_000_000
NOT_TOLD: Final = "an earlier one, which does not tell it"
UPGRADE: Final = "upgrade the older one: two releases are for the time of an upgrade, and keys are replicated between equal protocols alone"


async def look_at_peers(peers: Sequence[PeerSettings], files: PeerTls, clock: Clock) -> list[Finding | Seen]:
    """A line or more for each. Raises nothing of what it looks for."""
    return [each for lines in await asyncio.gather(*(_peer(peer, files, clock) for peer in peers)) for each in lines]


async def _peer(peer: PeerSettings, files: PeerTls, clock: Clock) -> list[Finding | Seen]:
    """What keeps another Region from answering this one as the one that the settings mean; else what it says of itself."""
    asked = clock.now()
    try:
        answer = await _answer(peer, files)
    except grpc.aio.AioRpcError as fault:
        why = f"{peer.address} does not answer: {fault.code().name}"
        do = "look whether it serves, whether its peer port can be reached from here, and whether each trusts the other's authority"
        return [Finding("peer", peer.region, why, do)]
    except OutOfBounds as fault:
        return [Finding("peer", peer.region, f"its answer cannot be read: {fault}", "look whether the address is that Region's")]
    if not compare_digest(sha256(answer.transport_public_key).hexdigest(), peer.transport_fingerprint):
        do = f"put what `meridian region init` prints at {peer.region} into peers.transport_fingerprint, once its operator confirms it"
        return [Finding("peer", peer.region, "its transport key has another fingerprint than the settings say", do)]
    took = (clock.now() - asked).total_seconds()
    return _versions(peer.region, answer) + _clock(peer.region, answer, asked.timestamp() + took / 2, took / 2)


async def _answer(peer: PeerSettings, files: PeerTls) -> Any:
    """Its offer. Raises: AioRpcError, OutOfBounds."""
    credentials = grpc.ssl_channel_credentials(files.client_ca, files.private_key, files.certificate)
    options = [
        ("grpc.ssl_target_name_override", region_server_name(peer.region)),
        ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
    ]
    async with grpc.aio.secure_channel(peer.address, credentials, options=options) as channel:
        stub: Any = replication_pb2_grpc.ReplicationServiceStub(channel)
        answer = await stub.GetTransportOffer(replication_pb2.GetTransportOfferRequest(), timeout=PEER_SECONDS)
    if answer is None:
        raise OutOfBounds("it is no message of the contract")
    require_bounds(answer)
    return answer


def _versions(region: str, answer: Any) -> list[Finding | Seen]:
    own, theirs = RELEASE, answer.release or NOT_TOLD
    told = f"release {theirs}, protocol {answer.protocol_version or NOT_TOLD}"
    if (answer.release, answer.protocol_version) == (own, PROTOCOL_VERSION):
        return [Seen("peer", region, told)]
    return [Finding("peer", region, f"{told}; here release {own}, protocol {PROTOCOL_VERSION}", UPGRADE)]


def _clock(region: str, answer: Any, here: float, unsure: float) -> list[Finding | Seen]:
    """`here`: this machine's seconds when the answer was made, give or take `unsure`."""
    if not answer.answered_us:
        return []
    ahead = answer.answered_us / MICROSECONDS - here
    told = f"{ahead:+.3f} s against this machine's, give or take {unsure:.3f}"
    if abs(ahead) > STEP_SECONDS + unsure:
        return [Finding("peer clock", region, told, "set both by NTP")]
    return [Seen("peer clock", region, told)]
