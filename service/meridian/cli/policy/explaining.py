"""`explain`: why a request is decided as it is. The request comes from flags, a file, or a record of the audit log."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.explain import explain as explain_request
from meridian.authorization.language.evaluator import PolicySyntaxError, parse_policies
from meridian.authorization.sets.packaged import schema_text
from meridian.cli.exit_codes import DENIED, NOT_FOUND, OK, SETUP
from meridian.cli.policy.options import (
    EXISTING,
    GIVE_AROUND,
    around_of,
    around_option,
    default_policies,
    output_option,
    policies_option,
    readable,
    show,
)
from meridian.cli.terminal import say
from meridian.domain.policy_answer import Explanation
from meridian.policy_kit.asked_surroundings import AskedSurroundings
from meridian.policy_kit.attributes import require_attributes
from meridian.policy_kit.fixtures import SCOPE, fixtures_of
from meridian.policy_kit.policy_set import PolicySet, open_policy_set, why
from meridian.policy_kit.rows import Row, RowError, require_fields, understood
from meridian.policy_kit.run import explanation_lines
from meridian.policy_kit.texts import UnreadableRecordError, text_of

if TYPE_CHECKING:
    from meridian.policy_kit.audit_log import AuditLog

REQUEST = frozenset({"principal", "action", "key", "context", "request", "now", "region", "regionLabels", "orgUnits"})
Asked = tuple[str, Explanation]


@click.command()
@policies_option
@click.option("--file", type=EXISTING, help="The request as YAML: principal, action, key, context, request, now, region.")
@click.option("--audit", type=EXISTING, multiple=True, help="Audit stream, or folder of streams.")
@click.option("--event", metavar="ID", help="Event id or request id of a record in --audit.")
@click.option("--principal", metavar="KIND:ACCOUNT/NAME", help="User, Role or Service; say User:111122223333/alice.")
@click.option("--group", multiple=True, help="Group of the principal.")
@click.option("--principal-tag", multiple=True, metavar="NAME=VALUE")
@click.option("--action", help="Action of the schema, say Decrypt.")
@click.option(
    "--key", "key_fields", multiple=True, metavar="FIELD=VALUE", help="Field of the key, say keyOrigin=EXTERNAL; none for calls on no key."
)
@click.option("--key-tag", multiple=True, metavar="NAME=VALUE")
@click.option("--key-policy", type=EXISTING, help="File with the policy of the key.")
@click.option("--context", multiple=True, metavar="NAME=VALUE", help="Attribute of the context, the value as YAML.")
@click.option("--encryption-context", multiple=True, metavar="NAME=VALUE")
@click.option("--request", "request_fields", multiple=True, metavar="NAME=VALUE", help="Attribute of context.request, the value as YAML.")
@around_option
@output_option
def explain(policies: Path | None, audit: tuple[Path, ...], event: str | None, around: Path | None, output: str, **flags: Any) -> None:
    """Decide one request and say why: the policies that decided, or, where nothing permits, the permits that came closest and
    the first condition of each that was not met. Exit code 0 where it is allowed, 4 where it is denied."""
    with readable():
        authorizer_of = open_policy_set(policies or default_policies(), schema_text())
        if event is not None:
            from meridian.policy_kit.audit_log import AuditLog

            surroundings = around_of(around)
            unknown = AskedSurroundings(authorizer_of) if around is None else None
            told = list(_from_log(AuditLog.read(audit, surroundings), event, authorizer_of.within(surroundings), unknown))
        else:
            from meridian.policy_kit.yaml_text import read_yaml

            row = _row(flags) if flags["file"] is None else read_yaml(flags["file"])
            told = [_from_row(row, authorizer_of, around)]
    if output == "json":
        show([dataclasses.asdict(each) for _, each in told])
    for label, each in told if output == "text" else ():
        say(f"{label}: {'allow' if each.decision.allowed else 'deny'}")
        for line in explanation_lines(each):
            say(f"  {line}")
    sys.exit(OK if all(each.decision.allowed for _, each in told) else DENIED)


def _from_log(log: AuditLog, event: str, authorizer: Authorizer, unknown: AskedSurroundings | None) -> Iterator[Asked]:
    record = log.find(event)
    if record is None:
        say(f"no record of the log has the id {event}", err=True)
        sys.exit(NOT_FOUND)
    try:
        for made in log.decisions(record):
            label = f"{made.principal.arn} {made.action} {made.resource.arn}"
            asked = unknown.unknown_of(made.principal, made.action, made.resource) if unknown is not None else ""
            if asked:
                raise UnreadableRecordError(f"{made.action}: the policies ask for {asked}, which no record holds: {GIVE_AROUND}")
            yield label, explain_request(authorizer, made.principal, made.action, made.resource, made.facts)
    except UnreadableRecordError as fault:
        say(str(fault), err=True)
        sys.exit(SETUP)


def _from_row(row: Any, policies: PolicySet, around: Path | None) -> Asked:
    """Raises: RowError."""
    require_fields(row, REQUEST, "the request", ("principal", "action"))
    with understood("the request"):
        return _decided(row, policies, around)


def _decided(row: Row, policies: PolicySet, around: Path | None) -> Asked:
    document = {name: row[name] for name in ("now", "region", "regionLabels", "orgUnits") if name in row}
    document["principals"] = {"principal": row["principal"]}
    document["keys"] = {"key": row["key"]} if "key" in row else {}
    fixtures = fixtures_of(document, "the request")
    surroundings = fixtures.around if around is None else around_of(around)
    fixtures = dataclasses.replace(fixtures, around=surroundings)
    resource = "key" if "key" in row else SCOPE
    if row["action"] in policies.model.actions:
        require_attributes(row["action"], row.get("context") or {}, row.get("request") or {}, policies.model)
    request = fixtures.request("principal", row["action"], resource, row.get("context") or {}, row.get("request") or {}, policies.model)
    return f"{request.principal.arn} {request.action} {request.resource.arn}", why(policies.within(surroundings), request)


def _row(flags: dict[str, Any]) -> dict[str, Any]:
    """The request that the flags describe, as a row. Raises: RowError."""
    if not flags["principal"] or not flags["action"]:
        raise RowError("a request needs --principal and --action, or --file, or --audit with --event")
    kind, _, name = flags["principal"].partition(":")
    account, _, own = name.partition("/")
    row: dict[str, Any] = {
        "principal": {
            "kind": kind,
            "account": account,
            "name": own,
            "groups": list(flags["group"]),
            "tags": _pairs(flags["principal_tag"]),
        },
        "action": flags["action"],
        "context": _values("--context", flags["context"]),
        "request": _values("--request", flags["request_fields"]),
    }
    if flags["encryption_context"]:
        row["context"]["encryptionContext"] = _pairs(flags["encryption_context"])
    key: dict[str, Any] = _values("--key", flags["key_fields"])
    if flags["key_tag"]:
        key["tags"] = _pairs(flags["key_tag"])
    if flags["key_policy"]:
        key["policy"] = _key_policy(flags["key_policy"])
    return {**row, "key": key} if key or flags["key_fields"] else row


def _key_policy(path: Path) -> str:
    """Raises: RowError, TextFault."""
    text = text_of(path)
    try:
        parse_policies(text)
    except PolicySyntaxError as fault:
        raise RowError(f"{path}: {fault}") from fault
    return text


def _values(option: str, texts: tuple[str, ...]) -> dict[str, Any]:
    """Values in YAML by their names. Raises: RowError, TextFault."""
    from meridian.policy_kit.yaml_text import parse_yaml

    return {name: parse_yaml(value, f"{option} {name}") for name, value in _pairs(texts).items()}


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """Raises: RowError."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, found, value = text.partition("=")
        if not found:
            raise RowError(f"{text} is not NAME=VALUE")
        if name in pairs:
            raise RowError(f"{name} is given more than once")
        pairs[name] = value
    return pairs
