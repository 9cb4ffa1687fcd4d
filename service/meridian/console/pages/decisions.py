"""What was decided lately, found by whom, on which key, what and how; and one call with its explanation, then and now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.responses import Response

from meridian.access.v1.access_pb2 import EFFECT_ALLOW, EFFECT_DENY, ExplainDecisionRequest, ListDecisionsRequest
from meridian.console.asking import Told
from meridian.console.visit import Visit
from meridian.contract.operation import Operation
from meridian.errors import AccessDeniedException, ValidationException

ROWS: Final = 25
"""Of one page."""
TEXTS: Final = {"principal": 256, "key_id": 2048, "operation": 64}
"""Fields of the form that are asked as they are, and how long they may be."""
TIMES: Final = ("since", "until")
EFFECTS: Final = {"allowed": EFFECT_ALLOW, "denied": EFFECT_DENY}
WORDS: Final = {EFFECT_ALLOW: "allowed", EFFECT_DENY: "denied"}
FORM: Final = (*TEXTS, *TIMES, "effect")


@dataclass(frozen=True, slots=True)
class Line:
    """A call of the list."""

    told: Any
    """`RecordedCall`."""
    effect: str
    """In a word."""
    place: str
    """Where it is explained."""


async def show_decisions(visit: Visit) -> Response:
    """The page. Raises: KmsError where its viewer may not see decisions."""
    form = {name: visit.query(name).strip() for name in FORM}
    try:
        request = _request(form, visit.query("marker"))
        told = await visit.ask.told(Operation.LIST_DECISIONS, request)
    except ValidationException as fault:
        told = Told(None, fault)
    if isinstance(told.refusal, AccessDeniedException):
        raise told.refusal
    lines, following = [], ""
    if told.answer is not None:
        lines = [_line(each) for each in told.answer.calls]
        given = {name: value for name, value in form.items() if value}
        following = f"/decisions?{urlencode({**given, 'marker': told.answer.next_marker})}" if told.answer.truncated else ""
    return visit.page(
        "decisions.html",
        "Decisions",
        form=form,
        effects=tuple(EFFECTS),
        told=told,
        lines=lines,
        following=following,
        asked=any(form.values()),
    )


async def show_decision(visit: Visit) -> Response:
    """One of them. Raises: KmsError where there is none, or its viewer may not have it explained."""
    told = await visit.ask.ask(Operation.EXPLAIN_DECISION, ExplainDecisionRequest(handle=visit.path["handle"]))
    decisions = list(zip(told.call.decisions, told.decisions, strict=True))
    return visit.page("decision.html", f"{told.call.operation}: {_word(told.call)}", told=told, line=_line(told.call), decisions=decisions)


def _request(form: dict[str, str], marker: str) -> ListDecisionsRequest:
    """Raises: ValidationException for a time that is none."""
    request = ListDecisionsRequest(limit=ROWS)
    for name, most in TEXTS.items():
        if form[name]:
            setattr(request, name, form[name][:most])
    for name in TIMES:
        if form[name]:
            getattr(request, name).FromDatetime(_moment(name, form[name]))
    if form["effect"]:
        if form["effect"] not in EFFECTS:
            raise ValidationException(f"effect is one of {', '.join(EFFECTS)}.", fields=[("effect", "is none")])
        request.effect = EFFECTS[form["effect"]]
    if marker:
        request.marker = marker
    return request


def _moment(name: str, text: str) -> datetime:
    """What a browser writes of a time without a zone, in UTC. Raises: ValidationException."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise ValidationException(f"{text[:64]} is no time: say 2027-01-31T12:00.", fields=[(name, "is no time")]) from fault


def _line(call: Any) -> Line:
    return Line(call, _word(call), f"/decisions/{quote(call.handle, safe='')}")


def _word(call: Any) -> str:
    return WORDS.get(call.effect, "not decided")
