"""Whether what a call was decided on still holds, asked in the transaction that acts on it.

Between a decision and its transaction a call may wait, and a policy, a tag or a grant that it was allowed by may end meanwhile. A change
that is acknowledged counts for every change that is made after it: the call is decided anew then.
"""

from __future__ import annotations

from meridian.domain.call import Call
from meridian.ports.store import UnitOfWork


class DecidedBeforeError(Exception):
    """No failure: a key or a grant is not what the call was decided on. It leaves the transaction without a trace."""


async def require_as_decided(uow: UnitOfWork, call: Call) -> None:
    """Return where each of the call's keys still is what policies said yes to, and each grant that may have admitted the call is there.

    Raises: DecidedBeforeError.
    """
    for key in call.keys.values():
        now = await uow.keys.find(key.account, key.key_id)
        if now is None or now.decided_on != key.decided_on:
            raise DecidedBeforeError
    for grant_id in {grant_id for fitting in call.grant_ids.values() for grant_id in fitting}:
        if await uow.grants.find(grant_id) is None:
            raise DecidedBeforeError
