"""Is the request well formed. Nothing has been looked up yet, and nothing changes.

Single fields first, all faults at once; then rules between fields; then the canonical form of each encryption context, made
once per call and used by policy, audit and cipher alike.
"""

from __future__ import annotations

from meridian.call import Call
from meridian.contract.caller_request_id import CALLER_REQUEST_ID, WRONG_FORM, is_caller_request_id
from meridian.contract.cross_field import require_cross_field_rules
from meridian.contract.field_limits import faults_of
from meridian.domain.encryption_context import CONTEXT_FIELDS, canonical_encryption_context, require_few_pairs
from meridian.errors import ValidationException


class Validate:
    """Raises: ValidationException, and what the rules between fields raise."""

    def __init__(self) -> None:
        self._context_fields: dict[str, tuple[str, ...]] = {}

    def __call__(self, call: Call) -> None:
        request = call.request
        if call.refusal is not None:
            raise call.refusal
        if call.malformed:
            raise ValidationException("The request is not a message of its type.", fields=[("request", "cannot be read")])
        named = call.evidence.caller_request_id
        if named is not None and not is_caller_request_id(named):
            raise ValidationException(f"{CALLER_REQUEST_ID} {WRONG_FORM}.", fields=[(CALLER_REQUEST_ID, WRONG_FORM)])
        faults = faults_of(request)
        if faults:
            raise ValidationException.of_constraints(faults)
        require_cross_field_rules(call.rpc.name, request)
        for field in self._fields_of(call):
            pairs = getattr(request, field)
            require_few_pairs(pairs)
            # Not `dict(pairs)`, which asks a map of protobuf for a view of its keys first: twice the price.
            context = call.contexts[field] = {name: pairs[name] for name in pairs}
            call.canonical_context[field] = canonical_encryption_context(context)
        call.dry_run = call.rpc.has_dry_run and bool(getattr(request, "dry_run"))  # noqa: B009 - of each operation that has it

    def _fields_of(self, call: Call) -> tuple[str, ...]:
        name = call.rpc.name
        known = self._context_fields.get(name)
        if known is None:
            present = call.request.DESCRIPTOR.fields_by_name
            known = self._context_fields[name] = tuple(f for f in CONTEXT_FIELDS if f in present)
        return known
