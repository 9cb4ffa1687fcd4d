"""The peer port talks to configured Regions and to nobody else."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.raw_calls import raw_call

from meridian.adapters.clock_system import SystemClock
from meridian.cli.dev_folder import region_spiffe_id
from meridian.cli.region_place import HOST
from meridian.client.statuses import error_of
from meridian.crypto.certificates import CertificateFiles, new_authority, new_leaf
from meridian.domain.peers import region_server_name
from meridian.peer.v1 import replication_pb2 as wire

RESOLVE = "/meridian.peer.v1.ReplicationService/Resolve"


def ask(two_regions: Deployment, made: CertificateFiles, authority: bytes) -> grpc.RpcError:
    credentials = grpc.ssl_channel_credentials(authority, made.private_key, made.certificate)
    options = [("grpc.ssl_target_name_override", region_server_name(AWAY))]
    target = f"{HOST}:{two_regions.place(AWAY).peer_port}"
    request = wire.ResolveRequest(set=wire.KeySetName(account="111122223333", key_id="mrk-" + "0" * 32), serial="s")
    with grpc.secure_channel(target, credentials, options=options) as channel, pytest.raises(grpc.RpcError) as caught:
        raw_call(channel, RESOLVE)(request.SerializeToString(), timeout=5)
    return caught.value


def authority(root: Path, name: str) -> CertificateFiles:
    return CertificateFiles((root / f"{name}.crt").read_bytes(), (root / f"{name}.key").read_bytes())


def test_a_certificate_of_the_peer_authority_with_another_name_is_refused(two_regions: Deployment) -> None:
    peers = authority(two_regions.root, "peer-ca")
    made = new_leaf(peers, "x", SystemClock().now(), spiffe_id=region_spiffe_id("ap-south-1"))
    assert error_of(ask(two_regions, made, peers.certificate)).code == "AccessDeniedException"


def test_a_caller_of_the_region_is_no_peer(two_regions: Deployment) -> None:
    clients, peers = authority(two_regions.root, "client-ca"), authority(two_regions.root, "peer-ca")
    made = new_leaf(clients, "x", SystemClock().now(), spiffe_id=region_spiffe_id(HOME))
    assert ask(two_regions, made, peers.certificate).code() is grpc.StatusCode.UNAVAILABLE


def test_an_authority_of_ones_own_proves_nothing(two_regions: Deployment) -> None:
    own, peers = new_authority("own", SystemClock().now()), authority(two_regions.root, "peer-ca")
    made = new_leaf(own, "x", SystemClock().now(), spiffe_id=region_spiffe_id(HOME))
    assert ask(two_regions, made, peers.certificate).code() is grpc.StatusCode.UNAVAILABLE
