"""The crypto engine inside this process: its parts, each the whole of one port, over one keyring; and how it is opened at start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from meridian.domain.bounded_cache import Caches
from meridian.domain.secret import Secret
from meridian.engine import keyring as keyrings
from meridian.engine.asymmetric import AsymmetricCommands
from meridian.engine.commands import SymmetricCommands
from meridian.engine.imports import ImportCommands
from meridian.engine.kept_by_browsers import SealedForBrowsers
from meridian.engine.keyring import Keyring
from meridian.engine.page_markers import MarkerCommands
from meridian.engine.region_envelopes import TransportCommands, TransportKeys
from meridian.engine.region_keyring import RegionKeyring
from meridian.engine.region_secrets import open_secret, secret_identity
from meridian.engine.seals import Seal, SealError
from meridian.engine.serials import SerialCommands
from meridian.engine.session_tokens import SessionCommands
from meridian.engine.store_secrets import StoreSecrets
from meridian.engine.transport_keys import SIGNING_KEY, StoredTransportKeys
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.keyring import SecretRow
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import Store, UnitOfWork

SERIAL_KEY: Final = "membership-serial-key"
SERIAL_KEY_SPEC: Final = "HMAC_256"
SERIAL_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class EngineSurroundings:
    """What every part may need of the process."""

    clock: Clock
    entropy: Entropy
    events: SecurityEvents
    caches: Caches


@dataclass(frozen=True, slots=True)
class CryptoEngine:
    """Whoever needs something of the engine is given the part that does it, and no more."""

    symmetric_keys: SymmetricCommands
    """Implements `ports.crypto.ciphers.SymmetricKeys`, and `ports.key_store.InnerSeals`."""
    key_pairs: AsymmetricCommands
    """Implements `ports.crypto.key_pairs.KeyPairs`."""
    imports: ImportCommands
    """Implements `ports.crypto.imports.MaterialImports`."""
    envelopes: TransportCommands
    """Implements `ports.crypto.region_envelopes.RegionEnvelopes`."""
    serials: SerialCommands
    """Implements `ports.crypto.membership_serials.MembershipSerials`."""
    page_markers: MarkerCommands
    """Implements `ports.page_markers.PageMarkers`."""
    session_tokens: SessionCommands
    """Implements `ports.session_tokens.SessionTokens`."""
    store_secrets: StoreSecrets
    """Implements `ports.key_store.StoreCredentials`."""
    kept_by_browsers: SealedForBrowsers
    """Implements `ports.kept_by_browsers.KeptByBrowsers`."""
    region_keyring: RegionKeyring
    transport_keys: StoredTransportKeys

    def __repr__(self) -> str:
        return f"CryptoEngine({self.region_keyring!r})"


def engine_of(
    identity: RegionIdentity, keyring: Keyring, seals: Sequence[Seal], keys: TransportKeys, serial_key: Secret, around: EngineSurroundings
) -> CryptoEngine:
    """The parts of an engine over a keyring that is open."""
    symmetric_keys = SymmetricCommands(keyring, around.clock, around.entropy, around.caches)
    return CryptoEngine(
        symmetric_keys=symmetric_keys,
        key_pairs=AsymmetricCommands(symmetric_keys, around.clock, around.entropy, around.caches),
        imports=ImportCommands(keyring, symmetric_keys, around.entropy),
        envelopes=TransportCommands(identity.region, keys, symmetric_keys, around.clock),
        serials=SerialCommands(serial_key, around.entropy),
        page_markers=MarkerCommands(keyring),
        session_tokens=SessionCommands(keyring),
        store_secrets=StoreSecrets(identity, keyring, around.clock, around.entropy),
        kept_by_browsers=SealedForBrowsers(keyring),
        region_keyring=RegionKeyring(identity, keyring, seals, around.entropy, around.events),
        transport_keys=StoredTransportKeys(identity, keyring, around.events),
    )


async def open_engine(store: Store, identity: RegionIdentity, seals: Sequence[Seal], around: EngineSurroundings) -> CryptoEngine:
    """The engine of this Region, its keyring created in one transaction on a fresh database. Raises: SealError."""
    clock, entropy = around.clock, around.entropy
    async with store.transaction() as uow:
        roots = await uow.keyring.roots()
        if not roots:
            new_roots, kek = keyrings.create(identity, seals, clock.now(), entropy)
            for row in new_roots:
                await uow.keyring.insert_root(row)
            await uow.keyring.insert_kek(kek)
            roots = new_roots
        keyring = keyrings.unlock(identity, roots, await uow.keyring.keks(), seals, entropy, around.events)
        stored = StoredTransportKeys(identity, keyring, around.events)
        if await _only_secret(uow, SIGNING_KEY) is None:
            await stored.create(uow, clock.now())
        serial_row = await _only_secret(uow, SERIAL_KEY)
        if serial_row is None:
            serial_row = _new_serial_row(identity, keyring, clock.now(), entropy)
            await uow.keyring.insert_secret(serial_row)
        keys = await stored.open(uow, clock.now())
        serial_key = Secret(open_secret(identity, keyring, serial_row))
    return engine_of(identity, keyring, seals, keys, serial_key, around)


async def _only_secret(uow: UnitOfWork, kind: str) -> SecretRow | None:
    """The one secret of a kind that there is for ever. Raises: SealError if it is there and cannot be read: a new one is another Region."""
    found = await uow.keyring.secrets(kind)
    if found.unreadable:
        raise SealError(f"the Region's {kind} cannot be read")
    return found[0] if found else None


def _new_serial_row(identity: RegionIdentity, keyring: Keyring, now: datetime, entropy: Entropy) -> SecretRow:
    """There is one for ever; its name is fixed, so that of two processes that start at once one makes it."""
    row = SecretRow(SERIAL_KEY, identity.region, sha256(SERIAL_KEY.encode()).hexdigest(), SERIAL_KEY_SPEC, 1, now, b"")
    return replace(row, sealed_bytes=keyring.wrap(secret_identity(identity, row), entropy.random_bytes(SERIAL_KEY_BYTES)))
