"""`decisions` and `explain-decision`: what a running Region decided lately, and why."""

from __future__ import annotations

import sys
from typing import Any

import click

from meridian.access.v1 import access_pb2
from meridian.cli import values
from meridian.cli.connection import CONNECTION
from meridian.cli.exit_codes import DENIED, OK
from meridian.cli.policy.options import show
from meridian.cli.policy.remote import decision_as_json, output_option, say_decision, with_answer
from meridian.cli.terminal import say
from meridian.contract.fields import enum_text_of

WORDS = {access_pb2.EFFECT_ALLOW: "allow", access_pb2.EFFECT_DENY: "deny"}


def _list(output: str, **options: Any) -> None:
    request = access_pb2.ListDecisionsRequest()
    for field in request.DESCRIPTOR.fields:
        values.set_field(request, field, options.get(field.name), base64_input=False)
    given = {field.name: value for field, value in request.ListFields()}
    with_answer(options, lambda client: client.list_decisions(**given), lambda answer: _print_list(answer, output))


def _print_list(answer: Any, output: str) -> None:
    if output == "json":
        marker = answer.next_marker if answer.truncated else None
        show({"calls": [_call(each) for each in answer.calls], "nextMarker": marker, "unreadable": answer.unreadable})
        return
    for each in answer.calls:
        say(_line(each))
        say(f"  {each.handle}")
    if not answer.calls:
        say("no such call was found" + (" in this part of the log" if answer.truncated else ""), err=True)
    if answer.unreadable:
        say(f"{answer.unreadable} files of the log could not be read", err=True)
    if answer.truncated:
        say(f"go on with --marker {answer.next_marker}")


def _line(call: Any) -> str:
    error = f" ({call.error_code})" if call.error_code else ""
    keys = f" on {', '.join(call.keys)}" if call.keys else ""
    word = WORDS.get(call.effect, "not decided")
    return f"{call.called_at.ToJsonString()} {call.principal} {call.operation}{keys}: {word}{error}"


def _explain(output: str, handle: str, **connection: Any) -> None:
    with_answer(connection, lambda client: client.explain_decision(handle=handle), lambda answer: _print_explained(answer, output))


def _print_explained(answer: Any, output: str) -> None:
    is_allowed = answer.call.effect == access_pb2.EFFECT_ALLOW
    if output == "json":
        changed = answer.policies_changed if answer.HasField("policies_changed") else None
        now = [decision_as_json(each.decision) if each.HasField("decision") else {"unknown": each.unknown} for each in answer.decisions]
        show({"call": _call(answer.call), "now": now, "policiesChanged": changed, "keysChanged": list(answer.keys_changed)})
        sys.exit(OK if is_allowed else DENIED)
    say(_line(answer.call))
    for then, now in zip(answer.call.decisions, answer.decisions, strict=True):
        others = [*then.policy_ids, *(["policies of another account"] if then.others else [])]
        say(f"{then.action} on {then.resource}: {'allow' if then.allowed else 'deny'} by {', '.join(others) or 'no policy'}")
        if now.HasField("decision"):
            say("now:")
            say_decision(now.decision)
        else:
            say(f"now: not told: {now.unknown}")
    if not answer.HasField("policies_changed"):
        say("whether the policies have changed since is not told")
    elif answer.policies_changed:
        say("the policies have changed since")
    for arn in answer.keys_changed:
        say(f"the policy of {arn} has changed since, or the key is gone")
    sys.exit(OK if is_allowed else DENIED)


def _call(call: Any) -> dict[str, Any]:
    return {
        "handle": call.handle,
        "eventId": call.event_id,
        "requestId": call.request_id,
        "calledAt": call.called_at.ToJsonString(),
        "operation": call.operation,
        "principal": call.principal,
        "keys": list(call.keys),
        "effect": enum_text_of(call, "effect"),
        "errorCode": call.error_code,
        "decisions": [
            {
                "action": each.action,
                "resource": each.resource,
                "allowed": each.allowed,
                "policyIds": list(each.policy_ids),
                "others": each.others,
            }
            for each in call.decisions
        ],
    }


decisions = click.Command(
    "decisions",
    params=[*(values.option_of(field) for field in access_pb2.ListDecisionsRequest.DESCRIPTOR.fields), *CONNECTION, output_option()],
    callback=_list,
    help="Tell what a Region decided lately of calls by your account and on its keys, the newest first.",
)
explain_decision = click.Command(
    "explain-decision",
    params=[click.Argument(["handle"]), *CONNECTION, output_option()],
    callback=_explain,
    help="Explain the decisions of one recorded call, by its HANDLE of `decisions`. Exit code 0 where it was allowed, 4 where not.",
)
