"""Keys by which issuers of tokens sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class SigningKey(Protocol):
    """A public key of an issuer."""

    def payload_of(self, token: str, algorithm: str) -> bytes:
        """The payload of a token that this key has signed by this algorithm. Raises: ValueError for any other."""
        ...


class SigningKeys(Protocol):
    """A key set, as it was published once."""

    def find(self, kid: str, algorithm: str) -> SigningKey | None:
        """The key of this id that is for this algorithm."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class KeySetSource:
    """Where the key set of an issuer comes from."""

    issuer: str
    url: str
    """Empty where the issuer's own discovery document tells it."""
    authorities: str
    """PEM; empty for those that the system believes."""
    bearer_token: str
    """Shown to who serves the key set; empty where he asks for none."""
    keys: SigningKeys | None
    """Of a file; nothing is fetched then."""


class KeySets(Protocol):
    """The key sets in force."""

    def find(self, issuer: str, kid: str, algorithm: str) -> SigningKey:
        """The key of a known issuer. Raises: UnrecognizedClientException where he has none; DependencyTimeoutException while that cannot be
        said, for his key set is being fetched, or could not be for too long."""
        ...
