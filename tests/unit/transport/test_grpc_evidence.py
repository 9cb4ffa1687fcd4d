"""What gRPC shows of a connection, as evidence."""

from __future__ import annotations

from typing import Any

import pytest

from meridian.transport.grpc_evidence import evidence_of, peer_address


class Shown:
    """A gRPC context that shows this and nothing else."""

    def __init__(self, metadata: list[tuple[str, str]], peer: str = "ipv4:192.0.2.1:5", **auth: list[bytes]) -> None:
        self._metadata, self._peer, self._auth = metadata, peer, auth

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return self._metadata

    def auth_context(self) -> dict[str, Any]:
        return self._auth

    def peer(self) -> str:
        return self._peer


@pytest.mark.parametrize(
    ("metadata", "repeated"),
    [
        ([("authorization", "a"), ("user-agent", "u")], ""),
        ([("authorization", "a"), ("x", "1"), ("x", "2")], ""),
        ([("authorization", "a"), ("user-agent", "u"), ("authorization", "b")], "authorization"),
        ([("user-agent", "u"), ("user-agent", "u")], "user-agent"),
    ],
)
def test_metadata_that_is_read_and_comes_twice_is_told(metadata: list[tuple[str, str]], repeated: str) -> None:
    assert evidence_of(Shown(metadata)).repeated == repeated


@pytest.mark.parametrize(("ids", "shown"), [([], ""), ([b"spiffe://a/b"], "spiffe://a/b"), ([b"spiffe://a/b", b"spiffe://a/c"], "")])
def test_a_caller_has_one_name_or_none(ids: list[bytes], shown: str) -> None:
    assert evidence_of(Shown([], peer_spiffe_id=ids)).spiffe_id == shown


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.7:49152", "192.0.2.7"),
        ("ipv6:%5B::ffff:192.0.2.7%5D:49152", "192.0.2.7"),
        ("ipv6:[::1]:49152", "::1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:49152", "fe80::1"),
        ("unix:", "127.0.0.1"),
    ],
)
def test_the_address_of_a_peer(peer: str, address: str) -> None:
    assert peer_address(peer) == address


def test_the_client_token_is_what_came_and_comes_once() -> None:
    assert evidence_of(Shown([])).client_token is None
    assert evidence_of(Shown([("x-meridian-client-token", "")])).client_token == ""
    shown = evidence_of(Shown([("x-meridian-client-token", "a"), ("x-meridian-client-token", "b")]))
    assert shown.repeated == "x-meridian-client-token"


def test_the_callers_own_request_id_is_what_came_and_comes_once() -> None:
    assert evidence_of(Shown([])).caller_request_id is None
    assert evidence_of(Shown([("x-meridian-caller-request-id", "a")])).caller_request_id == "a"
    shown = evidence_of(Shown([("x-meridian-caller-request-id", "a"), ("x-meridian-caller-request-id", "b")]))
    assert shown.repeated == "x-meridian-caller-request-id"
