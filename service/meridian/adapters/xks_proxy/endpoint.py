"""Where a proxy is, and what connections to all proxies have in common."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from meridian.adapters.key_store_metrics import Count
from meridian.adapters.xks_proxy.addresses import Dialling
from meridian.adapters.xks_proxy.lookups import Lookups
from meridian.domain.token_bucket import Rate
from meridian.ports.clock import Clock
from meridian.ports.traces import Traces


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What connections to all proxies of a Region have in common."""

    region: str
    dialling: Dialling
    trust: Callable[[], ssl.SSLContext]
    """What a request is made under, whatever its connection pool holds: one that was made under another is not taken again."""
    clock: Clock
    attempt_seconds: float
    rate: Rate
    """Of requests to one proxy."""
    lookups: Lookups
    count: Count
    traces: Traces


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a proxy is, in the words of its store."""

    account: str
    """Of the store."""
    store_id: str
    host: str
    path: str
    """What all its paths begin with."""
    service: str | None
    """Name of the VPC endpoint service that leads to it."""


def key_path(xks_key_id: str, verb: str) -> str:
    """Below the path of the store."""
    return f"/keys/{quote(xks_key_id, safe='')}/{verb}"
