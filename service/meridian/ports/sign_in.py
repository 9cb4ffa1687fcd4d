"""What the console asks of the identity provider at which people sign in."""

from __future__ import annotations

from typing import Protocol


class SignInFault(Exception):
    """The provider is away, or says no; the message says why, in words of this service, and is for operators."""


class CodeRefused(SignInFault):
    """The provider is there and does not take the code: whoever brought it has not proved who he is."""


class IdentityProvider(Protocol):
    """One provider of OpenID Connect."""

    async def authorization_endpoint(self) -> str:
        """Where browsers are sent, without a query. Raises: SignInFault."""
        ...

    async def redeem(self, code: str, verifier: str, address: str) -> str:
        """The ID token for a code that the provider gave to the browser at `address`; nothing of it is believed yet.

        Raises: CodeRefused, SignInFault.
        """
        ...
