"""What another Region signed or sealed, read only after it was checked against what is configured here.

Source: docs/spec/ciphertext.md §5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from meridian.domain.key import Key
from meridian.domain.multi_region import SetMaterial, TermLink
from meridian.domain.peer_message import SignedSetState
from meridian.domain.peers import PeerRegion
from meridian.errors import AccessDeniedException, ValidationException
from meridian.ports.crypto_engine import CryptoEngine, EnvelopeMeta
from meridian.ports.store_rows import RegionIdentity
from meridian.replication.codec import decode_set_state
from meridian.replication.set_state import Told


@dataclass(frozen=True, slots=True)
class Sealed:
    """Envelopes as they arrived, with what each must be bound to."""

    envelopes: Sequence[bytes]
    source_region: str
    public_key: bytes
    incarnation: int
    sequence: int


class Verify:
    """Reads signed states and opens envelopes of configured Regions."""

    def __init__(self, *, engine: CryptoEngine, identity: RegionIdentity, peers: Mapping[str, PeerRegion]) -> None:
        self._engine = engine
        self._identity = identity
        self._fingerprints = {peer.region: peer.transport_fingerprint for peer in peers.values()}
        self._fingerprints[identity.region] = engine.transport_fingerprint()

    def read(self, signed_bytes: bytes, public_key: bytes) -> tuple[SignedSetState, Told]:
        """A signed state and who signed it. Raises: ValidationException, AccessDeniedException."""
        try:
            signed = decode_set_state(self._engine.verify_set_state(signed_bytes, public_key))
        except ValueError as fault:
            raise ValidationException("The set state cannot be verified.", fields=[("signedState", str(fault))]) from fault
        self._require_key_of(signed.issuing_region, public_key)
        own = self._identity
        if (signed.deployment, signed.partition) != (own.deployment, own.partition):
            raise AccessDeniedException("The set belongs to another deployment.")
        return signed, Told(signed.state, signed.issuing_region, signed_bytes, public_key)

    def read_links(self, links: Iterable[TermLink], account: str, key_id: str) -> list[Told]:
        """The handovers that came along, each signed by a Region that is configured here, or by this one."""
        earlier = []
        for link in links:
            signed, told = self.read(link.signed, link.public_key)
            if (signed.account, signed.key_id) != (account, key_id):
                raise AccessDeniedException("A handover of another set came along.")
            earlier.append(told)
        return earlier

    def with_materials(self, key: Key, sealed: Sealed, materials: Iterable[SetMaterial]) -> Key:
        """The key with the enclosed materials, none of them current. Raises: ValidationException, AccessDeniedException."""
        if sealed.envelopes:
            self._require_key_of(sealed.source_region, sealed.public_key)
        numbers = {m.material_id: m.rotation_number for m in materials}
        for envelope in sealed.envelopes:
            try:
                meta = self._engine.read_envelope_meta(envelope, sealed.public_key)
                expected = self._expected(sealed, key, numbers, meta)
                material = self._engine.open_from_region(envelope, sealed.public_key, expected, key)
            except ValueError as fault:
                raise ValidationException("An envelope cannot be opened.", fields=[("envelopes", str(fault))]) from fault
            key = key.with_material(material, current=False)
        return key

    def _require_key_of(self, region: str, public_key: bytes) -> None:
        if not compare_digest(sha256(public_key).hexdigest(), self._fingerprints.get(region, "")):
            raise AccessDeniedException("The transport key is not the one that is configured for the issuer.")

    def _expected(self, sealed: Sealed, key: Key, numbers: Mapping[str, int], meta: EnvelopeMeta) -> EnvelopeMeta:
        if meta.material_id not in numbers:
            raise ValueError("the material is not one of the set")
        return EnvelopeMeta(
            deployment=self._identity.deployment,
            partition=self._identity.partition,
            account=key.account,
            key_id=key.key_id,
            material_id=meta.material_id,
            key_spec=key.key_spec,
            source_region=sealed.source_region,
            target_region=self._identity.region,
            source_incarnation=sealed.incarnation,
            sequence=sealed.sequence,
            rotation_number=numbers[meta.material_id],
            hpke_key_id=meta.hpke_key_id,
            created_ms=meta.created_ms,
        )
