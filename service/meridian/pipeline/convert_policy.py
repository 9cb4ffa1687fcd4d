"""A key policy that comes as a document of AWS becomes Cedar, once the caller may put it; what was sent is kept for GetKeyPolicy.

The decisions before do not read it: a key that is still to be made is judged without its policy, and a stranger's document is never read.
A policy text that begins with `{` is a document of AWS; no Cedar text does. Over the AWS wire nothing else is taken.

Source: docs/spec/policies.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from meridian.authorization.aws_policy.convert import KeyName, convert
from meridian.authorization.aws_policy.refusal import RefusedDocument
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.key_policies import require_length
from meridian.call import Call
from meridian.domain.home import Home
from meridian.domain.limits import Limits
from meridian.domain.peer_message import Prepare
from meridian.errors import MalformedPolicyDocumentException
from meridian.kms.v1.key_policies_pb2 import PutKeyPolicyRequest
from meridian.kms.v1.keys_pb2 import CreateKeyRequest
from meridian.kms.v1.multi_region_pb2 import ReplicateKeyRequest
from meridian.ports.heavy_work import Beside

PolicyRequest = CreateKeyRequest | PutKeyPolicyRequest | ReplicateKeyRequest
MARK: Final = "{"
CEDAR_ELSEWHERE: Final = (
    "The policy must be a JSON document here. A key policy in Cedar is put over gRPC, for instance with `meridian kms put-key-policy`."
)


class ReadPolicyDocument:
    """Turns `policy` of the named operations into Cedar; that of another operation is read elsewhere.

    Raises: MalformedPolicyDocumentException, LimitExceededException, ThrottlingException.
    """

    def __init__(
        self,
        operations: frozenset[str],
        *,
        home: Home,
        model: SchemaModel,
        services: Mapping[str, str],
        limits: Limits,
        beside: Beside,
    ) -> None:
        self._operations = operations
        self._home = home
        self._model = model
        self._services = services
        self._bytes_max = limits.key_policy_bytes
        self._heavy = beside.heavy
        self._held = beside.held

    def __call__(self, call: Call) -> Awaitable[None] | None:
        request = call.request
        if not isinstance(request, PolicyRequest) or not request.HasField("policy"):
            return None
        text = request.policy
        if not text.lstrip().startswith(MARK):
            if call.evidence.signed_request is not None:  # asked of every policy: another Region, which reads it, does not know the wire
                raise MalformedPolicyDocumentException(CEDAR_ELSEWHERE)
            return None
        if call.rpc.name not in self._operations:
            return None
        if request.HasField("account_delegation"):
            raise MalformedPolicyDocumentException("The document itself says whether the policies of the account apply: leave it out.")
        require_length(text, self._bytes_max)
        return self._convert(call, request, text)

    async def _convert(self, call: Call, request: PolicyRequest, text: str) -> None:
        name = self._key_name(call)
        work = partial(convert, text, key=name, model=self._model, services=self._services, lay_out=self._held.laid_out)
        try:
            converted = await self._heavy.run(call.caller.account, work)
        except RefusedDocument as refusal:
            raise MalformedPolicyDocumentException(f"{refusal.element}: {refusal.why}") from refusal
        call.policy_document, call.policy_warnings = text, converted.warnings
        request.policy, request.account_delegation = converted.cedar, converted.account_delegation
        if call.prospective is not None:
            delegated = converted.account_delegation
            call.prospective = replace(call.prospective, policy=converted.cedar, policy_document=text, account_delegation=delegated)

    def _key_name(self, call: Call) -> KeyName:
        key = call.keys.get("key_id")
        if key is not None:
            return KeyName(key.partition, key.region, key.account, key.key_id)
        own_id = call.prepare.key_id if isinstance(call.prepare, Prepare) else ""  # a replica has its primary's, before there is one
        return KeyName(self._home.partition, self._home.region, call.caller.account, own_id)
