"""Whether a key policy may be stored: judged by the authorizer, beside the event loop."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import CallFacts
from meridian.call import Call
from meridian.contract.catalog import Requirement
from meridian.domain.key import Key
from meridian.errors import MalformedPolicyDocumentException
from meridian.ports.heavy_work import HeavyWork
from meridian.ports.security_events import SecurityEvent, SecurityEvents


class KeyPolicyCheck:
    """Implements `ports.policies.PolicyCheck`."""

    def __init__(
        self,
        authorizer: Authorizer,
        *,
        region: str,
        region_labels: Mapping[str, tuple[str, ...]],
        events: SecurityEvents,
        heavy: HeavyWork,
    ) -> None:
        self._authorizer = authorizer
        self._region = region
        self._region_labels = region_labels
        self._events = events
        self._heavy = heavy

    async def require_acceptable(self, call: Call, future: Key, *, bypass_lockout_check: bool) -> None:
        facts = CallFacts(call, _PUT_KEY_POLICY, self._region, self._region_labels)
        try:
            await self._heavy.run(
                call.caller.account,
                partial(self._authorizer.require_key_policy, call.caller, future, facts, bypass_lockout_check=bypass_lockout_check),
            )
        except MalformedPolicyDocumentException as refusal:
            if refusal.reason:
                self._events.report(SecurityEvent.POLICY_FAULT, subject=future.arn, action="PutKeyPolicy", fault=refusal.reason)
            raise


_PUT_KEY_POLICY = Requirement("PutKeyPolicy", "KEY", "key_id", ("bypassPolicyLockoutSafetyCheck",), "", False, False)
