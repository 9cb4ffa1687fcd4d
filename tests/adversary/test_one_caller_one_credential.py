"""Over gRPC a call shows exactly one credential, or it is refused: certificates with odd names, tokens beside them, metadata twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.adversary.certificates import odd_certificate
from tests.deployment import HOME, Deployment
from tests.raw_calls import raw_call

from meridian.client import Client, Endpoint
from meridian.client.errors import KmsServiceError
from meridian.client.statuses import error_of
from meridian.contract.catalog import served_rpcs

pytestmark = pytest.mark.timeout(120)

ALICE = "spiffe://dev.meridian.internal/111122223333/alice"
APP = "spiffe://dev.meridian.internal/111122223333/app"
STRANGER = "spiffe://other.domain/x"
NO_CREDENTIAL, REFUSED, NO_CONNECTION = "MissingAuthenticationTokenException", "UnrecognizedClientException", "no connection"


def outcome(endpoint: Endpoint, timeout: float = 20) -> str:
    """ "ok", or the name of the error; "no connection" where TLS itself refuses."""
    with Client(endpoint) as client:
        try:
            client.list_keys(timeout=timeout)
        except KmsServiceError as error:
            return error.code if error.code in (NO_CREDENTIAL, REFUSED) else NO_CONNECTION
    return "ok"


@pytest.mark.parametrize(
    ("certificate", "alone", "with_token"),
    [
        ({"uris": [ALICE]}, "ok", REFUSED),
        ({"uris": [ALICE, APP]}, REFUSED, REFUSED),
        ({"uris": [ALICE, ALICE]}, REFUSED, REFUSED),
        ({"uris": [ALICE, "https://example.com/x"]}, REFUSED, REFUSED),
        ({"uris": [STRANGER]}, REFUSED, REFUSED),
        ({"uris": ["https://example.com/alice"]}, REFUSED, REFUSED),
        ({"uris": [ALICE.replace("spiffe", "SPIFFE")]}, REFUSED, REFUSED),
        ({"common_name": "alice"}, NO_CREDENTIAL, "ok"),
        ({"uris": [ALICE], "usage": [ExtendedKeyUsageOID.CLIENT_AUTH]}, "ok", REFUSED),
    ],
    ids=lambda value: str(value.get("uris") or value) if isinstance(value, dict) else value,
)
def test_a_certificate_and_a_token(
    regions_of_a_front: Deployment, tmp_path: Path, certificate: dict[str, Any], alone: str, with_token: str
) -> None:
    own, root = regions_of_a_front.endpoint(HOME, "alice"), regions_of_a_front.root
    token = (root / "clients" / "alice.token").read_text().strip()
    assert outcome(odd_certificate(own, root, tmp_path, **certificate)) == alone
    assert outcome(odd_certificate(own, root, tmp_path, **certificate, token=token)) == with_token


@pytest.mark.parametrize(
    "certificate",
    [{"usage": [ExtendedKeyUsageOID.SERVER_AUTH]}, {"starts_in": timedelta(days=1)}, {"starts_in": timedelta(hours=-2)}],
    ids=["for servers", "not yet valid", "expired"],
)
def test_a_certificate_that_tls_refuses(regions_of_a_front: Deployment, tmp_path: Path, certificate: dict[str, Any]) -> None:
    own = regions_of_a_front.endpoint(HOME, "alice")
    assert outcome(odd_certificate(own, regions_of_a_front.root, tmp_path, uris=[ALICE], **certificate), timeout=3) == NO_CONNECTION


@pytest.mark.parametrize(
    "shown",
    [
        ["Bearer {alice}", "Bearer {alice}"],
        ["Bearer {alice}", "Bearer {auditor}"],
        ["Bearer {alice}", "Basic x"],
        ["Basic x"],
        ["Bearer{alice}"],
        ["Bearer "],
        [""],
        ["Bearer {alice}, Bearer {alice}"],
    ],
)
def test_authorization_that_is_not_one_bearer_token_is_refused(regions_of_a_front: Deployment, shown: list[str]) -> None:
    tokens = {name: (regions_of_a_front.root / "clients" / f"{name}.token").read_text().strip() for name in ("alice", "auditor")}
    metadata = [("authorization", text.format(**tokens)) for text in shown]
    for caller in ("transport", "alice"):
        with pytest.raises(grpc.RpcError) as caught:
            listed(regions_of_a_front.endpoint(HOME, caller), metadata)
        assert error_of(caught.value).code == REFUSED
    for scheme in ("Bearer", "bearer", "BEARER"):
        listed(regions_of_a_front.endpoint(HOME, "transport"), [("authorization", f"{scheme} {tokens['alice']}")])
    listed(regions_of_a_front.endpoint(HOME, "alice"), [])


def listed(endpoint: Endpoint, metadata: list[tuple[str, str]]) -> bytes:
    with grpc.secure_channel(endpoint.target, endpoint.credentials) as channel:
        return raw_call(channel, served_rpcs()["ListKeys"].path)(b"", metadata=tuple(metadata), timeout=20)
