"""`describe-set` and `check-access`: what a running Region has in force, and what it would answer to whom."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import click

from meridian.access.v1 import access_pb2
from meridian.cli import values
from meridian.cli.connection import CONNECTION
from meridian.cli.exit_codes import DENIED, OK
from meridian.cli.policy.options import show
from meridian.cli.terminal import say
from meridian.cli.words import Word
from meridian.contract.catalog import Rpc, rpcs
from meridian.contract.fields import descriptor_of


def output_option() -> click.Option:
    """How answers are printed."""
    return click.Option(["--output", "-o"], type=Word(["text", "json"]), default="text", show_default=True)


def _describe(output: str, **connection: Any) -> None:
    with_answer(connection, lambda client: client.describe_policy_set(), lambda answer: _print_set(answer, output))


def with_answer(connection: dict[str, Any], ask: Any, tell: Any) -> None:
    """Ask a Region and print its answer, or its refusal."""
    # Not above: help needs nothing that calls.
    from meridian.cli.calling import endpoint_of, fail
    from meridian.client import Client
    from meridian.client.errors import KmsServiceError

    try:
        with Client(endpoint_of(connection)) as client:
            answer = ask(client)
    except KmsServiceError as error:
        fail(error)
    tell(answer)


def _print_set(answer: Any, output: str) -> None:
    policies = [{"id": p.policy_id, "layer": p.layer, "reason": p.reason, "place": p.place} for p in answer.policies]
    layers = dict(sorted(Counter(p.layer for p in answer.policies).items()))
    refused = answer.refused_at.ToJsonString() if answer.HasField("refused_at") else None
    if output == "json":
        told = {"digest": answer.digest, "loadedAt": answer.loaded_at.ToJsonString(), "layers": layers, "policies": policies}
        show({**told, "refusedAt": refused, "faults": list(answer.faults)})
        return
    for each in policies:
        say(f"{each['layer']:9} {each['id']} ({each['place']}): {each['reason']}")
    counts = ", ".join(f"{layer} {count}" for layer, count in layers.items())
    say(f"{len(policies)} policies ({counts}) in force since {answer.loaded_at.ToJsonString()}, digest {answer.digest}")
    for fault in answer.faults:
        say(f"the files are refused since {refused}: {fault}")


describe_set = click.Command(
    "describe-set", params=[*CONNECTION, output_option()], callback=_describe, help="Tell which policies are in force in a Region."
)


@click.group("check-access")
@click.option("--principal", required=True, help="ARN of a principal of your account.")
@click.pass_context
def check_access(ctx: click.Context, principal: str) -> None:
    """Ask a Region whether a principal would be allowed an operation, and why. No key is used."""
    ctx.obj = principal


def _command(rpc: Rpc) -> click.Command:
    descriptor = descriptor_of(rpc.request_class)

    def callback(output: str, **options: Any) -> None:
        asked: Any = rpc.request_class()
        for field in descriptor.fields:
            values.set_field(asked, field, options.get(field.name), base64_input=False)
        request = access_pb2.CheckAccessRequest(principal=click.get_current_context().obj)
        request.request.Pack(asked)
        with_answer(options, lambda client: client.check_access(**_fields(request)), lambda answer: _print_answer(answer, output))

    name = rpc.method_name.replace("_", "-")
    fields = [values.option_of(field) for field in descriptor.fields]
    return click.Command(name, params=[*fields, *CONNECTION, output_option()], callback=callback, help=f"Would {rpc.name} be allowed.")


def _fields(request: access_pb2.CheckAccessRequest) -> dict[str, Any]:
    return {"principal": request.principal, "request": request.request}


def _print_answer(answer: Any, output: str) -> None:
    if output == "json":
        other: dict[str, Any] = {"otherRegion": _other_region(answer.other_region)} if answer.HasField("other_region") else {}
        show({"allowed": answer.allowed, "decisions": [decision_as_json(each) for each in answer.decisions], **other})
        sys.exit(OK if answer.allowed else DENIED)
    for each in answer.decisions:
        say_decision(each)
    if answer.HasField("other_region"):
        other = _other_region(answer.other_region)
        say(f"Region {other['region']}: {other['foretold']}{': ' if other['reason'] else ''}{other['reason']}")
    say("allowed" if answer.allowed else "denied")
    sys.exit(OK if answer.allowed else DENIED)


def say_decision(made: Any, before: str = "") -> None:
    """A decision in lines, the reasons below it."""
    say(f"{before}{made.action} on {made.resource}: {'allow' if made.allowed else 'deny'}")
    for told in made.deciding:
        say(f"{before}  {told.policy_id} ({told.place}): {told.reason}")
    for miss in made.closest:
        say(f"{before}  {miss.policy.policy_id} ({miss.policy.place}) would permit, but not: {miss.condition}")


def _other_region(told: Any) -> dict[str, str]:
    word = access_pb2.Foretold.Name(told.foretold).removeprefix("FORETOLD_").lower()
    return {"region": told.region, "foretold": word, "reason": told.reason}


def decision_as_json(made: Any) -> dict[str, Any]:
    """A decision with its reasons."""
    return {
        "action": made.action,
        "resource": made.resource,
        "allowed": made.allowed,
        "deciding": [{"id": t.policy_id, "layer": t.layer, "reason": t.reason, "place": t.place} for t in made.deciding],
        "closest": [{"id": m.policy.policy_id, "place": m.policy.place, "condition": m.condition} for m in made.closest],
    }


for _rpc in rpcs().values():
    check_access.add_command(_command(_rpc))
