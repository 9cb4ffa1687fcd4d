"""Policies that are tried out beside those in force: the texts that an account may edit, and an authorizer that decides by edited ones.

An account edits its own policies, no others, and they are tried on what is its own: whether a key of another account is open to a principal
is not told by policies that nobody has put into force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.evaluator import SchemaHandle
from meridian.authorization.language.policies import ACCOUNT, Policy
from meridian.authorization.sets.key_policies import KeyPolicyReader
from meridian.authorization.sets.policy_files import PolicySource, understood
from meridian.domain.bounded_cache import Caches
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.domain.policy_trial import TrialFault
from meridian.errors import LimitExceededException, MalformedPolicyDocumentException

DIGEST: Final = "tried"
"""Stands for the digest of a set that no files hold."""


class TriedPolicies:
    """What may be tried of the policies in force. All but `own_text` and `rest_text` belongs in a thread."""

    def __init__(
        self, live: Authorizer, *, schema: SchemaHandle, around: Surroundings, limits: Limits, as_json: Callable[[str], str]
    ) -> None:
        self._live = live
        self._schema = schema
        self.around = around
        self._limits = limits
        self._as_json = as_json

    def own_text(self, account: str) -> str:
        """The account's own policies in force, as they were written, comments between them left out."""
        return _text(policy for policy in self._live.policies if is_own(policy, account))

    def rest_text(self, account: str) -> str:
        """All others that have a word in calls of this account's principals on its keys."""
        return _text(policy for policy in self._live.policies_about(account) if not is_own(policy, account))

    def edited(self, account: str, text: str, as_json: str) -> Authorizer:
        """Decides calls of this account on what is its own, by its policies exchanged for these, which were found to be right.

        Raises: ValueError.
        """
        rest = (policy for policy in self._live.policies_about(account) if not is_own(policy, account))
        return self._authorizer((*rest, *understood(text, as_json)))

    def as_they_are(self, account: str) -> Authorizer:
        """Decides such calls by the policies in force."""
        return self._authorizer(self._live.policies_about(account))

    def fault_of_key_policy(self, key: Key) -> tuple[TrialFault, ...]:
        """Why this key's policy could not be stored; nothing where it could."""
        try:
            KeyPolicyReader(self._schema, self._live.model, self._limits, self._as_json).require_valid(key)
        except (MalformedPolicyDocumentException, LimitExceededException) as refusal:
            return (TrialFault("keyPolicy", 0, 0, refusal.message),)
        return ()

    def _authorizer(self, policies: tuple[Policy, ...]) -> Authorizer:
        return Authorizer(
            schema=self._schema,
            source=PolicySource(policies, DIGEST),
            around=self.around,
            limits=self._limits,
            as_json=self._as_json,
            caches=Caches(self._limits.cache_bytes),
        )


def is_own(policy: Policy, account: str) -> bool:
    """Whether a policy of the files is this account's, and nobody else's."""
    return policy.layer == ACCOUNT and policy.account == account


def _text(policies: Iterable[Policy]) -> str:
    return "\n\n".join(policy.text for policy in policies) + "\n"
