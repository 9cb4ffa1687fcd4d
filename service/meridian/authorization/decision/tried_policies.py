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
from meridian.errors import LimitExceededException, MalformedPolicyDocumentException, UnsupportedOperationException

DIGEST: Final = "tried"
"""Stands for the digest of a set that no files hold."""
BETWEEN: Final = "\n\n"
EDITED_CHARACTERS_MAX: Final = 32_768
"""Of what an account may try, as the contract has it."""
REST_CHARACTERS_MAX: Final = 512 * 1024
"""Of what stays beside it, which is read anew for each trial: within seconds."""


class TriedPolicies:
    """What may be tried of the policies in force. All but `own_text` belongs in a thread."""

    def __init__(
        self, live: Authorizer, *, schema: SchemaHandle, around: Surroundings, limits: Limits, as_json: Callable[[str], str]
    ) -> None:
        self._live = live
        self._schema = schema
        self.around = around
        self._limits = limits
        self._as_json = as_json

    def own_text(self, account: str) -> str | None:
        """The account's own policies in force, as they were written, comments between them left out; None where there are more than can be
        tried."""
        return _text((policy for policy in self._live.policies if is_own(policy, account)), EDITED_CHARACTERS_MAX)

    def rest_text(self, account: str, *, is_edited: bool) -> str:
        """The policies that have a word in calls of this account's principals on its keys; its own are left out where they are edited.

        Raises: UnsupportedOperationException where they are too many for a trial.
        """
        about = self._live.policies_about(account)
        text = _text((policy for policy in about if not (is_edited and is_own(policy, account))), REST_CHARACTERS_MAX)
        if text is None:
            raise UnsupportedOperationException(
                "The Region has too many policies to try others beside them: `meridian policy replay` does."
            )
        return text

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


def _text(policies: Iterable[Policy], most: int) -> str | None:
    """Their texts in one; None where it has more characters."""
    texts, left = list[str](), most
    for policy in policies:
        left -= len(policy.text) + len(BETWEEN)
        if left < 0:
            return None
        texts.append(policy.text)
    return BETWEEN.join(texts) + "\n"
