"""What a Workload API says is written down where it is sound as a whole, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tests.workload_api_server import SPIFFE_ID, new_svid

from meridian.authentication.certificate_names import spiffe_id_in
from meridian.crypto.certificate_life import certificate_lives, require_key_of
from meridian.crypto.certificates import new_authority
from meridian.workload_api.svid import CERTIFICATES_MAX, SVIDS_MAX, SvidFault, read_svid
from meridian.workload_api.v1 import workload_pb2

OTHER_ID = "spiffe://example.internal/other"
AUTHORITY = new_authority("example.internal", datetime.now(UTC))
GOOD = new_svid(AUTHORITY)
OTHER = new_svid(AUTHORITY, OTHER_ID)


def said(*svids: workload_pb2.X509SVID) -> workload_pb2.X509SVIDResponse:
    return workload_pb2.X509SVIDResponse(svids=svids)


def changed(**fields: object) -> workload_pb2.X509SVID:
    made = workload_pb2.X509SVID()
    made.CopyFrom(GOOD)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_an_svid_is_a_chain_its_key_and_the_authorities() -> None:
    found = read_svid(said(GOOD, OTHER), "")
    assert found.spiffe_id == spiffe_id_in(found.certificate) == SPIFFE_ID
    assert (len(certificate_lives(found.certificate)), len(certificate_lives(found.bundle))) == (2, 1)
    require_key_of(found.certificate, found.private_key)
    assert found.bundle == AUTHORITY.certificate
    assert found.until == min(life.not_after for life in certificate_lives(found.certificate))
    assert "PRIVATE" not in repr(found)
    assert read_svid(said(GOOD, OTHER), OTHER_ID).spiffe_id == OTHER_ID


BAD: dict[str, Callable[[], workload_pb2.X509SVIDResponse]] = {
    "nothing": said,
    "too many": lambda: said(*[GOOD] * (SVIDS_MAX + 1)),
    "no certificate": lambda: said(changed(x509_svid=b"")),
    "a certificate that is cut": lambda: said(changed(x509_svid=GOOD.x509_svid[:-1])),
    "something behind it": lambda: said(changed(x509_svid=GOOD.x509_svid + b"x")),
    "a length that leads nowhere": lambda: said(changed(x509_svid=b"\x30\x84\xff\xff\xff\xff")),
    "a length without end": lambda: said(changed(x509_svid=b"\x30\x80\x00\x00")),
    "what is no certificate": lambda: said(changed(x509_svid=b"\x30\x01x")),
    "a chain without end": lambda: said(changed(x509_svid=b"\x30\x00" * (CERTIFICATES_MAX + 1))),
    "no bundle": lambda: said(changed(bundle=b"")),
    "a bundle that is none": lambda: said(changed(bundle=b"\x30\x01x")),
    "no key": lambda: said(changed(x509_svid_key=b"")),
    "the key of another": lambda: said(changed(x509_svid_key=OTHER.x509_svid_key)),
    "another name": lambda: said(changed(spiffe_id=OTHER_ID)),
    "no name": lambda: said(changed(spiffe_id="")),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_sound_as_a_whole_is_refused(case: str) -> None:
    with pytest.raises(SvidFault) as refused:
        read_svid(BAD[case](), "")
    assert str(refused.value).isprintable()


def test_an_identity_that_is_not_there_is_named() -> None:
    with pytest.raises(SvidFault, match=f"it has no SVID {OTHER_ID}"):
        read_svid(said(GOOD), OTHER_ID)
