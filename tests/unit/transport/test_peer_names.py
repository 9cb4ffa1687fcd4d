"""A Region is the one name of its certificate, read from the certificate itself: no library's own reading of it counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from meridian.authentication.certificate_check import CertificateCheck
from meridian.authentication.certificate_names import CertificateNames
from meridian.domain.peers import PeerRegion
from meridian.errors import AccessDeniedException, UnrecognizedClientException
from meridian.transport.peer_calls import PeerCalls
from meridian.transport.peer_certificates import PeerCertificates

SERVICE = Path(__file__).parents[3] / "service" / "meridian"
AWAY, OTHER = "spiffe://dev/region/eu-west-1", "spiffe://dev/region/ca-central-1"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(uris: Sequence[str]) -> bytes:
    """Signed by itself: an authority of its own."""
    name = x509.Name([])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key()).serial_number(1)
        .not_valid_before(NOW - dt.timedelta(days=1)).not_valid_after(NOW + dt.timedelta(days=1))
    )  # fmt: skip
    if uris:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def shown(uris: Sequence[str]) -> dict[str, list[bytes]]:
    """What gRPC says of a connection, its own reading of the names included: cut where a NUL is."""
    return {"x509_pem_cert": [certificate(uris)], "peer_spiffe_id": [uri.partition("\0")[0].encode() for uri in uris]}


def peer_of(uris: Sequence[str]) -> PeerRegion:
    calls = cast(Any, object.__new__(PeerCalls))
    calls._peers = {AWAY: PeerRegion("eu-west-1", "", AWAY, "", frozenset())}
    calls._names = CertificateNames()
    found = calls._peer_of(SimpleNamespace(auth_context=lambda: shown(uris)))
    return cast(PeerRegion, found)


def test_a_region_is_known_by_the_whole_of_its_one_name() -> None:
    assert peer_of([AWAY]).region == "eu-west-1"


@pytest.mark.parametrize("uris", [[AWAY + "\0x"], [AWAY + "\0"], [AWAY, OTHER], [AWAY, "http://x/"], [AWAY.upper()], [AWAY + "/"], []])
def test_a_certificate_of_another_name_or_of_two_is_no_region(uris: list[str]) -> None:
    with pytest.raises(AccessDeniedException):
        peer_of(uris)


@pytest.mark.parametrize("uris", [[AWAY], [OTHER, AWAY]])
def test_the_deny_list_is_asked_about_each_name_as_it_is(uris: list[str]) -> None:
    asked: list[str] = []

    def is_denied(name: str) -> bool:
        asked.append(name)
        return name == AWAY

    principals, clock = SimpleNamespace(is_denied=is_denied), SimpleNamespace(now=lambda: NOW)
    check = CertificateCheck(certificate([]), hours_max=None)
    certificates = PeerCertificates(check, cast(Any, principals), cast(Any, clock), cast(Any, None), cast(Any, None))
    with pytest.raises(UnrecognizedClientException):
        certificates._good_names(shown(uris))
    certificates._good_names(shown([AWAY + "\0x"]))  # another name; nobody's
    assert asked == [*uris, AWAY + "\0x"]


def test_names_that_a_library_has_read_are_used_where_the_certificate_is_read_too() -> None:
    """`Authenticate` holds the one that gRPC shows against the certificate's own."""
    readers = [str(path.relative_to(SERVICE)) for path in SERVICE.rglob("*.py") if "peer_spiffe_id" in path.read_text()]
    assert readers == ["transport/grpc_evidence.py"]
