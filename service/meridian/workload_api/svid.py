"""What a Workload API says, checked as a whole and written down as PEM.

Source: SPIFFE Workload API specification; X.509-SVID specification; X.690, section 8.1 (lengths in DER).
"""

from __future__ import annotations

import ssl
from base64 import encodebytes
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from meridian.authentication.certificate_names import spiffe_id_in
from meridian.crypto.certificate_life import certificate_lives, require_key_of
from meridian.workload_api.v1 import workload_pb2

SVIDS_MAX: Final = 64
CERTIFICATES_MAX: Final = 256
"""Of a chain, and of a bundle."""
SEQUENCE: Final = 0x30
LONG: Final = 0x80


class SvidFault(ValueError):
    """What was said cannot be used; the message says why, and holds no secret."""


@dataclass(frozen=True, slots=True, repr=False)
class Svid:
    """An identity, PEM."""

    spiffe_id: str
    certificate: bytes
    private_key: bytes
    bundle: bytes
    until: datetime
    """When the first of its certificates ends."""


def read_svid(said: workload_pb2.X509SVIDResponse, wanted: str) -> Svid:
    """The SVID of this SPIFFE id, the first where none is wanted. Raises: SvidFault."""
    if len(said.svids) > SVIDS_MAX:
        raise SvidFault(f"it tells more than {SVIDS_MAX} SVIDs")
    found = next((each for each in said.svids if wanted in ("", each.spiffe_id)), None)
    if found is None:
        raise SvidFault(f"it has no SVID {wanted}".rstrip())
    certificate, bundle = _pem(found.x509_svid, "certificate"), _pem(found.bundle, "bundle")
    private_key = b"-----BEGIN PRIVATE KEY-----\n" + encodebytes(found.x509_svid_key) + b"-----END PRIVATE KEY-----\n"
    try:
        lives = certificate_lives(certificate)
        certificate_lives(bundle)
        require_key_of(certificate, private_key)
    except ValueError as fault:
        raise SvidFault("its certificate, key or bundle cannot be read, or do not belong together") from fault
    if not found.spiffe_id or spiffe_id_in(certificate) != found.spiffe_id:
        raise SvidFault("its certificate has another name than it says")
    return Svid(found.spiffe_id, certificate, private_key, bundle, min(life.not_after for life in lives))


def _pem(data: bytes, what: str) -> bytes:
    """Certificates one after another, as PEM. Raises: SvidFault."""
    found, at = list[str](), 0
    while at < len(data):
        end = _end_of(data, at)
        if end is None or len(found) == CERTIFICATES_MAX:
            raise SvidFault(f"its {what} cannot be read, or is too long")
        found.append(ssl.DER_cert_to_PEM_cert(data[at:end]))
        at = end
    if not found:
        raise SvidFault(f"it tells no {what}")
    return "".join(found).encode()


def _end_of(data: bytes, at: int) -> int | None:
    """Behind the sequence that begins here; None where none does, or it goes beyond the end."""
    if len(data) - at < 2 or data[at] != SEQUENCE:
        return None
    length, begin = data[at + 1], at + 2
    if length >= LONG:
        count = length - LONG
        begin += count
        if not 1 <= count <= 3:
            return None
        length = int.from_bytes(data[at + 2 : begin])
    return begin + length if begin + length <= len(data) else None
