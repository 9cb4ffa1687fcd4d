"""`validate` and `fmt`: is it right, and does it look right."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click

from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import PolicySetError, UnreadablePoliciesError
from meridian.cli.exit_codes import OTHER, SETUP
from meridian.cli.output import write_output
from meridian.cli.policy.options import EXISTING, default_policies, output_option, show
from meridian.cli.terminal import say
from meridian.policy_kit.formatting import FormatError, formatted, policy_files
from meridian.policy_kit.lint import WARNING, Finding, lint
from meridian.policy_kit.policy_set import open_policy_set
from meridian.policy_kit.texts import TextFault


@click.command()
@click.argument("folder", type=EXISTING, required=False)
@click.option("--notes/--no-notes", default=True, show_default=True, help="Also say what a policy costs.")
@click.option("--strict", is_flag=True, help="End with exit code 1 for a warning, too.")
@output_option
def validate(folder: Path | None, notes: bool, strict: bool, output: str) -> None:
    """Check every *.cedar file of FOLDER: schema in strict mode, the rules of its layer, then the rules of lint.

    One finding a line, with file, line and @id. Exit code 1 when there is a fault, 3 when files cannot be read; warnings and
    notes inform.
    """
    try:
        policies = open_policy_set(folder or default_policies(), schema_text())
    except UnreadablePoliciesError as fault:
        say("\n".join(fault.faults), err=True)
        sys.exit(SETUP)
    except PolicySetError as fault:
        if output == "json":
            show({"valid": False, "faults": fault.faults, "findings": []})
        else:
            say("\n".join(fault.faults))
        sys.exit(OTHER)
    findings = [found for found in lint(policies.policies, policies.model) if notes or found.severity == WARNING]
    warned = any(found.severity == WARNING for found in findings)
    if output == "json":
        shown = [dataclasses.asdict(found) for found in findings]
        show({"valid": not warned, "policies": len(policies.policies), "digest": policies.source.digest, "findings": shown})
    else:
        for found in findings:
            say(_line(found))
        say(f"{len(policies.policies)} policies are valid, digest {policies.source.digest}")
    sys.exit(OTHER if warned and strict else 0)


def _line(found: Finding) -> str:
    return f"{found.place}: {found.policy_id}: {found.severity}: {found.rule}: {found.text}"


@click.command()
@click.argument("paths", type=EXISTING, nargs=-1)
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 when a file is not in canonical form.")
@output_option
def fmt(paths: tuple[Path, ...], check: bool, output: str) -> None:
    """Write the *.cedar files of PATHS in canonical form; comments stay, and what a file says never changes."""
    changed = []
    try:
        for file in policy_files(paths or (default_policies(),)):
            text, made = formatted(file)
            if text != made:
                changed.append(str(file))
                if not check:
                    write_output(file, made.encode(), "fmt", private=False)
    except (FormatError, TextFault, OSError) as fault:
        say(str(fault), err=True)
        sys.exit(SETUP)
    if output == "json":
        show({"changed": changed, "written": not check})
    else:
        for name in changed:
            say(f"{name}: {'is not in canonical form' if check else 'formatted'}")
    sys.exit(OTHER if check and changed else 0)
