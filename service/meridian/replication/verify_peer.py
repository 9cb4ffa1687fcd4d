"""What another Region signed or sealed, read only after it was checked against what is configured here.

Source: docs/spec/ciphertext.md §5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from threading import Lock
from typing import Final

from meridian.domain.key import Key
from meridian.domain.multi_region import SetMaterial, TermLink
from meridian.domain.peer_message import DeliverGone, SignedSetState
from meridian.domain.peers import PeerRegion
from meridian.errors import ValidationException
from meridian.ports.crypto.region_envelopes import EnvelopeMeta, RegionEnvelopes
from meridian.ports.store.region import RegionIdentity
from meridian.replication.sets.claims import NotBelieved, Rule, Told
from meridian.replication.wire.set_state import decode_set_state

KEPT_BYTES_MAX: Final = 16 * 1_048_576
"""Of memory, for all verified states that are kept together."""
DECODED_PER_SIGNED: Final = 6
"""Bytes of memory for each signed byte, itself included: one wide character makes four bytes of every letter of its text."""
DECODED_PER_ENTRY: Final = 512
"""Bytes of memory for each member and material, however short on the wire."""
KEPT_OVERHEAD: Final = 4_096
"""Bytes of memory for each state that is kept."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Envelopes as they arrived, with what each must be bound to."""

    envelopes: Sequence[bytes]
    source_region: str
    public_key: bytes
    incarnation: int
    sequence: int


class KeptStates:
    """Verified states by digest, the oldest forgotten first. Threads share it."""

    def __init__(self) -> None:
        self._states: dict[bytes, Told] = {}
        self._bytes = 0
        self._lock = Lock()

    def find(self, digest: bytes) -> Told | None:
        return self._states.get(digest)

    def keep(self, digest: bytes, told: Told) -> None:
        with self._lock:
            if digest in self._states:
                return
            self._states[digest] = told
            self._bytes += _memory_of(told)
            while self._bytes > KEPT_BYTES_MAX:
                self._bytes -= _memory_of(self._states.pop(next(iter(self._states))))


def _memory_of(told: Told) -> int:
    entries = len(told.state.members) + len(told.state.materials)
    return KEPT_OVERHEAD + DECODED_PER_ENTRY * entries + DECODED_PER_SIGNED * len(told.signed)


class Verify:
    """Reads signed states and opens envelopes of configured Regions."""

    def __init__(self, *, envelopes: RegionEnvelopes, identity: RegionIdentity, peers: Mapping[str, PeerRegion]) -> None:
        self._envelopes = envelopes
        self._identity = identity
        self._fingerprints = {peer.region: peer.transport_fingerprint for peer in peers.values()}
        self._fingerprints[identity.region] = envelopes.transport_fingerprint()
        self._kept = KeptStates()

    def read(self, signed_bytes: bytes, public_key: bytes) -> tuple[SignedSetState, Told]:
        """A signed state and who signed it. It is not kept: whoever sent it may have no business here. Raises: NotBelieved."""
        if sha256(public_key).hexdigest() not in self._fingerprints.values():  # a hash is cheaper than a signature
            raise NotBelieved(Rule.ROW, "The transport key is not one that is configured here.")
        try:
            signed = decode_set_state(self._envelopes.verify_set_state(signed_bytes, public_key))
        except ValueError as fault:
            raise NotBelieved(Rule.ROW, f"The set state cannot be verified: {fault}.") from fault
        self._require_key_of(signed.issuing_region, public_key)
        own = self._identity
        if (signed.deployment, signed.partition) != (own.deployment, own.partition):
            raise NotBelieved(Rule.ROW, "The set belongs to another deployment.")
        told = Told(signed.state, signed.issuing_region, signed_bytes, public_key, signed.issuing_incarnation)
        return signed, told

    def read_of(self, signed_bytes: bytes, public_key: bytes, account: str, key_id: str) -> Told:
        """A signed state of this set, kept for the next time: only for what this Region has or a Region with a place in the set shows.

        Raises: NotBelieved.
        """
        digest = sha256("\0".join((account, key_id)).encode() + sha256(public_key).digest() + signed_bytes).digest()
        known = self._kept.find(digest)
        if known is not None:
            return known
        signed, told = self.read(signed_bytes, public_key)
        if (signed.account, signed.key_id) != (account, key_id):
            raise NotBelieved(Rule.ROW, "The state of another set was shown.")
        self._kept.keep(digest, told)
        return told

    def read_farewell(self, message: DeliverGone) -> Told | None:
        """What a Region signs of its own end; None where it signs nothing. Raises: NotBelieved."""
        if not message.signed_state:
            return None
        signed, told = self.read(message.signed_state, message.transport_public_key)
        if (signed.account, signed.key_id) != (message.account, message.key_id):
            raise NotBelieved(Rule.ROW, "The farewell is about another set.")
        return told

    def require_known_primary(self, told: Told) -> None:
        """A set is led by this Region or one that is configured here: nobody else could be told anything. Raises: NotBelieved."""
        if told.state.primary not in self._fingerprints:
            raise NotBelieved(Rule.CHAIN, "the state names a primary that is not configured here")

    def read_links(self, links: Iterable[TermLink], account: str, key_id: str) -> list[Told]:
        """The states that came along. Those of Regions that are not configured here any more prove nothing and are left out.

        Raises: NotBelieved.
        """
        known = set(self._fingerprints.values())
        return [
            self.read_of(link.signed, link.public_key, account, key_id) for link in links if sha256(link.public_key).hexdigest() in known
        ]

    def with_materials(self, key: Key, sealed: Sealed, materials: Iterable[SetMaterial]) -> Key:
        """The key with the enclosed materials, none of them current. Raises: ValidationException, NotBelieved."""
        if sealed.envelopes:
            self._require_key_of(sealed.source_region, sealed.public_key)
        numbers = {m.material_id: m.rotation_number for m in materials}
        for envelope in sealed.envelopes:
            try:
                meta = self._envelopes.read_envelope_meta(envelope, sealed.public_key)
                expected = self._expected(sealed, key, numbers, meta)
                material = self._envelopes.open_from_region(envelope, sealed.public_key, expected, key)
            except ValueError as fault:
                raise ValidationException("An envelope cannot be opened.", fields=[("envelopes", str(fault))]) from fault
            key = key.with_material(material, current=False)
        return key

    def _require_key_of(self, region: str, public_key: bytes) -> None:
        if not compare_digest(sha256(public_key).hexdigest(), self._fingerprints.get(region, "")):
            raise NotBelieved(Rule.ROW, "The transport key is not the one that is configured for the issuer.")

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
