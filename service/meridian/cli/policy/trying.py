"""`try`: what edited policies would answer in a running Region, to a request and to recorded calls. Nothing is changed."""

from __future__ import annotations

import sys
from typing import Any

import click

from meridian.access.v1 import access_pb2
from meridian.cli import values
from meridian.cli.connection import CONNECTION
from meridian.cli.exit_codes import DENIED, OK, SETUP
from meridian.cli.policy.options import show
from meridian.cli.policy.remote import decision_as_json, output_option, say_decision, with_answer
from meridian.cli.terminal import say
from meridian.cli.words import Word
from meridian.contract.catalog import rpcs
from meridian.contract.comments import comment_on
from meridian.contract.limits_in_words import size_in_words
from meridian.domain.strict_json import JsonFault, parse_json
from meridian.errors import KmsError

FIELDS = access_pb2.TryPoliciesRequest.DESCRIPTOR.fields_by_name
TEXTS = ("policies", "key_policy")


def _try(output: str, principal: str | None, operation: str | None, request: str | None, **options: Any) -> None:
    if (principal is None) is not (operation is None):
        raise click.UsageError("--principal and --operation belong together")
    if request is not None and operation is None:
        raise click.UsageError("--request belongs to --operation")
    asked = access_pb2.TryPoliciesRequest()
    for name in TEXTS:
        if options[name] is not None:
            setattr(asked, name, _text(options[name], values.option_name(FIELDS[name])))
    if options["calls"] is not None:
        asked.calls = options["calls"]
    if principal is not None and operation is not None:
        asked.principal = principal
        asked.request.Pack(_request(operation, request or "{}"))
    given = {field.name: value for field, value in asked.ListFields()}
    with_answer(options, lambda client: client.try_policies(**given), lambda answer: _print(answer, output))


def _text(place: str, option: str) -> str:
    try:
        return values.read_bytes(place, option, values.REQUEST_BYTES_MAX).decode()
    except UnicodeDecodeError as fault:
        raise values.FileOfOptionError(option, place, "is no UTF-8 text") from fault


def _request(operation: str, given: str) -> Any:
    """Raises: click.BadParameter."""
    from meridian.transport.aws_json.codec import read, unknown_members

    text = _text(given[1:], "--request") if given.startswith("@") else given
    try:
        parse_json(text)
        found = read(text.encode(), rpcs()[operation].request_class)
        unknown = unknown_members(text.encode(), rpcs()[operation].request_class)
    except (KmsError, JsonFault) as fault:
        raise click.BadParameter(getattr(fault, "message", "") or str(fault), param_hint="--request") from fault
    if unknown:
        raise click.BadParameter(f"{operation} has no field {', '.join(unknown)}", param_hint="--request")
    return found


def _print(answer: Any, output: str) -> None:
    decided = answer.edited if answer.HasField("edited") else answer.live if answer.HasField("live") else None
    if output == "json":
        show(_as_json(answer))
    else:
        _say(answer)
    for fault in answer.faults if output == "text" else ():
        say(f"{fault.field}{f':{fault.line}' if fault.line else ''}{f':{fault.column}' if fault.column else ''}: {fault.text}", err=True)
    sys.exit(SETUP if answer.faults else DENIED if decided is not None and not decided.allowed else OK)


def _say(answer: Any) -> None:
    for name, title in (("live", "in force"), ("edited", "edited")):
        if answer.HasField(name):
            say(f"{title}: {'allowed' if getattr(answer, name).allowed else 'denied'}")
            for made in getattr(answer, name).decisions:
                say_decision(made, "  ")
    if answer.HasField("replayed"):
        _say_replayed(answer.replayed)
    if not answer.faults and not any(answer.HasField(name) for name in ("live", "edited", "replayed")):
        say(answer.live_policies.rstrip() if answer.HasField("live_policies") else "the policies of the account are too long to be tried")


def _say_replayed(found: Any) -> None:
    left = "" if found.whole_day else ", the newest of the day"
    changed = sum(each.count for each in found.changed)
    say(f"{found.calls} calls since {found.since.ToJsonString()}{left}: of {found.decisions} decisions {changed} would be others")
    for each in found.changed:
        then, now = (", ".join(ids) or "no policy" for ids in (each.recorded_policy_ids, each.tried_policy_ids))
        say(f"{each.kind}: {each.count} times {each.principal} {each.action} on {each.resource}, by {then}, then by {now}")
    for each in found.undecided:
        say(f"not decided anew: {each.count}: {each.reason}")


def _as_json(answer: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"livePolicies": answer.live_policies if answer.HasField("live_policies") else None}
    for name in ("live", "edited"):
        if answer.HasField(name):
            made = getattr(answer, name)
            told[name] = {"allowed": made.allowed, "decisions": [decision_as_json(each) for each in made.decisions]}
    told["faults"] = [{"field": f.field, "line": f.line or None, "column": f.column or None, "text": f.text} for f in answer.faults]
    if answer.HasField("replayed"):
        found = answer.replayed
        told["replayed"] = {
            "calls": found.calls,
            "since": found.since.ToJsonString(),
            "wholeDay": found.whole_day,
            "decisions": found.decisions,
            "changed": [_changed(each) for each in found.changed],
            "undecided": [{"reason": each.reason, "count": each.count} for each in found.undecided],
        }
    return told


def _changed(row: Any) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "principal": row.principal,
        "action": row.action,
        "resource": row.resource,
        "facts": row.facts,
        "recordedPolicyIds": list(row.recorded_policy_ids),
        "triedPolicyIds": list(row.tried_policy_ids),
        "count": row.count,
        "firstEventId": row.first_event_id,
        "lastEventId": row.last_event_id,
    }


def _file(name: str) -> click.Option:
    about = f"{comment_on(FIELDS[name])} {size_in_words(FIELDS[name])} A file, or - for standard input."
    return click.Option([values.option_name(FIELDS[name]), name], metavar=values.FILE, help=about)


try_policies = click.Command(
    "try",
    params=[
        values.option_of(FIELDS["principal"]),
        click.Option(
            ["--operation"], type=Word(sorted(map(str, rpcs()))), metavar="NAME", help="The operation asked about, such as Encrypt."
        ),
        click.Option(
            ["--request"],
            metavar=values.JSON,
            help="Fields of its request, as AWS's JSON has them; @FILE reads them from a file, @- from standard input.",
        ),
        *map(_file, TEXTS),
        values.option_of(FIELDS["calls"]),
        *CONNECTION,
        output_option(),
    ],
    callback=_try,
    help="Tell what edited policies would answer in a Region, to one request and to recorded calls, beside those in force, and change"
    " nothing. Without options, print the policies of your account. Exit code 3 where a text is wrong, 4 for a denial.",
)
