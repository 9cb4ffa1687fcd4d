"""`schema`: what policies and their tests may say, for editors and other programs."""

from __future__ import annotations

import json

import click

from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.cli.terminal import say
from meridian.policy_kit.suite_schema import suite_schema


@click.command()
@click.option("--suites", is_flag=True, help="The JSON schema of test files instead.")
def schema(suites: bool) -> None:
    """Print the Cedar schema that policies are checked against, for an editor that knows Cedar."""
    if suites:
        say(json.dumps(suite_schema(SchemaModel(schema_text())), indent=2))
    else:
        say(schema_text(), nl=False)
