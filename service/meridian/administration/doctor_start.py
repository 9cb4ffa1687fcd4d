"""What keeps a Region from its next start, or will soon: its files, its addresses, and whether the other Regions answer it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

import grpc

from meridian.adapters.clock_system import SystemClock
from meridian.administration.finding import Finding
from meridian.authorization.language.evaluator import SchemaHandle
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import PolicySetError, load_policies
from meridian.bootstrap.listeners import require_free_addresses
from meridian.bootstrap.startup import FAULTS, StartupError, text_of
from meridian.domain.peers import region_server_name
from meridian.engine.secret_files import FileFault
from meridian.identity import Identity
from meridian.peer.v1 import replication_pb2, replication_pb2_grpc
from meridian.settings import PeerSettings, Settings
from meridian.transport.tls_files import TlsFiles
from meridian.workers.certificate_expiry import WARN_BEFORE, WARN_SHARE

PEER_SECONDS: Final = 4.0
ANSWER_BYTES_MAX: Final = 64 * 1024
RENEW: Final = "renew it in its place; a serving process takes it without a restart"


async def look_at_start(settings: Settings, *, serves: bool) -> list[Finding]:
    """`serves`: a process of these settings does, so its addresses are taken. Raises nothing of what it looks for."""
    found = [] if serves else _addresses(settings)
    found += _policies(settings)
    try:
        identity = Identity(settings, SystemClock())
    except FileFault as fault:
        found.append(Finding("identity files", "settings", text_of(fault), "mend the file; what is in force in a serving process stays"))
        return found
    return found + _certificates(identity, SystemClock().now()) + await _peers(settings, identity.peer.files)


def _addresses(settings: Settings) -> list[Finding]:
    try:
        require_free_addresses(settings)
    except StartupError as fault:
        do = "end the program that has it, or give the listener another address"
        return [Finding("address", str(fault).partition(":")[0], str(fault), do)]
    return []


def _policies(settings: Settings) -> list[Finding]:
    try:
        load_policies(settings.policies, SchemaHandle(schema_text()))
    except (PolicySetError, *FAULTS) as fault:
        do = "mend them: `meridian policy validate` names each fault; a serving process goes on with those before"
        return [Finding("policies", str(settings.policies), text_of(fault), do)]
    return []


def _certificates(identity: Identity, now: datetime) -> list[Finding]:
    return [
        Finding(
            "certificate",
            f"{listener} {file}",
            f"ends in {_days(life.not_after - now)} days, at {life.not_after:%Y-%m-%dT%H:%M:%SZ}",
            RENEW,
        )
        for listener, file, life in identity.certificates()
        if life.not_after - now < min(WARN_BEFORE, life.length / WARN_SHARE)
    ]


def _days(left: timedelta) -> str:
    return f"{left / timedelta(days=1):.1f}"


async def _peers(settings: Settings, files: TlsFiles) -> list[Finding]:
    return [each for each in await asyncio.gather(*(_peer(peer, files) for peer in settings.peers)) if each is not None]


async def _peer(peer: PeerSettings, files: TlsFiles) -> Finding | None:
    """What keeps another Region from answering this one as the one that the settings mean."""
    credentials = grpc.ssl_channel_credentials(files.client_ca, files.private_key, files.certificate)
    options = [
        ("grpc.ssl_target_name_override", region_server_name(peer.region)),
        ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
    ]
    async with grpc.aio.secure_channel(peer.address, credentials, options=options) as channel:
        stub: Any = replication_pb2_grpc.ReplicationServiceStub(channel)
        try:
            answer = await stub.GetTransportOffer(replication_pb2.GetTransportOfferRequest(), timeout=PEER_SECONDS)
        except grpc.aio.AioRpcError as fault:
            why = f"{peer.address} does not answer: {fault.code().name}"
            do = "look whether it serves, whether its peer port can be reached from here, and whether each trusts the other's authority"
            return Finding("peer", peer.region, why, do)
    if not compare_digest(sha256(answer.transport_public_key).hexdigest(), peer.transport_fingerprint):
        do = f"put what `meridian region init` prints at {peer.region} into peers.transport_fingerprint, once its operator confirms it"
        return Finding("peer", peer.region, "its transport key has another fingerprint than the settings say", do)
    return None
