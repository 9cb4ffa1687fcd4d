"""Where fresh RSA keys come from that nobody has to wait for."""

from __future__ import annotations

from typing import Protocol

from meridian.domain.key import KeySpec
from meridian.domain.secret import Secret


class KeyPairSource(Protocol):
    """Private keys in their stored form, DER PKCS #8, each handed out once."""

    def take(self, key_spec: KeySpec) -> Secret | None:
        """One that is ready; None where the caller has to make one."""
        ...
