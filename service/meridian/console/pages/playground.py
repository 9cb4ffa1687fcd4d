"""A playground for policies: a request, and what the account's policies in force and edited ones say to it; and what the edited ones would
have said to the calls of the last day. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from starlette.responses import Response

from meridian.access.v1.access_pb2 import TryPoliciesRequest
from meridian.console.refusals import status_of
from meridian.console.visit import Visit
from meridian.contract.catalog import rpcs
from meridian.contract.operation import Operation
from meridian.errors import AccessDeniedException, KmsError, ValidationException
from meridian.transport.aws_json.codec import read, unknown_members
from meridian.transport.http1.form import Form

CALLS: Final = (0, 200, 1000, 2000)
"""How many recorded calls are offered."""
CALLS_AT_FIRST: Final = 200
SHOWN: Final = 50
"""Rows of calls that would be decided otherwise: a page of so many is written in less than five milliseconds."""
NAME_CHARACTERS_MAX: Final = 64
NOTHING: Final = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """What stands in the form."""

    principal: str
    operation: str
    fields: str
    policies: str | None
    """None where those of the account are too long to be tried."""
    key_policy: str
    calls: int


async def show_playground(visit: Visit) -> Response:
    """The form, with the policies in force. Raises: KmsError where its viewer may not try policies."""
    told = await visit.ask.ask(Operation.TRY_POLICIES, TryPoliciesRequest())
    key_id = visit.query("key")
    fields = f'{{"KeyId": "{key_id}"}}' if key_id.replace("-", NOTHING).isalnum() else '{"KeyId": ""}'
    policies = told.live_policies if told.HasField("live_policies") else None
    filled = Filled(visit.visitor.principal.arn, Operation.DESCRIBE_KEY, fields, policies, NOTHING, CALLS_AT_FIRST)
    return _page(visit, filled, None, NOTHING, 200)


async def do_try(visit: Visit) -> Response:
    """The same form, with what came of it. Raises: KmsError where its viewer may not try policies."""
    form = await visit.desk.forms.read_long(visit.arrival, visit.visitor.principal)
    filled = _filled(form)
    try:
        told = await visit.ask.ask(Operation.TRY_POLICIES, _request(filled))
    except AccessDeniedException:
        raise
    except KmsError as refusal:
        return _page(visit, filled, None, refusal.message or refusal.code, status_of(refusal))
    return _page(visit, filled, told, NOTHING, 200)


def _filled(form: Form) -> Filled:
    """Browsers send lines with CR LF. Raises: ValidationException."""
    calls = form.get("calls", NOTHING)
    if calls not in {str(each) for each in CALLS}:
        raise ValidationException("How many calls are looked through is one of the numbers that are offered.")
    fields, key_policy, policies = (form.get(name, NOTHING).replace("\r\n", "\n") for name in ("fields", "key_policy", "policies"))
    edited = policies if "policies" in form else None
    return Filled(form.get("principal", NOTHING).strip(), form.get("operation", NOTHING), fields, edited, key_policy, int(calls))


def _request(filled: Filled) -> TryPoliciesRequest:
    """Raises: ValidationException, SerializationException."""
    request = TryPoliciesRequest(policies=filled.policies, calls=filled.calls)
    if filled.key_policy.strip():
        request.key_policy = filled.key_policy
    if filled.principal or filled.key_policy.strip():
        request.principal = filled.principal
        request.request.Pack(_packed(filled))
    return request


def _packed(filled: Filled) -> Message:
    rpc = rpcs().get(filled.operation)
    if rpc is None:
        raise ValidationException("There is no such operation.")
    body = filled.fields.strip().encode()
    packed = read(body, rpc.request_class)
    for name in unknown_members(body, rpc.request_class):  # calls pass it over, as AWS does; a trial would answer another question
        raise ValidationException(f"{filled.operation} has no field {name[:NAME_CHARACTERS_MAX]}.")
    return packed


def _page(visit: Visit, filled: Filled, told: Any, fault: str, status: int) -> Response:
    changed = told.replayed.changed[:SHOWN] if told is not None else ()
    left_out = len(told.replayed.changed) - len(changed) if told is not None else 0
    return visit.page(
        "playground.html",
        "Playground",
        status=status,
        filled=filled,
        told=told,
        fault=fault,
        changed=changed,
        left_out=left_out,
        operations=sorted(rpcs()),
        offered=CALLS,
    )
