"""Exactly one credential says who calls, and one that is no good is told why to operators alone."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from tests.unit.pipeline.steps import ALICE, BOB, NOW

from meridian.call import Evidence
from meridian.domain.principal import Principal
from meridian.errors import KmsError, MissingAuthenticationTokenException, UnrecognizedClientException
from meridian.pipeline.authenticate import Authenticate

NAMES = {b"one": ("spiffe://alice",), b"two": ("spiffe://alice", "spiffe://bob"), b"": ()}


class Doors:
    """Stands for principals, certificates and signatures, and notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def authenticate(self, evidence: Any, now: Any = None) -> Principal:
        if isinstance(evidence, Evidence):
            self.asked.append(f"certificate of {evidence.spiffe_id}")
        else:
            self.asked.append(f"token {evidence}" if "." in evidence else f"signature {evidence}")
        return ALICE if now == NOW else BOB

    def require_good(self, evidence: Evidence, now: Any) -> None:
        self.asked.append(f"connection at {now:%Y}")

    def find_by_token_hash(self, token_sha256: str) -> Principal | None:
        return BOB if token_sha256 == sha256(b"good").hexdigest() else None

    def claim_of(self, head: Any, now: Any) -> Any:
        return head, now

    def of(self, pem: bytes) -> tuple[str, ...]:
        return NAMES[pem]


def made(doors: Doors) -> Authenticate:
    itself: Any = doors
    authenticate = Authenticate(itself, itself, itself, itself)
    authenticate._names = itself
    return authenticate


@pytest.mark.parametrize(
    ("evidence", "caller", "asked"),
    [
        ({"signed_request": "signed"}, ALICE, ["signature signed"]),
        ({"signed_request": "signed", "repeated": "x", "certificate_pem": b"two"}, ALICE, ["signature signed"]),
        ({"certificate_pem": b"one", "spiffe_id": "spiffe://alice"}, ALICE, ["certificate of spiffe://alice"]),
        ({"headers": {"authorization": "Bearer good"}}, BOB, ["connection at 2026"]),
        ({"headers": {"authorization": "Bearer a.b.c"}}, ALICE, ["connection at 2026", "token a.b.c"]),
        ({"headers": {"authorization": "Bearer a.b.c"}, "shows_no_certificate": True}, ALICE, ["token a.b.c"]),
    ],
)
def test_one_credential_names_the_caller(evidence: dict[str, Any], caller: Principal, asked: list[str]) -> None:
    doors = Doors()
    assert made(doors)(Evidence(**evidence), NOW) == caller
    assert doors.asked == asked


@pytest.mark.parametrize(
    ("evidence", "fault", "why"),
    [
        ({}, MissingAuthenticationTokenException, "no credential"),
        ({"repeated": "authorization"}, UnrecognizedClientException, "authorization is given more than once"),
        (
            {"certificate_pem": b"two", "spiffe_id": "spiffe://alice"},
            UnrecognizedClientException,
            "the client certificate has more than one name",
        ),
        (
            {"certificate_pem": b"one", "spiffe_id": "spiffe://alice", "headers": {"authorization": "Bearer good"}},
            UnrecognizedClientException,
            "two credentials in one call",
        ),
        ({"certificate_pem": b"one", "spiffe_id": ""}, UnrecognizedClientException, "the name of the client certificate is no SPIFFE id"),
        ({"headers": {"authorization": "Bearer bad"}}, UnrecognizedClientException, "unknown bearer token, or none is accepted here"),
        ({"headers": {"authorization": "Bearer a.b"}}, UnrecognizedClientException, "unknown bearer token, or none is accepted here"),
        (
            {"certificate_pem": b"one", "spiffe_id": "spiffe://alice", "headers": {"authorization": "Bearer a.b.c"}},
            UnrecognizedClientException,
            "two credentials in one call",
        ),
        ({"headers": {"authorization": "Basic good"}}, UnrecognizedClientException, "unknown bearer token, or none is accepted here"),
    ],
)
def test_everything_else_names_nobody(evidence: dict[str, Any], fault: type[KmsError], why: str) -> None:
    with pytest.raises(fault) as refused:
        made(Doors())(Evidence(**evidence), NOW)
    assert refused.value.reason == why


def test_what_a_request_claims_is_read_by_the_signatures() -> None:
    head: Any = "head"
    claim: Any = made(Doors()).claim_of(head, NOW)
    assert claim == ("head", NOW)
