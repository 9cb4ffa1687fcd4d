"""The record of a call of which something cannot be shown: what can stands where it always does, and a mark in the place of the rest.

Whoever calls leaves a record, also where the making of that record fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meridian.audit.record import (
    Author,
    OfCall,
    Record,
    authentication,
    call_constants,
    call_record,
    changing_facts,
    decision,
    record_beginning,
    resource,
    user_identity,
)
from meridian.audit.record_bounds import shown
from meridian.audit.recorded_facts import caller_facts, key_facts
from meridian.audit.shown_parameters import marked_parameters_of
from meridian.call import Call


def marked_record(call: Call, *, region: str, by: Author, event_id: str, latency_ms: float) -> Record:
    """Every part that can be shown. Raises: nothing, whatever the call holds."""
    constants = call_constants(
        call,
        region=region,
        identity=shown(lambda: user_identity(call.principal)),
        resources=shown(lambda: [resource(key) for key in call.keys.values()]),
        authn=shown(lambda: authentication(call.principal)),
        facts=shown(lambda: {"caller": caller_facts(call.principal), "keys": {name: key_facts(key) for name, key in call.keys.items()}}),
    )
    own = OfCall(
        parameters=marked_parameters_of(call.request),
        decisions=shown(lambda: [decision(made) for made in call.decisions]),
        changing=shown(lambda: changing_facts(call)),
    )
    record = call_record(call, record_beginning(call, constants, by=by, own=own), event_id=event_id, latency_ms=latency_ms)
    return _marked(record) | {"meridian": _marked(record["meridian"])}


def _marked(part: Record) -> Record:
    return {name: shown(_same(value)) for name, value in part.items()}


def _same(value: Any) -> Callable[[], Any]:
    return lambda: value
