"""Joins each RPC to the method that does its work, by name. Complete, or the process does not start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from meridian.call import Call
from meridian.contract.catalog import Rpc
from meridian.contract.operation import Operation
from meridian.contract.rates import RATES
from meridian.domain.gates import WORK

Bound = Callable[[Any, Call], Awaitable[Any]]


WITHOUT_PERMISSION: Final = frozenset(
    {
        Operation.XKS_GET_HEALTH_STATUS,
        Operation.WHO_AM_I,
        Operation.GET_CALLER_IDENTITY,
        Operation.ASSUME_ROLE_WITH_WEB_IDENTITY,
    }
)
"""Operations that no policy of keys decides. The XKS proxy specification exempts the first, which is about no key, from every authorization
but the signature. Whoever is known may know who he is, as in AWS. Whether a role may be taken on is decided by the role's own trust before
anybody calls."""


class BindingError(Exception):
    """The contract and the operations do not fit; the message names every hole."""


def bind(rpcs: Mapping[str, Rpc], services: Mapping[str, object]) -> dict[str, Bound]:
    """The operation of each RPC, by RPC name; `services` holds one object per noun.

    Raises: BindingError for an RPC without permission, kind of work, rate or operation.
    """
    holes: list[str] = []
    bound: dict[str, Bound] = {}
    for rpc in rpcs.values():
        method = getattr(services.get(rpc.noun), rpc.method_name, None)
        if not rpc.requires and rpc.name not in WITHOUT_PERMISSION:
            holes.append(f"{rpc.name} declares no permission")
        if rpc.work not in WORK:
            holes.append(f"{rpc.name} declares no kind of work")
        if rpc.rate not in RATES:
            holes.append(f"{rpc.name} declares no rate")
        if method is None:
            holes.append(f"{rpc.name} has no operation")
        else:
            bound[rpc.name] = method
    if holes:
        raise BindingError("; ".join(holes))
    return bound
