"""Material and set states between Regions: sealed for one Region, signed by another.

Source: docs/spec/ciphertext.md §5; docs/spec/ciphertext.md §5 (signed form of a set state).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NamedTuple

from meridian.crypto import ecdsa, hpke
from meridian.domain.encoding import length_prefixed, length_prefixed_tuple, read_length_prefixed_tuple, u32, u64
from meridian.domain.key import Key, KeyMaterial
from meridian.domain.secret import Secret
from meridian.engine import materials
from meridian.engine.box import ACCESS
from meridian.engine.commands import SymmetricCommands
from meridian.ports.clock import Clock
from meridian.ports.crypto.region_envelopes import EnvelopeMeta, TransportOffer

ENVELOPE_INFO: Final = b"meridian/v1/transport\x00"
ENVELOPE_SIGNATURE: Final = b"meridian/v1/transport-sig\x00"
SET_SIGNATURE: Final = b"meridian/v1/set-sig\x00"
OFFER_SIGNATURE: Final = b"meridian/v1/transport-offer-sig\x00"
ENVELOPE_MAGIC: Final = b"MX\x01"
SET_MAGIC: Final = b"MS\x01\x00"
OFFER_MAGIC: Final = b"MO\x01"


class HpkeKey(NamedTuple):
    """One of this Region's HPKE keys."""

    private: Secret
    public: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TransportKeys:
    """This Region's transport key and its HPKE keys, newest first."""

    signing_key: ecdsa.SigningKey
    signing_public: bytes
    hpke_keys: tuple[HpkeKey, ...]


def encode_meta(meta: EnvelopeMeta) -> bytes:
    """The thirteen fields of an envelope's meta, in their order."""
    return length_prefixed_tuple(
        meta.deployment,
        meta.partition,
        meta.account,
        meta.key_id,
        bytes.fromhex(meta.material_id),
        meta.key_spec,
        meta.source_region,
        meta.target_region,
        u64(meta.source_incarnation),
        u64(meta.sequence),
        u64(meta.rotation_number),
        meta.hpke_key_id,
        u64(meta.created_ms),
    )


def decode_meta(data: bytes) -> EnvelopeMeta:
    """Raises: ValueError if the bytes are no meta."""
    fields = read_length_prefixed_tuple(data)
    if len(fields) != 13 or any(len(fields[at]) != 8 for at in (8, 9, 10, 12)):
        raise ValueError("the envelope's meta cannot be read")
    numbers = {at: int.from_bytes(fields[at], "big") for at in (8, 9, 10, 12)}
    return EnvelopeMeta(
        deployment=fields[0].decode(),
        partition=fields[1].decode(),
        account=fields[2].decode(),
        key_id=fields[3].decode(),
        material_id=fields[4].hex(),
        key_spec=fields[5].decode(),
        source_region=fields[6].decode(),
        target_region=fields[7].decode(),
        source_incarnation=numbers[8],
        sequence=numbers[9],
        rotation_number=numbers[10],
        hpke_key_id=fields[11],
        created_ms=numbers[12],
    )


class TransportCommands:
    """Sealing for, and opening from, other Regions."""

    def __init__(self, region: str, keys: TransportKeys, symmetric: SymmetricCommands, clock: Clock) -> None:
        self._region = region
        self._keys = keys
        self._symmetric = symmetric
        self._clock = clock

    def use_transport_keys(self, keys: TransportKeys) -> None:
        """Take over renewed keys."""
        self._keys = keys

    def transport_public_key(self) -> bytes:
        return self._keys.signing_public

    def transport_fingerprint(self) -> str:
        return sha256(self._keys.signing_public).hexdigest()

    def transport_offer(self) -> TransportOffer:
        newest = self._keys.hpke_keys[0]
        created_ms = round(newest.created_at.timestamp() * 1000)
        body = length_prefixed_tuple(self._region, bytes([hpke.SUITE_P384]), newest.public, u64(created_ms))
        signed = OFFER_MAGIC + u32(len(body)) + body
        signed += length_prefixed(ecdsa.sign(self._keys.signing_key, OFFER_SIGNATURE + signed))
        return TransportOffer(self._region, hpke.SUITE_P384, hpke.key_id(newest.public), newest.public, newest.created_at, signed)

    def verify_transport_offer(self, signed_bytes: bytes, signer_public_key: bytes) -> TransportOffer:
        body = _open_signed(OFFER_MAGIC, OFFER_SIGNATURE, signed_bytes, signer_public_key)
        region, suite, public, created = read_length_prefixed_tuple(body)
        if suite != bytes([hpke.SUITE_P384]) or len(public) != hpke.PUBLIC_BYTES:
            raise ValueError("the offer's suite is unknown")
        try:
            created_at = datetime.fromtimestamp(int.from_bytes(created, "big") / 1000, UTC)
        except (OverflowError, OSError) as fault:  # more than a date can say
            raise ValueError("the offer's time is none") from fault
        return TransportOffer(region.decode(), suite[0], hpke.key_id(public), public, created_at, signed_bytes)

    def seal_for_region(self, key: Key, material: KeyMaterial, offer: TransportOffer, meta: EnvelopeMeta) -> bytes:
        bound = replace(meta, hpke_key_id=offer.hpke_key_id)
        encoded = encode_meta(bound)
        suite = bytes([offer.suite])
        plaintext = self._symmetric.material_bytes(key, material)
        sealed = hpke.seal(offer.hpke_public_bytes, ENVELOPE_INFO + suite + encoded, plaintext)
        body = ENVELOPE_MAGIC + suite + u32(len(encoded)) + encoded + u32(len(sealed)) + sealed
        return body + length_prefixed(ecdsa.sign(self._keys.signing_key, ENVELOPE_SIGNATURE + body))

    def open_from_region(self, envelope: bytes, signer_public_key: bytes, expected: EnvelopeMeta, key: Key) -> KeyMaterial:
        suite, encoded, sealed = _read_envelope(envelope, signer_public_key)
        meta = decode_meta(encoded)
        if replace(meta, hpke_key_id=expected.hpke_key_id, created_ms=expected.created_ms) != expected:
            raise ValueError("the envelope is bound to something else")
        own = next((k for k in self._keys.hpke_keys if hpke.key_id(k.public) == meta.hpke_key_id), None)
        if own is None:
            raise ValueError("the envelope is sealed for a key that is not here")
        material = hpke.open_sealed(own.private.reveal(ACCESS), ENVELOPE_INFO + suite + encoded, sealed)
        if materials.identifier(key, material) != expected.material_id:
            raise ValueError("the material does not have the identifier it was sent under")
        return self._symmetric.wrap_material(key, material, expected.rotation_number)

    def read_envelope_meta(self, envelope: bytes, signer_public_key: bytes) -> EnvelopeMeta:
        """What a verified envelope says it is. Raises: ValueError."""
        _, encoded, _ = _read_envelope(envelope, signer_public_key)
        return decode_meta(encoded)

    def sign_set_state(self, body: bytes) -> bytes:
        signed = SET_MAGIC + u32(len(body)) + body
        return signed + length_prefixed(ecdsa.sign(self._keys.signing_key, SET_SIGNATURE + signed))

    def verify_set_state(self, signed: bytes, signer_public_key: bytes) -> bytes:
        return _open_signed(SET_MAGIC, SET_SIGNATURE, signed, signer_public_key)


def _open_signed(magic: bytes, label: bytes, signed: bytes, public: bytes) -> bytes:
    """The body of `magic ‖ u32 len ‖ body ‖ LP(signature)`. Raises: ValueError."""
    start = len(magic) + 4
    size = int.from_bytes(signed[len(magic) : start], "big")
    body, tail = signed[start : start + size], signed[start + size :]
    if signed[: len(magic)] != magic or len(body) != size or len(tail) < 2 or len(tail) != 2 + int.from_bytes(tail[:2], "big"):
        raise ValueError("the signed bytes cannot be read")
    ecdsa.verify(public, tail[2:], label + signed[: start + size])
    return body


def _read_envelope(envelope: bytes, public: bytes) -> tuple[bytes, bytes, bytes]:
    """(suite, meta, sealed material) of a verified envelope. Raises: ValueError."""
    if envelope[:3] != ENVELOPE_MAGIC or envelope[3:4] != bytes([hpke.SUITE_P384]):
        raise ValueError("the envelope's version or suite is unknown")
    meta_end = 8 + int.from_bytes(envelope[4:8], "big")
    sealed_end = meta_end + 4 + int.from_bytes(envelope[meta_end : meta_end + 4], "big")
    tail = envelope[sealed_end:]
    if len(tail) < 2 or len(tail) != 2 + int.from_bytes(tail[:2], "big"):
        raise ValueError("the envelope cannot be read")
    ecdsa.verify(public, tail[2:], ENVELOPE_SIGNATURE + envelope[:sealed_end])
    return envelope[3:4], envelope[8:meta_end], envelope[meta_end + 4 : sealed_end]
