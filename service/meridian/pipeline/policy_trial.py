"""What edited policies would answer: to a request, decided as CheckAccess decides it, and to the recorded calls of the last day.

The texts are parsed, and recorded calls decided, in a process of their own; the request is decided here, in a thread, by the same steps and
the same explanation as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.tried_policies import TriedPolicies
from meridian.call import Call
from meridian.domain.key import Key
from meridian.domain.policy_answer import Explanation
from meridian.domain.policy_trial import LookedThrough, Trial, TrialAsked, TrialFault, TrialTold, Tried
from meridian.errors import AccessDeniedException, ValidationException
from meridian.pipeline.access_check import AccessCheck
from meridian.pipeline.authorize import Authorize
from meridian.pipeline.recent_calls import Recent, RecentCalls
from meridian.ports.heavy_work import HeavyWork
from meridian.ports.policies import PolicyTrials
from meridian.ports.policy_trials import PolicyTrialWork


@dataclass(frozen=True, slots=True)
class TrialHands:
    """Who does the work."""

    process: PolicyTrialWork
    heavy: HeavyWork
    recent: RecentCalls


class PolicyTrial(PolicyTrials):
    """Implements `ports.policies.PolicyTrials`."""

    def __init__(self, access: AccessCheck, authorize: Authorize, policies: TriedPolicies, hands: TrialHands) -> None:
        self._access = access
        self._authorize = authorize
        self._policies = policies
        self._hands = hands

    async def run(self, call: Call, asked: TrialAsked) -> TrialTold:
        account = call.caller.account
        walked = None
        if asked.request is not None:
            walked = await self._access.walked(call, asked.principal, asked.operation, asked.request)
        edited = self._edited_key(walked, asked, account)
        live = await self._explained(None, walked) if asked.request is not None else None
        faults = await self._faults_of_key_policy(edited, account)
        if faults:
            return self._told(account, live, None, faults, None)
        recent = await self._hands.recent.of(account, asked.calls) if asked.calls else None
        tried = await self._tried(account, asked, edited, recent)
        if tried.faults:
            return self._told(account, live, None, tried.faults, None)
        decided = await self._decided(walked, asked, edited, tried) if walked is not None else None
        replayed = LookedThrough(len(recent.lines), recent.since, recent.is_whole, tried) if recent is not None else None
        return self._told(account, live, decided, (), replayed)

    def _edited_key(self, walked: Call | None, asked: TrialAsked, account: str) -> Key | None:
        """Raises: ValidationException where a policy is given and no key of the account to try it on."""
        if asked.key_policy is None:
            return None
        own = [key for key in walked.keys.values() if key.account == account] if walked is not None else []
        if not own:
            why = "needs a request that names a key of the account"
            raise ValidationException(f"A key policy to try {why}.", fields=[("keyPolicy", why)])
        return replace(own[0], policy=asked.key_policy, policy_document="")

    async def _faults_of_key_policy(self, key: Key | None, account: str) -> tuple[TrialFault, ...]:
        if key is None:
            return ()
        return await self._hands.heavy.run(account, partial(self._policies.fault_of_key_policy, key))

    async def _tried(self, account: str, asked: TrialAsked, key: Key | None, recent: Recent | None) -> Tried:
        if asked.policies is None and recent is None:
            return Tried()
        read_rest = partial(self._policies.rest_text, account, is_edited=asked.policies is not None)
        rest = await self._hands.heavy.run(account, read_rest)
        around = self._policies.around
        trial = Trial(
            account=account,
            edited=asked.policies,
            rest=rest,
            key_id=key.key_id if key is not None else "",
            key_policy=asked.key_policy,
            key_policies=recent.key_policies if recent is not None else (),
            org_units={account: tuple(around.org_units.get(account, ()))},
            region_labels={name: tuple(labels) for name, labels in around.region_labels.items()},
        )
        return await self._hands.process.run(trial, recent.lines if recent is not None else ())

    async def _decided(self, walked: Call, asked: TrialAsked, edited: Key | None, tried: Tried) -> tuple[Explanation, ...] | None:
        """What the edited ones say; nothing where nothing is edited, or another account has a word in it."""
        account = walked.caller.account
        is_abroad = bool(walked.absent) or any(key.account != account for key in walked.keys.values())
        if is_abroad or (asked.policies is None and edited is None):
            return None
        make = partial(self._policies.as_they_are, account)
        if asked.policies is not None:
            make = partial(self._policies.edited, account, asked.policies, tried.as_json)
        authorizer = await self._hands.heavy.run(account, make)
        if edited is not None:
            walked.keys.update(dict.fromkeys([field for field, key in walked.keys.items() if key.key_id == edited.key_id], edited))
        return await self._explained(authorizer, walked)

    async def _explained(self, authorizer: Authorizer | None, walked: Call | None) -> tuple[Explanation, ...]:
        if walked is None:
            return ()
        try:
            return await (self._authorize.explain(walked) if authorizer is None else self._authorize.explain_by(authorizer, walked))
        except AccessDeniedException:
            return ()  # a key of another account that is absent or closed to him: which of them, nobody here is told

    def _told(
        self,
        account: str,
        live: tuple[Explanation, ...] | None,
        edited: tuple[Explanation, ...] | None,
        faults: tuple[TrialFault, ...],
        replayed: LookedThrough | None,
    ) -> TrialTold:
        return TrialTold(self._policies.own_text(account), live, edited, faults, replayed)
