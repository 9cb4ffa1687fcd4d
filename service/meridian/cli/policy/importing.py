"""`import-aws`: a policy of AWS as Cedar, or the element that has no form here."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meridian.authorization.aws_policy.convert import Converted, KeyName, convert
from meridian.authorization.aws_policy.identity import Attached, ConvertedIdentity, convert_identity
from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.language.evaluator import format_policies
from meridian.authorization.language.policies import DELEGATES
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.cli.exit_codes import OTHER, SETUP
from meridian.cli.policy.options import EXISTING, output_option, show
from meridian.cli.terminal import say
from meridian.domain.identifiers import parse_key_reference
from meridian.domain.strict_toml import TomlFault, parse_toml
from meridian.errors import InvalidArnException, KmsError
from meridian.policy_kit.json_places import json_place
from meridian.policy_kit.texts import TextFault, text_of


@click.command("import-aws")
@click.argument("document", type=EXISTING)
@click.option("--key", "key_arn", help="ARN of the key, of a key policy.")
@click.option("--attached-to", metavar="ARN", help="User, role, group or service, of an identity policy.")
@click.option("--services", type=EXISTING, help="Settings file, or any TOML file, whose table `services` maps names of AWS services.")
@output_option
def import_aws(document: Path, key_arn: str | None, attached_to: str | None, services: Path | None, output: str) -> None:
    """Convert DOCUMENT, JSON of AWS, to Cedar on standard output: the policy of a key with --key, one that is attached to a principal
    with --attached-to, which becomes policies of his account.

    What cannot be said is refused as a whole, with line, column, element and word; exit code 1, or 3 where it is no JSON. Notes go to
    standard error, and warnings, about names that have no effect.
    """
    if (key_arn is None) == (attached_to is None):
        raise click.UsageError("give either --key or --attached-to")
    try:
        made_for = _key_name(key_arn) if key_arn is not None else Attached.of(attached_to or "")
        text, table = text_of(document), {} if services is None else _services(services)
    except (KmsError, TextFault) as fault:
        say(fault.message if isinstance(fault, KmsError) else str(fault), err=True)
        sys.exit(SETUP)
    try:
        _print(_converted(text, made_for, table), output)
    except RefusedDocument as refusal:
        place = json_place(text, refusal.element) if refusal.reason is not Why.NO_JSON else None
        if output == "json":
            at = {} if place is None else {"line": place.line, "column": place.column, "word": place.word}
            show({"converted": False, "element": refusal.element, "why": refusal.why, **at})
        else:
            told = "" if place is None else f"{place}:"
            word = f" ({place.word})" if place is not None and place.word and place.word not in refusal.element else ""
            say(f"{document}:{told} {refusal}{word}", err=True)
        sys.exit(SETUP if refusal.reason is Why.NO_JSON else OTHER)


def _converted(text: str, made_for: KeyName | Attached, services: dict[str, str]) -> Converted | ConvertedIdentity:
    """Raises: RefusedDocument."""
    model = SchemaModel(schema_text())
    if isinstance(made_for, Attached):
        return convert_identity(text, attached=made_for, model=model, services=services, lay_out=format_policies)
    return convert(text, key=made_for, model=model, services=services, lay_out=format_policies)


def _services(path: Path) -> dict[str, str]:
    """Raises: TextFault."""
    try:
        table = parse_toml(text_of(path).encode()).get("services", {})
    except TomlFault as fault:
        raise TextFault(f"{path}: {fault}") from fault
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
        raise TextFault(f"{path}: services must be a table of texts")
    return table


def _print(made: Converted | ConvertedIdentity, output: str) -> None:
    if output == "json":
        of_key = {"accountDelegation": made.account_delegation} if isinstance(made, Converted) else {}
        show({"converted": True, "cedar": made.cedar, **of_key, "notes": list(made.notes), "warnings": list(made.warnings)})
        return
    if isinstance(made, Converted):
        say(f"// account_delegation: {str(made.account_delegation).lower()}; the policies of the account {_word(made)} this key.")
    else:
        say("// Policies of an account, for a file in the folder of policies; a guardrail is for the operator to take.")
    say(made.cedar, nl=False)
    for kind, lines in (("note", made.notes), ("warning", made.warnings)):
        for line in lines:
            say(f"{kind}: {line}", err=True)


def _word(made: Converted) -> str:
    if made.account_delegation:
        return "apply to"
    return f"apply, for the actions of @{DELEGATES} below, to" if made.delegates_some else "do not apply to"


def _key_name(arn: str) -> KeyName:
    """Raises: InvalidArnException, NotFoundException."""
    named = parse_key_reference(arn, alias_allowed=False)
    if not named.is_arn:
        raise InvalidArnException(f"{arn} is not the ARN of a key: its account and Region matter")
    return KeyName(named.partition, named.region, named.account, named.key_id)
