"""Seals: what wraps the root key, kept outside the database.

Each provider's parameters, and the list of all providers, are authenticated in each sealed root.

Source: docs/spec/ciphertext.md §4; RFC 9106 for the passphrase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from meridian.crypto.aead import KEY_BYTES
from meridian.crypto.passphrase import key_from_passphrase
from meridian.domain.encoding import length_prefixed_tuple, read_length_prefixed_tuple, u32
from meridian.domain.secret import Secret
from meridian.engine.secret_files import FileFault, read_secret
from meridian.ports.entropy import Entropy

TIME_COST_MIN: Final = 3
MEMORY_KIB_MIN: Final = 64 * 1024
PARALLELISM_MAX: Final = 255
SALT_BYTES: Final = 16


NO_SEAL: Final = "no seal for any of"
"""How the reason of a `NoSealError` begins; the doctor knows it by it."""


class SealError(Exception):
    """A seal cannot be used, or opens nothing. The process must not start."""


class NoSealError(SealError):
    """None of the seals that are configured is one that the Region's root key lies under: the settings are others, and no row is spoilt."""


class Seal(Protocol):
    """A source of one 32-byte key outside the database."""

    @property
    def provider(self) -> str:
        """Name of the kind of seal."""
        ...

    @property
    def place(self) -> str:
        """The file or the token that it is, as operators read it."""
        ...

    def new_parameters(self, entropy: Entropy) -> bytes:
        """Public parameters for a new sealed root. Raises: SealError."""
        ...

    def key(self, parameters: bytes) -> Secret:
        """The sealing key under these parameters. Raises: SealError."""
        ...


@dataclass(frozen=True, slots=True)
class FileSeal:
    """A 32-byte file of mode 0600 that belongs to this user; one that belongs to root may be readable by its group."""

    path: Path
    provider: str = "file"

    @property
    def place(self) -> str:
        return str(self.path)

    def new_parameters(self, entropy: Entropy) -> bytes:  # noqa: ARG002 - the signature of every seal
        return b""

    def key(self, parameters: bytes) -> Secret:  # noqa: ARG002 - the signature of every seal
        try:
            value = read_secret(self.path)
        except FileFault as fault:
            raise SealError(f"seal file {fault}") from fault
        if len(value) != KEY_BYTES:
            raise SealError(f"seal file {self.path}: has {len(value)} bytes, not {KEY_BYTES}")
        return Secret(value)


@dataclass(frozen=True, slots=True)
class PassphraseSeal:
    """A passphrase in a file of its own; Argon2id with parameters that are stored beside the sealed root."""

    path: Path
    time_cost: int = 4
    memory_kib: int = 256 * 1024
    parallelism: int = 4
    provider: str = "passphrase"

    @property
    def place(self) -> str:
        return str(self.path)

    def new_parameters(self, entropy: Entropy) -> bytes:
        _require_cost(self.time_cost, self.memory_kib, self.parallelism)
        salt = entropy.random_bytes(SALT_BYTES)
        return length_prefixed_tuple(salt, u32(self.time_cost), u32(self.memory_kib), u32(self.parallelism))

    def key(self, parameters: bytes) -> Secret:
        try:
            salt, *costs = read_length_prefixed_tuple(parameters)
            time_cost, memory_kib, parallelism = (int.from_bytes(cost, "big") for cost in costs)
        except ValueError as fault:
            raise SealError("passphrase seal: the stored parameters cannot be read") from fault
        _require_cost(time_cost, memory_kib, parallelism)
        try:
            passphrase = read_secret(self.path).rstrip(b"\r\n")
        except FileFault as fault:
            raise SealError(f"passphrase file {fault}") from fault
        if not passphrase:
            raise SealError(f"passphrase file {self.path}: is empty")
        return Secret(key_from_passphrase(passphrase, salt, time_cost=time_cost, memory_kib=memory_kib, parallelism=parallelism))


def _require_cost(time_cost: int, memory_kib: int, parallelism: int) -> None:
    if time_cost < TIME_COST_MIN or memory_kib < MEMORY_KIB_MIN or not 1 <= parallelism <= PARALLELISM_MAX:
        raise SealError(f"passphrase seal: cost below the floor of t={TIME_COST_MIN}, m={MEMORY_KIB_MIN} KiB")


def providers_of(seals: Sequence[Seal]) -> tuple[str, ...]:
    """Names of the providers, sorted. Raises: SealError for none, or two of a kind."""
    names = sorted(seal.provider for seal in seals)
    if not names or len(set(names)) != len(names):
        raise SealError("seals: at least one, and each provider once")
    return tuple(names)
