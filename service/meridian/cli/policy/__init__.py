"""`meridian policy`: write, check, test and prove policies on plain files, and ask a running Region about its own."""

from __future__ import annotations

import click

from meridian.cli.lazy_group import LazyGroup, Place

COMMANDS = {
    name: Place(f"{__name__}.{module}", "try_policies" if name == "try" else name.replace("-", "_"), summary)
    for name, module, summary in (
        ("check-access", "remote", "Ask a Region what somebody may do, and why."),
        ("coverage", "testing", "Say how many cells of the tests each policy decided."),
        ("decisions", "looking_back", "Tell what a Region decided lately."),
        ("describe-set", "remote", "Tell which policies are in force in a Region."),
        ("diff", "comparing", "Compare the decisions of two policy sets."),
        ("explain", "explaining", "Decide one request and say why."),
        ("explain-decision", "looking_back", "Say why a recorded call was decided so."),
        ("fmt", "checking", "Write policies in canonical form."),
        ("graph", "drawing", "Show who can do what, as a table or a picture."),
        ("import-aws", "importing", "Convert a key policy of AWS to Cedar."),
        ("prove", "proving", "Try sentences about a policy set on every case."),
        ("replay", "comparing", "Decide an audit log again under other policies."),
        ("schema", "schemas", "Print what policies, or tests of them, may say."),
        ("test", "testing", "Decide the cases of test files."),
        ("try", "trying", "Tell what edited policies would answer."),
        ("validate", "checking", "Check policies: schema, layers, lint."),
    )
}


@click.command(cls=LazyGroup, places=COMMANDS)
def policy() -> None:
    """Write, check, test and prove policies on plain files, and ask a running Region about its own."""
