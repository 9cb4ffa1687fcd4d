"""Which layer made a decision, for those who count them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from meridian.authorization.language.policies import KEY, LAYERS, Policy
from meridian.domain.policy_decision import PolicyDecision


class InForce(Protocol):
    """The policies of the files that are in force."""

    @property
    def digest(self) -> str: ...
    @property
    def policies(self) -> Iterable[Policy]: ...


class Layers:
    """Of the policies in force; what they are is looked at again when they change."""

    def __init__(self, policies: InForce) -> None:
        self._policies = policies
        self._digest = ""
        self._known: dict[str, str] = {}

    def of(self, decision: PolicyDecision) -> str:
        """The layer of the policies that made it, the first of `LAYERS` where there are several; empty where no policy did."""
        if self._policies.digest != self._digest:
            self._digest = self._policies.digest
            self._known = {policy.policy_id: policy.layer for policy in self._policies.policies}
        if len(decision.policy_ids) == 1:  # nearly always
            return self._known.get(decision.policy_ids[0], KEY)
        found = {self._known.get(name, KEY) for name in decision.policy_ids}
        return next((layer for layer in LAYERS if layer in found), "")
