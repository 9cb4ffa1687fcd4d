"""What a change leaves in its own transaction: its audit event, and under the caller's token the answer that a repeat will get.

A token is looked up before anything of a call is done, and again as the first thing of the transaction of its change, where one call at
a time is: of two calls under one token one makes the change. An operation that asks another Region before it changes anything here
claims its token first.

Source: docs/spec/repeats.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256

from google.protobuf.message import DecodeError, Message

from meridian.call import Call, ChangeToken
from meridian.contract.client_token import CLIENT_TOKEN
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.errors import DependencyTimeoutException, KmsError, KMSInternalException, ValidationException
from meridian.operations.shown_answers import shown_of
from meridian.ports.audit import AuditTrail
from meridian.ports.store.answers import AnswerRow
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.decided import require_as_decided
from meridian.setbacks import Setbacks


class AnsweredBeforeError(Exception):
    """No failure: the change was made before, and this is what was answered then. It leaves the transaction without a trace."""

    def __init__(self, answer: Message, request_id: str) -> None:
        super().__init__(request_id)
        self.answer = answer
        self.request_id = request_id
        """Of the call that made the change."""


async def require_new(uow: UnitOfWork, call: Call) -> None:
    """Return where nothing was answered under the call's token, or it has none.

    Raises: AnsweredBeforeError; ValidationException where the token was that of another request; DependencyTimeoutException while
    another call under it is under way; KMSInternalException for an answer that cannot be read.
    """
    token = call.change_token
    if token is None:
        return
    row = await uow.answers.find(call.caller.account, _principal(call), token.text, now=await uow.region.now())
    if row is None:
        return
    if (row.operation, row.request_digest) != (call.rpc.name, token.request_digest):
        fault = "was used for another request"
        raise ValidationException(f"The token in {CLIENT_TOKEN} {fault}.", fields=[(CLIENT_TOKEN, fault)])
    if row.answer is not None:
        raise AnsweredBeforeError(_read(call, row.answer), row.request_id)
    if row.request_id != call.request_id:
        raise DependencyTimeoutException("A request with this token is under way. Retry the request.", reason="token claimed")


def _principal(call: Call) -> str:
    """The caller's name in 64 characters, however long it is."""
    return sha256(call.caller.arn.encode()).hexdigest()


def _read(call: Call, answer: bytes) -> Message:
    try:
        message: Message = call.rpc.response_class.FromString(answer)
    except DecodeError as fault:
        raise KMSInternalException(reason="a remembered answer cannot be read") from fault
    return message


class Outcomes:
    """Records changes. Every transaction in which an operation changes something begins with `begin` and ends with `record`."""

    def __init__(self, store: Store, trail: AuditTrail, limits: Limits) -> None:
        self._store = store
        self._trail = trail
        self._limits = limits
        self._setbacks = Setbacks("withdrawing the claim of a client token")

    async def begin(self, uow: UnitOfWork, call: Call) -> dict[str, Key]:
        """The call's keys as they are now, by ARN, where the change is new and may be made on them.

        Raises: what `require_new` raises; DecidedBeforeError.
        """
        if call.change_token is not None:
            await require_new(uow, call)
        return await require_as_decided(uow, call)

    async def record(self, uow: UnitOfWork, call: Call, answer: Message) -> None:
        """Store the change's audit event, which tells what is answered, and its answer where the call has a token."""
        call.response_elements = shown_of(call, answer)
        await self._trail.record(uow, call)
        if call.change_token is not None:
            await self._put(uow, call, call.change_token, answer.SerializeToString(), self._limits.client_token_seconds)

    @asynccontextmanager
    async def claimed(self, call: Call) -> AsyncIterator[None]:
        """Within, no other call under the token begins, in any process of the Region. A process that dies leaves its claim for as long
        as a call may take. Raises: what `require_new` raises.
        """
        token = call.change_token
        if token is None:
            yield
            return
        async with self._store.transaction() as uow:
            await require_new(uow, call)
            await self._put(uow, call, token, None, self._limits.deadline_seconds_max)
        try:
            yield
        except BaseException:
            with self._setbacks.expected(KmsError):  # a claim that cannot be withdrawn ends by itself
                await self._withdraw(call, token)
            raise

    async def _put(self, uow: UnitOfWork, call: Call, token: ChangeToken, answer: bytes | None, seconds: float) -> None:
        now = await uow.region.now()
        row = AnswerRow(
            account=call.caller.account,
            principal=_principal(call),
            token=token.text,
            operation=call.rpc.name,
            request_digest=token.request_digest,
            answer=answer,
            request_id=call.request_id,
            expires_at=now + timedelta(seconds=seconds),
        )
        await uow.answers.put(row, keep=self._limits.client_tokens_per_account)

    async def _withdraw(self, call: Call, token: ChangeToken) -> None:
        async with self._store.transaction() as uow:
            await uow.answers.withdraw(call.caller.account, _principal(call), token.text, request_id=call.request_id)
