"""What the policies would answer to somebody else: the steps of a call up to its decisions, walked for another principal.

Nothing follows the decisions: no key's state is looked at, and no operation runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from meridian.call import Call
from meridian.contract.catalog import Rpc
from meridian.domain.policy_answer import AccessTold, Elsewhere, PolicySetTold
from meridian.errors import AccessDeniedException, ValidationException
from meridian.pipeline.authorize import Authorize
from meridian.pipeline.chain import Step
from meridian.ports.policies import LivePolicySet, PolicyAccess
from meridian.ports.principals import Principals

CIPHERTEXT: Final = "ciphertext_blob"


class AccessCheck(PolicyAccess):
    """Implements `ports.policies.PolicyAccess`."""

    def __init__(
        self,
        *,
        live: LivePolicySet,
        principals: Principals,
        authorize: Authorize,
        steps: tuple[Step, ...],
        rpcs: Mapping[str, Rpc],
        foretell: Callable[[Call], Awaitable[Elsewhere | None]],
    ) -> None:
        self._foretell = foretell
        self._live = live
        self._principals = principals
        self._authorize = authorize
        self._steps = steps
        self._rpcs = rpcs

    def describe(self, account: str) -> PolicySetTold:
        return self._live.describe(account)

    async def check(self, call: Call, principal_arn: str, operation: str, request: Any) -> AccessTold:
        asked = self._call(call, principal_arn, operation, request)
        try:
            await self._walk(asked)
            told = AccessTold(await self._authorize.explain(asked))
        except AccessDeniedException:
            return AccessTold(())  # a key of another account that is absent or closed to him: which of them, nobody here is told
        # The call would not get to the other Region, and so neither does the question, where this one denies.
        return replace(told, elsewhere=await self._foretell(asked)) if told.allowed else told

    async def walked(self, call: Call, principal_arn: str, operation: str, request: Any) -> Call | None:
        """The call that is asked about, as it comes to its decisions; None where it names a key of another account that is absent or closed
        to him. Raises: as `check`."""
        asked = self._call(call, principal_arn, operation, request)
        try:
            await self._walk(asked)
        except AccessDeniedException:
            return None
        return asked

    def _call(self, call: Call, principal_arn: str, operation: str, request: Any) -> Call:
        principal = self._principals.find_by_arn(principal_arn)
        if principal is None and call.principal is not None and principal_arn == call.principal.arn:
            principal = call.principal  # whom only his token names is known as long as he asks
        if principal is None or call.principal is None or principal.account != call.principal.account:
            # Whoever asks learns nothing about principals of other accounts.
            raise ValidationException(f"No principal of the account has the ARN {principal_arn}.", fields=[("principal", "is nobody")])
        _fill_payload(request)
        asked = Call(self._rpcs[operation], request, call.evidence, call.request_id, call.received_at)
        asked.principal = principal
        return asked

    async def _walk(self, asked: Call) -> None:
        for step in self._steps:
            waiting = step(asked)
            if waiting is not None:
                await waiting


def _fill_payload(request: Any) -> None:
    """Bytes that no policy can read, such as a plaintext or a signature, may be left out of a question. A ciphertext may not: it can
    name the key."""
    for field in request.DESCRIPTOR.fields:
        if field.type == FieldDescriptor.TYPE_BYTES and field.name != CIPHERTEXT and not request.HasField(field.name):
            setattr(request, field.name, b"\0")
