"""Joins each RPC to the method that does its work, by name. Complete, or the process does not start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from meridian.catalog import Rpc
from meridian.domain.call import Call

Operation = Callable[[Any, Call], Awaitable[Any]]

NOT_BUILT: Final = frozenset(
    {
        "ConnectCustomKeyStore",
        "CreateAlias",
        "CreateCustomKeyStore",
        "CreateGrant",
        "DeleteAlias",
        "DeleteCustomKeyStore",
        "DescribeCustomKeyStores",
        "DisconnectCustomKeyStore",
        "GetKeyLastUsage",
        "ListAliases",
        "ListGrants",
        "ListResourceTags",
        "ListRetirableGrants",
        "RetireGrant",
        "RevokeGrant",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateCustomKeyStore",
    }
)
"""THE table of operations that are in the contract and not built. It only shrinks."""


class BindingError(Exception):
    """The contract and the operations do not fit; the message names every hole."""


def bind(rpcs: Mapping[str, Rpc], services: Mapping[str, object]) -> dict[str, Operation]:
    """The operation of each built RPC, by RPC name; `services` holds one object per noun.

    Raises: BindingError for an RPC without permission, an RPC that is neither bound nor listed as not built, and one that is both.
    """
    holes: list[str] = []
    bound: dict[str, Operation] = {}
    for rpc in rpcs.values():
        method = getattr(services.get(rpc.noun), rpc.method_name, None)
        if not rpc.requires:
            holes.append(f"{rpc.name} declares no permission")
        if method is None and rpc.name not in NOT_BUILT:
            holes.append(f"{rpc.name} has no operation")
        if method is not None and rpc.name in NOT_BUILT:
            holes.append(f"{rpc.name} is built and listed as not built")
        if method is not None:
            bound[rpc.name] = method
    holes += [f"{name} is listed as not built and not in the contract" for name in sorted(NOT_BUILT - set(rpcs))]
    if holes:
        raise BindingError("; ".join(holes))
    return bound
