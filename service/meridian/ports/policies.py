"""What is asked of the policies: which are in force, what they would answer, and whether one may be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from meridian.call import Call
from meridian.domain.key import Key
from meridian.domain.policy_answer import AccessTold, CallAgain, PolicySetTold
from meridian.domain.policy_trial import TrialAsked, TrialTold
from meridian.domain.told_call import ToldCall


class LivePolicySet(Protocol):
    """The policies of the Region's files, as this process uses them."""

    def describe(self, account: str) -> PolicySetTold:
        """What is in force for this account, since when, and what came of the last change."""
        ...


class PolicyAccess(Protocol):
    """The policies in force, and what they would answer."""

    def describe(self, account: str) -> PolicySetTold:
        """The policies of the Region's files that concern this account."""
        ...

    async def check(self, call: Call, principal_arn: str, operation: str, request: Any) -> AccessTold:
        """Every decision that this request to this operation would need, made for this principal of the caller's account; where another
        Region has a word, what that would be.

        No key is used, and nothing about a key's state is told. Raises: ValidationException for a principal that nobody is; else what
        the operation itself raises before its decisions, such as NotFoundException.
        """
        ...


class DecisionsAgain(Protocol):
    """What was decided once, asked of the policies in force now."""

    async def explain(self, account: str, record: Mapping[str, Any], told: ToldCall) -> CallAgain:
        """For each decision that the account is told, the answer to what was asked then: keys and caller as they stood, with the policies
        that keys have now. Nothing is told that CheckAccess would not tell the account.

        Raises: ThrottlingException where there is no place to explain.
        """
        ...


class PolicyTrials(Protocol):
    """What edited policies would answer."""

    async def run(self, call: Call, asked: TrialAsked) -> TrialTold:
        """For this caller's account: nothing is changed, and nothing of other accounts is told.

        Raises: ValidationException; ThrottlingException where others are being tried; else as `PolicyAccess.check`.
        """
        ...


class PolicyCheck(Protocol):
    """Judges the policy that a key would have."""

    async def require_acceptable(self, call: Call, future: Key, *, bypass_lockout_check: bool) -> None:
        """Refuse a policy that cannot be read, reaches beyond its key, or would lock its caller out.

        `future` carries the policy and delegation to be stored. Raises: MalformedPolicyDocumentException, LimitExceededException,
        ThrottlingException. Takes up to a second: not inside a transaction, which would keep others waiting.
        """
        ...
