"""The policy of one key: read, confined to its key, and refused where it reaches further.

Source: docs/spec/policies.md, layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from meridian.authorization.language.balance import balanced
from meridian.authorization.language.entities import resource_uid
from meridian.authorization.language.evaluator import Est, PolicySyntaxError, SchemaHandle, policies_of, validation_faults
from meridian.authorization.language.group_form import group_faults
from meridian.authorization.language.policies import DELEGATES, KEY, Policy, action_names, depth, uid
from meridian.authorization.language.policy_bounds import ENGINE_DEPTH_MAX, EXPRESSION_DEPTH_MAX, WILDCARD_WORK_MAX, wildcard_work
from meridian.authorization.language.schema_model import SchemaModel
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.domain.policy_decision import OF_A_KEY
from meridian.domain.weights import deep_bytes
from meridian.errors import LimitExceededException, MalformedPolicyDocumentException

POLICIES_MAX: Final = 200
FAULT_CHARACTERS_MAX: Final = 1_024
"""Of what the validator says, which may quote the whole policy."""
POLICY_BYTES: Final = 500
"""Of a policy beside its syntax tree: the value itself, its id, reason and place."""
ACCOUNT_ONLY: Final = frozenset({"CreateKey", "SynchronizeMultiRegionKey"})


DELEGATION_FORM: Final = (
    f'@{DELEGATES}("true") stands on a permit whose principal is `in` the account of the key, and which allows nothing: when {{ false }}.'
)
NEVER: Final[list[Est]] = [{"kind": "when", "body": {"Value": False}}]


class KeyPolicyReader:
    """Reads key policies against the schema; `as_json` makes Cedar's JSON form of a text, here or in another process."""

    def __init__(self, schema: SchemaHandle, model: SchemaModel, limits: Limits, as_json: Callable[[str], str]) -> None:
        self._schema = schema
        self._as_json = as_json
        self._on_keys = {name for name, row in model.actions.items() if "Key" in row.resource_types}
        self._groups = {name for name, row in model.actions.items() if not row.resources}
        self._bytes_max = limits.key_policy_bytes

    def require_valid(self, key: Key) -> tuple[Policy, ...]:
        """The key's policies. Raises, where the text may not be stored: MalformedPolicyDocumentException, LimitExceededException."""
        require_length(key.policy, self._bytes_max)
        policies = self.read(key)
        if len(policies) > POLICIES_MAX:
            raise MalformedPolicyDocumentException(f"A key policy has at most {POLICIES_MAX} policies.")
        if wildcard_work(key.policy) > WILDCARD_WORK_MAX:
            raise MalformedPolicyDocumentException(
                f"The patterns of a key policy may cost {WILDCARD_WORK_MAX} together: each with a star 1 and its longest run after a star."
            )
        for number, fault in validation_faults(key.policy, self._schema):
            shown = fault if len(fault) <= FAULT_CHARACTERS_MAX else f"{fault[:FAULT_CHARACTERS_MAX]}…"
            raise MalformedPolicyDocumentException(f"Policy {number + 1} of the key policy does not validate: {shown}")
        return policies

    def read(self, key: Key) -> tuple[Policy, ...]:
        """The key's policies, each confined to this key. Raises: MalformedPolicyDocumentException."""
        if not key.policy:
            return ()
        try:
            parsed = policies_of(self._as_json(key.policy))
        except PolicySyntaxError as fault:
            raise MalformedPolicyDocumentException(f"The key policy is no Cedar text: {_first_line(fault)}") from fault
        policies = tuple(self._confined(key, number, est) for number, est in enumerate(parsed, 1))
        if len({policy.policy_id for policy in policies}) < len(policies):
            raise MalformedPolicyDocumentException("Two policies of the key policy have the same @id.")
        return policies

    def _confined(self, key: Key, number: int, est: Est) -> Policy:
        place = f"Policy {number} of the key policy"
        if depth(est["conditions"]) > EXPRESSION_DEPTH_MAX:
            raise MalformedPolicyDocumentException(f"{place} nests too deeply.")
        est = balanced(est)
        if depth(est["conditions"]) > ENGINE_DEPTH_MAX:
            raise MalformedPolicyDocumentException(f"{place} nests too deeply.")
        for name in action_names(est) or ():
            if name in ACCOUNT_ONLY or name not in self._on_keys | self._groups:
                raise MalformedPolicyDocumentException(f"{place}: action {name} cannot be used in a key policy.")
        for fault in group_faults(est, key.account):
            raise MalformedPolicyDocumentException(f"{place}: {fault}.")
        if not _names_only(est["resource"], key):
            raise MalformedPolicyDocumentException(f"{place}: the resource must be left open, or be this key.")
        notes = est.get("annotations", {})
        if DELEGATES in notes and not _delegates(est, key):
            raise MalformedPolicyDocumentException(f"{place}: {DELEGATION_FORM}")
        kind, name = resource_uid(key)
        scope = {"op": "==", "entity": {"type": kind, "id": name}}
        own = {**est, "resource": scope}
        return Policy(
            f"{OF_A_KEY}{key.key_id}/{notes.get('id') or number}",
            KEY,
            own,
            key.account,
            delegates=DELEGATES in notes,
            weight=POLICY_BYTES + deep_bytes(own),  # here, beside the event loop: a large policy has thousands of parts
            reason=notes.get("reason") or "",
            place=f"key policy of {key.key_id}, number {number}",
        )


def require_length(policy: str, bytes_max: int) -> None:
    """Refuse a key policy, or the document that one is made of, that is too long. Raises: LimitExceededException."""
    if len(policy.encode()) > bytes_max:
        raise LimitExceededException(f"Key policy is longer than {bytes_max} bytes.")


def _delegates(est: Est, key: Key) -> bool:
    """Whether a policy has the form of one that leaves its actions to the account. It allows nothing to those who do not know the form."""
    scope = est["principal"]
    is_own = scope["op"] == "in" and "entity" in scope and uid(scope["entity"]) == ("KMS::Account", key.account)
    return est["annotations"][DELEGATES] == "true" and est["effect"] == "permit" and is_own and est["conditions"] == NEVER


def _names_only(scope: dict[str, Any], key: Key) -> bool:
    if scope["op"] == "All":
        return True
    if scope["op"] == "is":
        return scope["entity_type"] == "KMS::Key" and "in" not in scope
    return scope["op"] == "==" and uid(scope["entity"]) == resource_uid(key)


def _first_line(fault: Exception) -> str:
    return str(fault).splitlines()[0] if str(fault) else "it cannot be read"
