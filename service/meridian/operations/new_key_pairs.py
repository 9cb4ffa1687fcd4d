"""How fresh key material comes about: of a key pair that is ready where there is one, else made while the caller waits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from meridian.domain.algorithms import TABLE as SPECS
from meridian.domain.key import KeySpec
from meridian.domain.secret import Secret
from meridian.ports.crypto.key_pair_source import KeyPairSource
from meridian.ports.heavy_work import HeavyWork, KeyWork

T = TypeVar("T")


class NewKeyPairs:
    """Runs what makes something of a fresh private key, where it holds nobody up."""

    def __init__(self, ready: KeyPairSource, keys: KeyWork, heavy: HeavyWork) -> None:
        self._ready = ready
        self._keys = keys
        self._heavy = heavy

    async def make(self, account: str, key_spec: KeySpec, of: Callable[[Secret | None], T]) -> T:
        """What `of` makes of a private key in its stored form, or of none, and then of its own. Raises: ThrottlingException."""
        ready = self._ready.take(key_spec)
        if ready is None and SPECS[key_spec].is_slow_to_make:
            return await self._heavy.run(account, partial(of, None))
        return await self._keys.run(key_spec, partial(of, ready))
