"""The words of a refusal: the action, the resource as far as the caller may know it, and no more.

Which policy refused stands in the audit record.

Source: recorded answers.
"""

from __future__ import annotations

from meridian.domain.call import PolicyDecision, Principal
from meridian.errors import AccessDeniedException


def denial(principal: Principal, decision: PolicyDecision) -> AccessDeniedException:
    """The refusal of a decision on a resource of the caller's own account."""
    head = f"User: {principal.arn} is not authorized to perform: kms:{decision.action} on resource: {decision.resource}"
    if decision.policy_ids:
        return AccessDeniedException(f"{head} with an explicit deny in a policy")
    return AccessDeniedException(f"{head} because no identity-based policy allows the kms:{decision.action} action")


def foreign_denial(principal: Principal, action: str) -> AccessDeniedException:
    """The one refusal for keys of other accounts, whether they are absent or closed to the caller."""
    return AccessDeniedException(
        f"User: {principal.arn} is not authorized to perform: kms:{action} on this resource "
        f"because no identity-based policy allows the kms:{action} action"
    )
