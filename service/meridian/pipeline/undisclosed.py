"""A step between the look for the keys and the decision on them: no fault of it tells that a key of another account is there.

Such a key counts as absent from then on. The call goes on to the decisions, so that it is refused where, and with the words with which, it
would be refused if the key were not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from meridian.call import Call
from meridian.errors import AccessDeniedException, KmsError
from meridian.pipeline.chain import Step
from meridian.pipeline.denial import foreign_denial
from meridian.pipeline.resolve import UNUSABLE_CIPHERTEXT, action_on
from meridian.ports.security_events import SecurityEvents


class Undisclosed:
    """Walks the step. Refusals of the step itself are raised as they are: they depend on the request alone."""

    def __init__(self, step: Step, events: SecurityEvents) -> None:
        self._step = step
        self._events = events

    def __call__(self, call: Call) -> Awaitable[None] | None:
        try:
            waiting = self._step(call)
        except Exception as fault:
            self._hide(call, fault)
            return None
        return None if waiting is None else self._finish(call, waiting)

    async def _finish(self, call: Call, waiting: Awaitable[None]) -> None:
        try:
            await waiting
        except (Exception, asyncio.CancelledError) as fault:
            self._hide(call, fault)

    def _hide(self, call: Call, fault: BaseException) -> None:
        """Raises: the fault, where it is a refusal or the call names no key of another account."""
        caller = call.caller.account
        abroad = [field for field, key in call.keys.items() if key.account != caller]
        if (isinstance(fault, KmsError) and not fault.retryable) or not (abroad or call.absent):
            raise fault
        if not isinstance(fault, asyncio.CancelledError):
            self._events.report_fault(fault, during=call.rpc.name)
        for field in abroad:
            del call.keys[field]
            call.grants.pop(field, None)
            call.absent[field] = absent_refusal(call, field)


def absent_refusal(call: Call, field: str) -> KmsError:
    """How a key of another account is refused that is not there."""
    if call.rpc.ciphertext_key_field == field and not call.request.HasField(field):
        return AccessDeniedException(UNUSABLE_CIPHERTEXT)
    return foreign_denial(call.caller, action_on(call, field))
