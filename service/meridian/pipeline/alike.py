"""Items of a batch that ask for the same. Those that are walked in one go with others of their turn of the event loop find everything as it
was for the first of them: what was looked up and decided for it holds for them, and is not asked again.

An item's own is its payload alone, the plaintext or the ciphertext, which no policy reads: it is checked, and opened, of each. Which key a
ciphertext names is part of what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meridian.call import Call
from meridian.contract.batches import payload_fields
from meridian.contract.field_limits import faults_of_field
from meridian.domain.ciphertext_blob import NAMED_BYTES, parse_ciphertext_blob
from meridian.domain.policy_decision import PolicyDecision
from meridian.errors import ValidationException


def asked_by(call: Call) -> bytes | None:
    """What the call asks for: its whole request without the payload, and the key that a ciphertext names. None where the payload is
    absent, as its absence may be a fault; or shorter than a ciphertext's name, which would not tell where the request ends."""
    request, field = call.request, payload_fields()[call.rpc.name]
    if not field:
        return request.SerializeToString(deterministic=True)
    if not request.HasField(field):
        return None
    payload: bytes = getattr(request, field)
    named = payload[:NAMED_BYTES] if call.rpc.ciphertext_key_field else b""
    if call.rpc.ciphertext_key_field and len(named) < NAMED_BYTES:
        return None
    request.ClearField(field)
    asked = request.SerializeToString(deterministic=True)
    setattr(request, field, payload)
    return asked + named


class Turn:
    """The items of one batch that begin in one turn of the event loop, one after the other. `count`: told of decisions that hold for one
    more call."""

    def __init__(self, count: Callable[[Iterable[PolicyDecision]], None]) -> None:
        self._count = count
        self._decided: dict[bytes, Call] = {}
        self._asked: bytes | None = None

    def takes_over(self, call: Call) -> bool:
        """Whether an item before it asked for the same and may have it; then it has all that was found for that one. Raises:
        ValidationException, InvalidCiphertextException, where its own payload is at fault."""
        self._asked = asked_by(call)
        known = None if self._asked is None else self._decided.get(self._asked)
        if known is None:
            return False
        self._take_over(call, known)
        return True

    def keep(self, call: Call) -> None:
        """The call, the last that wanted to take over, may have what it asks for."""
        if self._asked is not None:
            self._decided[self._asked] = call

    def _take_over(self, call: Call, known: Call) -> None:
        field = payload_fields()[call.rpc.name]
        faults = faults_of_field(call.request, field) if field else []
        if faults:
            raise ValidationException.of_constraints(faults)
        call.dry_run = known.dry_run
        call.contexts, call.canonical_context = known.contexts, known.canonical_context
        if known.blob is not None:
            call.blob = parse_ciphertext_blob(getattr(call.request, field))
        call.keys, call.aliases = known.keys, known.aliases
        call.grants, call.grant_ids, call.token_grant_ids = known.grants, known.grant_ids, known.token_grant_ids
        call.decisions, call.policy_set, call.record_beginning = known.decisions, known.policy_set, known.record_beginning
        self._count(call.decisions)
