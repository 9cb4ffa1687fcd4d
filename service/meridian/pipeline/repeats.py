"""After the checks of form: was this very change made before, under the same token of the same caller? Then its answer is given again.

Asked before a key is looked up: what a change has ended is not there for its repeat. The caller gets nothing that he was not given
before, so policies are not asked again.

Source: docs/spec/repeats.md.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from hashlib import sha256
from typing import Any, Final

from meridian.call import Call, ChangeToken
from meridian.contract.client_token import CLIENT_TOKEN
from meridian.errors import DependencyTimeoutException, KMSInternalException, ValidationException
from meridian.operations.outcomes import AnsweredBeforeError, require_new
from meridian.ports.store.store import Store
from meridian.setbacks import Setbacks

FORM: Final = re.compile(r"[!-~]{1,64}")
WRONG_FORM: Final = "must have 1 to 64 characters, each a visible one of ASCII"


class Repeats:
    """Raises: AnsweredBeforeError for a repeat; ValidationException for a token of the wrong form or of another request;
    DependencyTimeoutException while a call under the same token is under way."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._setbacks = Setbacks("asking for an answer after a failure")

    def __call__(self, call: Call) -> Awaitable[None] | None:
        text = call.evidence.client_token
        if text is None or not call.rpc.takes_token:
            return None
        if FORM.fullmatch(text) is None:
            raise ValidationException(f"{CLIENT_TOKEN} {WRONG_FORM}.", fields=[(CLIENT_TOKEN, WRONG_FORM)])
        call.change_token = ChangeToken(text, sha256(call.request.SerializeToString(deterministic=True)).digest())
        return self._look(call)

    async def _look(self, call: Call) -> None:
        async with self._store.reading() as uow:
            await require_new(uow, call)

    def given_again(self, call: Call, before: AnsweredBeforeError) -> Any:
        """The answer of the call before, this one being recorded as its repeat; a call whose commit seemed lost is no repeat of itself."""
        call.error = None
        if before.request_id != call.request_id:
            call.repeat_of = before.request_id
            call.response_elements = None
            call.audit_data = {"repeatOf": before.request_id}
        return before.answer

    async def after_failure(self, call: Call) -> Any:
        """The answer where the change was made after all, by a call under the same token in another process, or by this one whose commit
        seemed lost; otherwise None, and the call's error stands."""
        if call.change_token is None:
            return None
        try:
            with self._setbacks.expected(KMSInternalException):
                await self._look(call)
        except AnsweredBeforeError as before:
            return self.given_again(call, before)
        except (ValidationException, DependencyTimeoutException, asyncio.CancelledError):
            pass  # the token is another's call, or the time is over: the first failure is the one to tell
        return None
