"""Whether what a call was decided on still holds, asked in the transaction that acts on it.

Between a decision and its transaction a call may wait, and a policy, a tag or a grant that it was allowed by may end meanwhile. A change
that is acknowledged counts for every change that is made after it: the call is decided anew then.
"""

from __future__ import annotations

from meridian.call import Call
from meridian.domain.key import Key
from meridian.ports.store.store import UnitOfWork


class DecidedBeforeError(Exception):
    """No failure: a key or a grant is not what the call was decided on. It leaves the transaction without a trace."""


async def require_as_decided(uow: UnitOfWork, call: Call) -> dict[str, Key]:
    """The call's keys as they are now, by ARN, where each still is what policies said yes to, and each grant that may have admitted the
    call is there. Raises: DecidedBeforeError.
    """
    found: dict[str, Key] = {}
    for key in call.keys.values():
        now = found.get(key.arn) or await uow.keys.find(key.account, key.key_id)
        if now is None or now.decided_on != key.decided_on:
            raise DecidedBeforeError
        found[key.arn] = now
    for grant_id in {grant_id for fitting in call.grant_ids.values() for grant_id in fitting}:
        if await uow.grants.find(grant_id) is None:
            raise DecidedBeforeError
    return found
