"""What an operation may ask of the policies in force."""

from __future__ import annotations

from typing import Any, Protocol

from meridian.call import Call
from meridian.domain.policy_answer import Explanation, PolicySetTold


class PolicyAccess(Protocol):
    """The policies in force, and what they would answer."""

    def describe(self, account: str) -> PolicySetTold:
        """The policies of the Region's files that concern this account."""
        ...

    async def check(self, call: Call, principal_arn: str, operation: str, request: Any) -> tuple[Explanation, ...]:
        """Every decision that this request to this operation would need, made for this principal of the caller's account.

        No key is used, and nothing about a key's state is told. Raises: ValidationException for a principal that nobody is; else what
        the operation itself raises before its decisions, such as NotFoundException.
        """
        ...
