"""Material and set states between Regions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from meridian.domain.key import Key, KeyMaterial


@dataclass(frozen=True, slots=True)
class TransportOffer:
    """What a Region publishes so that others can seal material for it: a fresh HPKE key, signed by its transport key."""

    region: str
    suite: int
    hpke_key_id: bytes
    """SHA-256 of the public key."""
    hpke_public_bytes: bytes
    """Uncompressed P-384 point, 97 bytes."""
    created_at: datetime
    signed_bytes: bytes
    """The whole offer as signed by the Region's transport key."""


@dataclass(frozen=True, slots=True)
class EnvelopeMeta:
    """Everything a sealed material is bound to, in the order of the format."""

    deployment: str
    partition: str
    account: str
    key_id: str
    material_id: str
    key_spec: str
    source_region: str
    target_region: str
    source_incarnation: int
    sequence: int
    rotation_number: int
    hpke_key_id: bytes
    created_ms: int


class RegionEnvelopes(Protocol):
    """Material and set states between Regions."""

    def transport_fingerprint(self) -> str:
        """SHA-256 of this Region's transport public key (DER SubjectPublicKeyInfo), lower-case hex; what operators pin."""
        ...

    def transport_public_key(self) -> bytes:
        """This Region's transport public key, DER SubjectPublicKeyInfo, P-384."""
        ...

    def transport_offer(self) -> TransportOffer:
        """This Region's newest HPKE key, signed."""
        ...

    def verify_transport_offer(self, signed_bytes: bytes, signer_public_key: bytes) -> TransportOffer:
        """Read another Region's offer. Raises: ValueError if it does not verify or cannot be read."""
        ...

    def seal_for_region(self, key: Key, material: KeyMaterial, offer: TransportOffer, meta: EnvelopeMeta) -> bytes:
        """The material in an envelope that only the offering Region opens, signed by this Region's transport key."""
        ...

    def open_from_region(self, envelope: bytes, signer_public_key: bytes, expected: EnvelopeMeta, key: Key) -> KeyMaterial:
        """Verify, open and re-wrap a material for this Region's key.

        `expected` is compared field by field, but for `hpke_key_id` and `created_ms`, which are read from the envelope. The material
        id is recomputed. Raises: ValueError naming the check that failed.
        """
        ...

    def read_envelope_meta(self, envelope: bytes, signer_public_key: bytes) -> EnvelopeMeta:
        """What a verified envelope says it is bound to. Raises: ValueError if it does not verify or cannot be read."""
        ...

    def sign_set_state(self, body: bytes) -> bytes:
        """The signed form of a set state: `MS`, body, signature by this Region's transport key."""
        ...

    def verify_set_state(self, signed: bytes, signer_public_key: bytes) -> bytes:
        """The body of a signed set state. Raises: ValueError if it does not verify or cannot be read."""
        ...
