"""`import-aws`: a key policy of AWS as Cedar, or the element that has no form here."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meridian.authorization.aws_policy.convert import Converted, KeyName, convert
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
from meridian.policy_kit.texts import TextFault, text_of


@click.command("import-aws")
@click.argument("document", type=EXISTING)
@click.option("--key", "key_arn", required=True, help="ARN of the key that the policy is for.")
@click.option("--services", type=EXISTING, help="Settings file, or any TOML file, whose table `services` maps names of AWS services.")
@output_option
def import_aws(document: Path, key_arn: str, services: Path | None, output: str) -> None:
    """Convert DOCUMENT, the JSON key policy of an AWS key, to Cedar on standard output.

    What cannot be said is refused as a whole, with the element named; exit code 1, or 3 where it is no JSON. Notes go to standard error,
    and warnings, about names that have no effect.
    """
    try:
        key, text = _key_name(key_arn), text_of(document)
        table = {} if services is None else _services(services)
    except (KmsError, TextFault) as fault:
        say(fault.message if isinstance(fault, KmsError) else str(fault), err=True)
        sys.exit(SETUP)
    try:
        made = convert(text, key=key, model=SchemaModel(schema_text()), services=table, lay_out=format_policies)
    except RefusedDocument as refusal:
        if output == "json":
            show({"converted": False, "element": refusal.element, "why": refusal.why})
        else:
            say(f"{document}: {refusal}", err=True)
        sys.exit(SETUP if refusal.reason is Why.NO_JSON else OTHER)
    _print(made, output)


def _services(path: Path) -> dict[str, str]:
    """Raises: TextFault."""
    try:
        table = parse_toml(text_of(path).encode()).get("services", {})
    except TomlFault as fault:
        raise TextFault(f"{path}: {fault}") from fault
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
        raise TextFault(f"{path}: services must be a table of texts")
    return table


def _print(made: Converted, output: str) -> None:
    if output == "json":
        told = {"notes": list(made.notes), "warnings": list(made.warnings)}
        show({"converted": True, "cedar": made.cedar, "accountDelegation": made.account_delegation, **told})
        return
    say(f"// account_delegation: {str(made.account_delegation).lower()}; the policies of the account {_word(made)} this key.")
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
