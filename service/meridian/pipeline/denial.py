"""The words of a refusal: the action, the resource as far as the caller may know it, and to the key's own account which side refused.

Which policy it was stands in the audit record.

Source: recorded answers.
"""

from __future__ import annotations

from typing import Final

from meridian.domain.policy_decision import OF_A_KEY, PolicyDecision
from meridian.domain.principal import Principal
from meridian.errors import AccessDeniedException

RESOURCE: Final = "a resource-based"
IDENTITY: Final = "an identity-based"


def denial(principal: Principal, decision: PolicyDecision, *, account_counts: bool) -> AccessDeniedException:
    """The refusal of a decision on a resource of the caller's own account. `account_counts`: whether the policies of the account were
    asked, too, or the key's own alone."""
    head = f"User: {principal.arn} is not authorized to perform: kms:{decision.action} on resource: {decision.resource}"
    if decision.policy_ids:
        side = RESOURCE if any(policy_id.startswith(OF_A_KEY) for policy_id in decision.policy_ids) else IDENTITY
        return AccessDeniedException(f"{head} with an explicit deny in {side} policy")
    asked = "identity-based" if account_counts else "resource-based"
    return AccessDeniedException(f"{head} because no {asked} policy allows the kms:{decision.action} action")


def foreign_denial(principal: Principal, action: str) -> AccessDeniedException:
    """The one refusal for keys of other accounts, whether they are absent or closed to the caller."""
    return AccessDeniedException(
        f"User: {principal.arn} is not authorized to perform: kms:{action} on this resource "
        f"because no identity-based policy allows the kms:{action} action"
    )
