"""KeyPoliciesService: the policy of a key.

Source: AWS KMS API Reference, PutKeyPolicy, GetKeyPolicy, ListKeyPolicies.
"""

from __future__ import annotations

from typing import Final

from meridian.call import Call
from meridian.domain.key import Key
from meridian.errors import NotFoundException
from meridian.kms.v1 import key_policies_pb2
from meridian.operations.change import KeyChanges
from meridian.ports.policies import PolicyCheck
from meridian.ports.store.store import UnitOfWork

POLICY_NAME: Final = "default"


class KeyPolicies:
    """Each key has exactly one policy, named "default"; what is decided by is Cedar."""

    def __init__(self, *, changes: KeyChanges, policy_check: PolicyCheck) -> None:
        self._changes = changes
        self._policy_check = policy_check

    async def put_key_policy(self, request: key_policies_pb2.PutKeyPolicyRequest, call: Call) -> key_policies_pb2.PutKeyPolicyResponse:
        """The key has the new policy. Raises: MalformedPolicyDocumentException, LimitExceededException."""

        def with_new(key: Key) -> Key:
            delegation = request.account_delegation if request.HasField("account_delegation") else True
            return key.with_policy(request.policy, account_delegation=delegation, document=call.policy_document)

        async def change(uow: UnitOfWork, key: Key) -> Key:
            return with_new(key)

        resolved = call.keys["key_id"]
        bypass = request.bypass_policy_lockout_safety_check
        await self._policy_check.require_acceptable(call, with_new(resolved), bypass_lockout_check=bypass)
        return await self._changes.apply(call, resolved, change, lambda _: key_policies_pb2.PutKeyPolicyResponse())

    async def get_key_policy(self, request: key_policies_pb2.GetKeyPolicyRequest, call: Call) -> key_policies_pb2.GetKeyPolicyResponse:
        """The policy as it was put, or as the Cedar it means; empty text is the default policy.

        Raises: NotFoundException for another policy name.
        """
        if request.HasField("policy_name") and request.policy_name != POLICY_NAME:
            raise NotFoundException("No such policy exists")
        key = call.keys["key_id"]
        shown = key.policy if request.cedar else key.policy_document or key.policy
        return key_policies_pb2.GetKeyPolicyResponse(policy=shown, policy_name=POLICY_NAME, account_delegation=key.account_delegation)

    async def list_key_policies(
        self, request: key_policies_pb2.ListKeyPoliciesRequest, call: Call
    ) -> key_policies_pb2.ListKeyPoliciesResponse:
        """The one policy name."""
        return key_policies_pb2.ListKeyPoliciesResponse(policy_names=[POLICY_NAME], truncated=False)
