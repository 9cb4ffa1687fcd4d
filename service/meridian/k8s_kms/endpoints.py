"""Where the key is: one endpoint or several, of one Region or several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from meridian.k8s_kms.key_name import KeyName

ENDPOINTS_MAX: Final = 8
REGION: Final = re.compile(r"([a-z]+-){2,3}[0-9]+")
HOST: Final = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True, slots=True)
class Place:
    """One endpoint, and the key's ARN there."""

    region: str
    target: str
    """`host:port`."""
    arn: str


def read_places(texts: Sequence[str], key: KeyName) -> tuple[Place, ...]:
    """The endpoints in their order, each `host:port` in the key's own Region or `REGION=host:port`.

    Raises: ValueError, whose text says what is wrong.
    """
    if not 1 <= len(texts) <= ENDPOINTS_MAX:
        raise ValueError(f"has 1 to {ENDPOINTS_MAX} values")
    places = tuple(_read(text, key) for text in texts)
    twice = next((place.target for place in places if sum(place.target == other.target for other in places) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice} is there twice")
    return places


def _read(text: str, key: KeyName) -> Place:
    named, separator, target = text.rpartition("=")
    region = named if separator else key.region
    host, _, port = target.rpartition(":")
    if not HOST.fullmatch(host) or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
        raise ValueError(f"{text} is neither host:port nor REGION=host:port")
    if separator and not REGION.fullmatch(region):
        raise ValueError(f"{text}: {region} is no name of a Region, such as us-east-1")
    if region != key.region and not key.is_multi_region:
        raise ValueError(f"{text} is in another Region than the key, which is no multi-Region key")
    return Place(region, target, key.arn_in(region))
