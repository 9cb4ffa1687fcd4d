"""Materials sealed for one other Region.

Source: docs/spec/ciphertext.md §5.
"""

from __future__ import annotations

from meridian.domain.key import Key, KeyMaterial
from meridian.ports.crypto.region_envelopes import EnvelopeMeta, RegionEnvelopes, TransportOffer
from meridian.ports.store.region import RegionIdentity


class SealMaterials:
    """Seals envelopes that name both Regions, the key and their place in the conversation."""

    def __init__(self, envelopes: RegionEnvelopes, identity: RegionIdentity) -> None:
        self._envelopes = envelopes
        self._identity = identity

    def envelope(self, key: Key, material: KeyMaterial, offer: TransportOffer, sequence: int, created_ms: int) -> bytes:
        """The material for the Region of this offer."""
        meta = EnvelopeMeta(
            deployment=self._identity.deployment,
            partition=self._identity.partition,
            account=key.account,
            key_id=key.key_id,
            material_id=material.material_id,
            key_spec=key.key_spec,
            source_region=self._identity.region,
            target_region=offer.region,
            source_incarnation=self._identity.incarnation,
            sequence=sequence,
            rotation_number=material.rotation_number,
            hpke_key_id=offer.hpke_key_id,
            created_ms=created_ms,
        )
        return self._envelopes.seal_for_region(key, material, offer, meta)
