"""What settings must be together. Each rule looks at what could be read, so that it speaks beside faults that are elsewhere in the file."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from meridian.contract.rates import RATES
from meridian.domain.limit_bounds import BOUNDS, faults_of_limits
from meridian.settings_sections import host_of, is_loopback

RATE_MAX: Final = 1e9
LISTENERS: Final = ("grpc", "peer", "admin", "aws", "xks", "console")
ANYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
Rule = Callable[[object], Iterator[str]]


def faults_between(settings: object) -> list[str]:
    """A line for each fault: the setting as it stands in the file, and what is wrong with it. Attributes that are not there are unread."""
    return [line for rule in RULES for line in rule(settings)]


def _at(settings: object, place: str) -> object:
    """What stands at a dotted place; None where nothing does, or nothing that could be read."""
    found: object = settings
    for step in place.split("."):
        found = getattr(found, step, None)
    return found


def _listens(settings: object) -> Mapping[str, str]:
    """The addresses that could be read, by their settings."""
    found = {f"{name}.listen": _at(settings, f"{name}.listen") for name in LISTENERS}
    return {place: address for place, address in found.items() if isinstance(address, str)}


def _limits(settings: object) -> Iterator[str]:
    limits = _at(settings, "limits")
    values = {name: getattr(limits, name, None) for name in BOUNDS}
    for name, fault in faults_of_limits(values, development=_at(settings, "development") is True):
        yield f"limits.{name}: {fault}"


def _rates(settings: object) -> Iterator[str]:
    throttle = _at(settings, "throttle")
    if not isinstance(throttle, Mapping):
        return
    for name, rate in throttle.items():
        if name not in RATES:
            near = difflib.get_close_matches(name, RATES, n=1)
            yield f"throttle.{name}: is no class of rates{f'; did you mean {near[0]}?' if near else ''}"
        elif isinstance(rate, int | float) and not (math.isfinite(rate) and 0 <= rate <= RATE_MAX):
            yield f"throttle.{name}: must be from 0 to {RATE_MAX:,.0f}"


def _development(settings: object) -> Iterator[str]:
    development = _at(settings, "development")
    open_to_others = [place for place, address in _listens(settings).items() if not is_loopback(address)]
    if development is True and open_to_others:
        yield f"development is for loopback addresses alone: {', '.join(open_to_others)}"
    if development is False and _at(settings, "grpc.bearer_tokens") is True:
        yield "grpc.bearer_tokens: static tokens are for development alone: give callers certificates"


def _plaintext(settings: object) -> Iterator[str]:
    aws, listen = _at(settings, "aws"), _at(settings, "aws.listen")
    if isinstance(listen, str) and getattr(aws, "tls", aws) is None and not is_loopback(listen):
        yield "aws: plaintext is for loopback addresses alone: give tls"


def _ports(settings: object) -> Iterator[str]:
    seen: list[tuple[str, str]] = []
    for place, address in _listens(settings).items():
        first = next((earlier for earlier, other in seen if _is_same_port(address, other)), None)
        if first is not None:
            yield f"{place}: {address} is taken by {first}"
        seen.append((place, address))


def _is_same_port(one: str, other: str) -> bool:
    hosts = {"127.0.0.1" if host_of(each) == "localhost" else host_of(each) for each in (one, other)}
    ports = {each.rpartition(":")[2].lstrip("0") for each in (one, other)}
    return len(ports) == 1 and (len(hosts) == 1 or not hosts.isdisjoint(ANYWHERE))


def _other_regions(settings: object) -> Iterator[str]:
    """Every peer is another Region than this one and than any other peer."""
    peers = _at(settings, "peers")
    seen: dict[tuple[str, object], int] = {}
    for at, peer in enumerate(peers if isinstance(peers, Sequence) else ()):
        region = getattr(peer, "region", None)
        if region is not None and region == _at(settings, "region"):
            yield f"peers.{at}.region: {region} is this Region itself"
        for name in ("region", "spiffe_id"):
            value = getattr(peer, name, None)
            first = at if value is None else seen.setdefault((name, value), at)
            if first != at:
                yield f"peers.{at}.{name}: peers.{first} has the same one"


def _one_name(settings: object) -> Iterator[str]:
    given: frozenset[str] = getattr(settings, "model_fields_set", frozenset())
    if "replica" in given and _at(settings, "replica_file") is not None:
        yield "replica, replica_file: give one of them"


def _seals(settings: object) -> Iterator[str]:
    if _at(settings, "seals") == ():
        yield "seals: at least one seal is needed"


def _tokens(settings: object) -> Iterator[str]:
    """A token is of one purpose: its login counts for all of a process, and whoever shared it would be in with another's PIN."""
    seals, named = _at(settings, "seals"), _at(settings, "key_store_tokens")
    tables = [(f"seals.{at}", seal) for at, seal in enumerate(seals if isinstance(seals, Sequence) else ())]
    tables += [(f"key_store_tokens.{name}", each) for name, each in (named.items() if isinstance(named, Mapping) else ())]
    seen: dict[tuple[object, object], str] = {}
    for place, table in tables:
        module, token = getattr(table, "module", None), getattr(table, "token", None)
        first = place if module is None or token is None else seen.setdefault((module, token), place)
        if first != place:
            yield f"{place}.token: {first} has the same one"


def _front(settings: object) -> Iterator[str]:
    """What Envoy alone speaks."""
    if _at(settings, "front.kind") != "grpcio":
        return
    for name in ("grpc_web_origins", "http3"):
        if _at(settings, f"front.{name}"):
            yield f'front.{name}: needs front.kind = "envoy"'


RULES: Final[tuple[Rule, ...]] = (_front, _development, _plaintext, _ports, _other_regions, _one_name, _seals, _tokens, _limits, _rates)
