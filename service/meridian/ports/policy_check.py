"""Whether a key policy may be stored."""

from __future__ import annotations

from typing import Protocol

from meridian.call import Call
from meridian.domain.key import Key


class PolicyCheck(Protocol):
    """Judges the policy that a key would have."""

    async def require_acceptable(self, call: Call, future: Key, *, bypass_lockout_check: bool) -> None:
        """Refuse a policy that cannot be read, reaches beyond its key, or would lock its caller out.

        `future` carries the policy and delegation to be stored. Raises: MalformedPolicyDocumentException, LimitExceededException,
        ThrottlingException. Takes up to a second: not inside a transaction, which would keep others waiting.
        """
        ...
