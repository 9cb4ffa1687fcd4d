"""Whether a decision asks for what no audit record holds: the labels of Regions, and the units that accounts are in."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from meridian.authorization.language.entities import Resource
from meridian.authorization.language.evaluator import PolicySyntaxError, parse_policies
from meridian.authorization.language.policies import matches_action
from meridian.domain.key import Key
from meridian.domain.principal import Principal
from meridian.policy_kit.policy_set import PolicySet
from meridian.policy_kit.reads import Reads, reads_of

LABELS: Final = frozenset({"regionLabels", "replicaRegionLabels", "primaryRegionLabels"})
UNIT: Final = "KMS::OrgUnit"


class AskedSurroundings:
    """Of one policy set. Each action's policies are looked at once for each account."""

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        self._known: dict[tuple[str, str, str], str] = {}

    def unknown_of(self, principal: Principal, action: str, resource: Resource) -> str:
        """What is asked of a decision that a record does not hold, in words; empty where nothing is."""
        at = (action, principal.account, resource.account)
        if at not in self._known:
            self._known[at] = self._of_files(*at)
        return self._known[at] or (_of_key(resource.policy) if isinstance(resource, Key) else "")

    def _of_files(self, action: str, *accounts: str) -> str:
        ancestors = self._policies.model.ancestors[action]
        relevant = [
            p.est for p in self._policies.policies if (not p.account or p.account in accounts) and matches_action(p.est, ancestors, action)
        ]
        return _asked(reads_of(relevant))


@lru_cache(maxsize=1024)
def _of_key(policy: str) -> str:
    """What the policy of a key asks for."""
    try:
        return _asked(reads_of(parse_policies(policy)))
    except PolicySyntaxError:
        return ""  # deciding says so


def _asked(reads: Reads) -> str:
    labels = any(not LABELS.isdisjoint(path) for path in reads.literals)
    units = any(kind == UNIT for kind, _ in reads.entities)
    return " and ".join([*(["labels of Regions"] if labels else []), *(["units of accounts"] if units else [])])
