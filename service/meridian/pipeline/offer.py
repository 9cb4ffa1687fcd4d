"""Third step: is the operation built. An operation of the contract that this server does not do yet says so, typed."""

from __future__ import annotations

from meridian.domain.call import Call
from meridian.errors import FeatureNotBuiltException
from meridian.pipeline.binding import NOT_BUILT


def offer(call: Call) -> None:
    """Raises: UnsupportedOperationException, as UNIMPLEMENTED, for an operation that is not built."""
    if call.rpc.name in NOT_BUILT:
        raise FeatureNotBuiltException(f"{call.rpc.name} is not offered by this server.")
