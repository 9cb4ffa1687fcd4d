"""Where fresh wrapping keys for imports come from."""

from __future__ import annotations

from typing import Protocol

from meridian.domain.secret import Secret


class ImportKeySource(Protocol):
    """Fresh RSA keys, each handed out once."""

    async def take(self, account: str, wrapping_key_spec: str) -> Secret:
        """A private key, DER PKCS#8, for a call of this account; accounts take turns.

        Raises: DependencyTimeoutException when none is ready in time; ThrottlingException where too many calls wait for one.
        """
        ...
