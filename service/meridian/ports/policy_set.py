"""The policies in force."""

from __future__ import annotations

from typing import Protocol

from meridian.domain.policy_answer import PolicySetTold


class LivePolicySet(Protocol):
    """The policies of the Region's files, as this process uses them."""

    def describe(self, account: str) -> PolicySetTold:
        """What is in force for this account, since when, and what came of the last change."""
        ...
