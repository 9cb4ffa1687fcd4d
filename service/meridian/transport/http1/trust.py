"""What a listener for HTTP believes of who connects."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final

from meridian.transport.http1.client_names import ClientNames
from meridian.transport.http1.head import Networks


@dataclass(frozen=True, slots=True)
class Trust:
    """Of clients and of proxies before them."""

    tls: ssl.SSLContext | None
    client_names: ClientNames
    """Those that the certificates of clients may have."""
    proxies: Networks
    """Whose word counts about the address of a caller."""


NO_TRUST: Final = Trust(None, ClientNames(()), ())
"""Without TLS, and nobody is believed anything."""
