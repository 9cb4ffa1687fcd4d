"""`meridian policy`: check and test policies, without a server."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import click

from meridian.authorization.evaluator import SchemaHandle
from meridian.authorization.policy_files import PolicySetError, load_policies
from meridian.authorization.policy_tests import PolicyTestError, run_policy_tests
from meridian.bootstrap import policy_folder, schema_text
from meridian.cli.exit_codes import OTHER, SETUP

FOLDER = click.Path(path_type=Path, exists=True)


@click.group()
def policy() -> None:
    """Check and test policies."""


@policy.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
def validate(folder: Path | None, output: str) -> None:
    """Check every *.cedar file of FOLDER against the schema and the rules of its layer."""
    try:
        source = load_policies(folder or policy_folder() / "policies", SchemaHandle(schema_text()))
    except PolicySetError as fault:
        click.echo(json.dumps({"valid": False, "faults": fault.faults}) if output == "json" else "\n".join(fault.faults))
        sys.exit(OTHER)
    found = {"valid": True, "policies": len(source.policies), "digest": source.digest}
    click.echo(json.dumps(found) if output == "json" else f"{len(source.policies)} policies are valid, digest {source.digest}")


@policy.command()
@click.argument("tests", type=FOLDER, required=False)
@click.option("--policies", type=FOLDER, help="Folder of the policies; the default set when not given.")
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
def test(tests: Path | None, policies: Path | None, output: str) -> None:
    """Decide the cases of every *.yaml file of TESTS. Exit code 1 when a case fails."""
    folder = policy_folder()
    try:
        results = run_policy_tests(policies or folder / "policies", schema_text(), tests or folder / "tests")
    except (PolicySetError, PolicyTestError) as fault:
        click.echo(str(fault), err=True)
        sys.exit(SETUP)
    failed = [result for result in results if not result.passed]
    if output == "json":
        click.echo(json.dumps([dataclasses.asdict(result) for result in results], indent=1))
    else:
        for result in failed:
            click.echo(f"{result.file}: {result.name}\n  {result.cell}\n  expected {result.expected}\n  got      {result.got}")
        click.echo(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(OTHER if failed else 0)
