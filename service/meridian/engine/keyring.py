"""Seal → root key → key-encryption keys → wrapped rows.

A wrapped row is bound to everything that names it, so a row moved to another key, account, Region, kind or version does not
open.

Source: docs/spec/ciphertext.md §4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from meridian.crypto.aead import KEY_BYTES, OpenError
from meridian.domain.encoding import length_prefixed_tuple, u32, u64
from meridian.domain.secret import Secret
from meridian.engine import box
from meridian.engine.seals import NO_SEAL, NoSealError, Seal, SealError, providers_of
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.ports.store.keyring import KekRow, RootRow
from meridian.ports.store.region import RegionIdentity

FIRST: Final = 1
MATERIAL_KIND: Final = "key-material"


class RowIdentity(NamedTuple):
    """What a wrapped row is bound to; absent fields are empty. `row_id` is the material id, or the secret's own id."""

    kind: str
    partition: str
    account: str
    region: str
    key_id: str
    key_spec: str
    origin: str
    row_id: bytes
    row_version: int

    def encoded(self) -> bytes:
        return length_prefixed_tuple(*self[:8], u64(self.row_version))


class KeyringRows(NamedTuple):
    """A keyring as it is stored."""

    roots: tuple[RootRow, ...]
    keks: tuple[KekRow, ...]


class Keyring:
    """The Region's key-encryption keys, open in memory."""

    def __init__(self, keks: Mapping[int, Secret], active: int, entropy: Entropy, events: SecurityEvents) -> None:
        self._events = events
        self._keks = dict(keks)
        self._active = active
        self._entropy = entropy
        self.unopened: frozenset[int] = frozenset()
        """Numbers of key-encryption keys that are there and do not open: rows under them do not, either, and all others do."""

    @property
    def numbers(self) -> frozenset[int]:
        """Numbers of the key-encryption keys that were read, also of those that do not open."""
        return frozenset(self._keks) | self.unopened

    @property
    def active(self) -> int:
        """Number of the key-encryption key that new rows are wrapped under."""
        return self._active

    def take_over(self, newer: Keyring) -> None:
        """Use the keys of a keyring that was read anew. Rows under keys that are gone no longer open."""
        self._keks, self._active, self.unopened = newer._keks, newer._active, newer.unopened

    def wrap(self, identity: RowIdentity, plaintext: bytes) -> bytes:
        """Seal a row under the active key-encryption key."""
        return box.seal_box(box.ROW, self._newest(), identity.encoded(), plaintext, self._entropy)

    def unwrap(self, identity: RowIdentity, sealed: bytes) -> bytes:
        """Open a row. Raises: OpenError if it is not the row of this identity, or its key is not here; operators hear of it."""
        try:
            return self._open_row(identity, sealed)
        except OpenError as fault:
            self.tell_unreadable(identity, fault.stage)
            raise

    def require_opens(self, identity: RowIdentity, sealed: bytes) -> None:
        """Look whether a row opens, for somebody who tells of it himself. Raises: OpenError."""
        self._open_row(identity, sealed)

    def _open_row(self, identity: RowIdentity, sealed: bytes) -> bytes:
        return box.open_box(box.ROW, self._kek_of(box.ROW, sealed), identity.encoded(), sealed)

    def tell_unreadable(self, identity: RowIdentity, why: str) -> None:
        """Wrapped bytes are not what their row says they are."""
        name = identity.key_id if not identity.account else f"{identity.account}/{identity.key_id}"
        self._events.report(SecurityEvent.WRAPPED_ROW_UNREADABLE, subject=name, kind=identity.kind, row=identity.row_id.hex(), why=why)

    def is_under_active(self, sealed: bytes) -> bool:
        """Whether a row names the key-encryption key that new rows are wrapped under."""
        try:
            return box.box_key_number(box.ROW, sealed) == self._active
        except OpenError:
            return False

    def seal(self, kind: box.BoxKind, rest: bytes, plaintext: bytes, name: bytes = b"") -> bytes:
        """Seal a token under the active key-encryption key."""
        return box.seal_box(kind, self._newest(), rest, plaintext, self._entropy, name)

    def open(self, kind: box.BoxKind, rest: bytes, sealed: bytes) -> bytes:
        """Open a token. Raises: OpenError."""
        return box.open_box(kind, self._kek_of(kind, sealed), rest, sealed)

    def _newest(self) -> box.BoxKey:
        return box.BoxKey(self._keks[self._active], self._active)

    def _kek_of(self, kind: box.BoxKind, sealed: bytes) -> Secret:
        kek = self._keks.get(box.box_key_number(kind, sealed))
        if kek is None:
            raise OpenError("key-encryption key")
        return kek


def create(identity: RegionIdentity, seals: Sequence[Seal], now: datetime, entropy: Entropy) -> tuple[list[RootRow], KekRow]:
    """A fresh root, sealed once per provider, and the first key-encryption key under it. Raises: SealError."""
    root = Secret(entropy.random_bytes(KEY_BYTES))
    roots = _sealed_roots(identity, root, FIRST, seals, entropy)
    row = KekRow(FIRST, FIRST, True, now, b"")
    sealed = box.seal_box(box.KEK, box.BoxKey(root, FIRST), _kek_rest(identity, row), entropy.random_bytes(KEY_BYTES), entropy)
    return roots, KekRow(FIRST, FIRST, True, now, sealed)


def unlock(
    identity: RegionIdentity,
    roots: Sequence[RootRow],
    keks: Sequence[KekRow],
    seals: Sequence[Seal],
    entropy: Entropy,
    events: SecurityEvents,
) -> Keyring:
    """Open the keyring with whichever seal opens a root. A key-encryption key that does not open is reported and left out, unless it is
    the active one.

    Raises: SealError if no seal opens a root, or the active key-encryption key does not open.
    """
    root = _open_root(identity, roots, seals)
    active = [row.kek_number for row in keks if row.is_active]
    if len(active) != 1:
        raise SealError(f"there must be one active key-encryption key, not {len(active)}")
    opened: dict[int, Secret] = {}
    unopened = set()
    for row in keks:
        try:
            opened[row.kek_number] = Secret(box.open_box(box.KEK, root, _kek_rest(identity, row), row.sealed_bytes))
        except OpenError as fault:
            if row.is_active:
                raise SealError(f"key-encryption key {row.kek_number} does not open under the root key") from fault
            unopened.add(row.kek_number)
            tell_unopened(row, fault.stage, events)
    keyring = Keyring(opened, active[0], entropy, events)
    keyring.unopened = frozenset(unopened)
    return keyring


def tell_unopened(row: KekRow, why: str, events: SecurityEvents) -> None:
    """A key-encryption key is not what its row says it is."""
    subject = f"key-encryption key {row.kek_number}"
    events.report(SecurityEvent.WRAPPED_ROW_UNREADABLE, subject=subject, kind="key-encryption-key", row=str(row.kek_number), why=why)


def next_kek(identity: RegionIdentity, rows: KeyringRows, seals: Sequence[Seal], now: datetime, entropy: Entropy) -> KekRow:
    """A fresh key-encryption key with the next number, active. Raises: SealError."""
    root, number = _open_root(identity, rows.roots, seals), max(row.kek_number for row in rows.keks) + 1
    row = KekRow(number, rows.roots[-1].root_number, True, now, b"")
    sealed = box.seal_box(box.KEK, box.BoxKey(root, row.root_number), _kek_rest(identity, row), entropy.random_bytes(KEY_BYTES), entropy)
    return replace(row, sealed_bytes=sealed)


def next_root(identity: RegionIdentity, rows: KeyringRows, seals: Sequence[Seal], entropy: Entropy, events: SecurityEvents) -> KeyringRows:
    """A fresh root under each of these seals, of which one opens the present root, and every key-encryption key under it that opens.

    One that does not open is reported and not among the answer's: its row stays as it is. Raises: SealError, also where the active one
    does not open, or one does not open again from its new wrapping.
    """
    old, number = _open_root(identity, rows.roots, seals), rows.roots[-1].root_number + 1
    root = Secret(entropy.random_bytes(KEY_BYTES))
    keks = []
    for row in rows.keks:
        rest = _kek_rest(identity, row)
        try:
            plaintext = box.open_box(box.KEK, old, rest, row.sealed_bytes)
        except OpenError as fault:
            if row.is_active:
                raise SealError(f"key-encryption key {row.kek_number}, the active one, does not open under the root key") from fault
            tell_unopened(row, fault.stage, events)
            continue
        sealed = box.seal_box(box.KEK, box.BoxKey(root, number), rest, plaintext, entropy)
        if box.open_box(box.KEK, root, rest, sealed) != plaintext:
            raise SealError(f"key-encryption key {row.kek_number} does not open from its new wrapping")
        keks.append(replace(row, root_number=number, sealed_bytes=sealed))
    renewed = KeyringRows(tuple(_sealed_roots(identity, root, number, seals, entropy)), tuple(keks))
    _open_root(identity, renewed.roots, seals)
    return renewed


def _sealed_roots(identity: RegionIdentity, root: Secret, number: int, seals: Sequence[Seal], entropy: Entropy) -> list[RootRow]:
    providers = providers_of(seals)
    roots = []
    for seal in seals:
        parameters = seal.new_parameters(entropy)
        rest = _root_rest(identity, number, seal.provider, parameters, providers)
        sealed = box.seal_box(box.ROOT, box.BoxKey(seal.key(parameters), number), rest, root.reveal(box.ACCESS), entropy)
        roots.append(RootRow(number, seal.provider, parameters, sealed))
    return roots


def _open_root(identity: RegionIdentity, roots: Sequence[RootRow], seals: Sequence[Seal]) -> Secret:
    providers = tuple(sorted(row.provider for row in roots))
    by_provider = {seal.provider: seal for seal in seals}
    faults = []
    for row in roots:
        seal = by_provider.get(row.provider)
        if seal is None:
            continue
        rest = _root_rest(identity, row.root_number, row.provider, row.parameters, providers)
        try:
            return Secret(box.open_box(box.ROOT, seal.key(row.parameters), rest, row.sealed_bytes))
        except OpenError:
            faults.append(f"{seal.place}: the {row.provider} seal does not open the root key of this Region")
        except SealError as fault:
            faults.append(str(fault))
    if not faults:
        raise NoSealError(f"{NO_SEAL} {', '.join(providers)}")
    raise SealError("; ".join(faults))


def fault_of_seal(identity: RegionIdentity, roots: Sequence[RootRow], seal: Seal) -> str:
    """Why this seal alone would not open the root key; empty where it does."""
    if all(row.provider != seal.provider for row in roots):
        return f"no root key is sealed under a {seal.provider} seal: run `meridian region rotate-root`"
    try:
        _open_root(identity, roots, [seal])
    except SealError as fault:
        return str(fault)
    return ""


def _root_rest(identity: RegionIdentity, number: int, provider: str, parameters: bytes, providers: tuple[str, ...]) -> bytes:
    names = (identity.deployment, identity.partition, identity.region)
    return length_prefixed_tuple(*names, u32(number), provider, parameters, length_prefixed_tuple(*providers))


def _kek_rest(identity: RegionIdentity, row: KekRow) -> bytes:
    created_ms = round(row.created_at.timestamp() * 1000)
    names = (identity.deployment, identity.partition, identity.region)
    return length_prefixed_tuple(*names, u32(row.kek_number), u64(created_ms))
