"""The channels to other Regions: mutual TLS, one for each Region, opened with the first call.

The server must show a certificate of the peer authority with the DNS name of the Region that is meant, so one Region cannot
answer for another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import grpc

from meridian.adapters.peer_refusals import no_answer
from meridian.domain.peers import PeerRegion
from meridian.keepalive import KEEPALIVE
from meridian.replication.wire.message_bounds import PEER_MESSAGE_BYTES_MAX

TIMEOUT_SECONDS: Final = 4.0
"""Of a call."""
RECONNECT_MS: Final = 200
RECONNECT_MS_MAX: Final = 1000


class PeerTls(Protocol):
    """What this Region shows to others, and the authority that signs them; PEM."""

    @property
    def certificate(self) -> bytes: ...
    @property
    def private_key(self) -> bytes: ...
    @property
    def client_ca(self) -> bytes: ...


def _credentials(tls: PeerTls) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(tls.client_ca, tls.private_key, tls.certificate)


class PeerChannels:
    """Belongs to one event loop."""

    def __init__(self, peers: Mapping[str, PeerRegion], tls: PeerTls, *, is_denied: Callable[[str], bool]) -> None:
        """`is_denied`: whether nobody of this SPIFFE id is spoken to."""
        self.peers = peers
        self._is_denied = is_denied
        self._credentials = _credentials(tls)
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def to(self, region: str) -> grpc.aio.Channel:
        """Raises: DependencyTimeoutException for a Region that is not configured, or is denied."""
        channel, peer = self._channels.get(region), self.peers.get(region)
        if peer is not None and self._is_denied(peer.spiffe_id):
            raise no_answer(region, f"{peer.spiffe_id} is on the deny list")
        if channel is None:
            if peer is None:
                raise no_answer(region, "not a configured Region")
            options = [
                ("grpc.ssl_target_name_override", peer.server_name),
                ("grpc.initial_reconnect_backoff_ms", RECONNECT_MS),
                ("grpc.max_reconnect_backoff_ms", RECONNECT_MS_MAX),
                ("grpc.enable_retries", 0),
                *KEEPALIVE,
                ("grpc.max_receive_message_length", PEER_MESSAGE_BYTES_MAX),
            ]
            channel = self._channels[region] = grpc.aio.secure_channel(peer.address, self._credentials, options=options)
        return channel

    def use(self, tls: PeerTls) -> None:
        """From the next call on, show this certificate and believe this authority; calls under way end as they began."""
        self._credentials = _credentials(tls)
        old, self._channels = self._channels, {}
        for channel in old.values():
            closing = asyncio.ensure_future(channel.close(grace=TIMEOUT_SECONDS))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close(grace=1.0)
