"""`prove`: sentences about a policy set that hold for every cell, or the cell that refutes them."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click
import yaml

from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.cli.exit_codes import OTHER
from meridian.cli.policy.options import EXISTING, default_policies, default_tests, output_option, policies_option, readable, show
from meridian.cli.progress import progress
from meridian.cli.terminal import say
from meridian.policy_kit.cores import Cores
from meridian.policy_kit.prove import Proof, as_test, plan
from meridian.policy_kit.prove import prove as prove_invariant
from meridian.policy_kit.run import PolicyFolders
from meridian.policy_kit.suites import load_suites


@click.command()
@click.argument("tests", type=EXISTING, required=False)
@policies_option
@output_option
def prove(tests: Path | None, policies: Path | None, output: str) -> None:
    """Try the invariants of TESTS on every combination of what the policies read.

    A counter-example is printed as a test file. Exit code 1 when an invariant does not hold, or is about nothing.
    """
    proofs = []
    with readable():
        folders = PolicyFolders(policies or default_policies(), schema_text())
        suites = load_suites(tests or default_tests(), SchemaModel(schema_text()))
        planned = [
            (suite, invariant, sum(domains.cells for domains in plan(invariant, folders.of(suite), suite.fixtures).values()))
            for suite in suites
            for invariant in suite.invariants
        ]
        with Cores.for_cells(sum(cells for _, _, cells in planned)) as cores:
            for suite, invariant, cells in planned:
                with progress(invariant.name, cells) as advance:
                    proofs.append((suite, prove_invariant(invariant, folders.of(suite), suite.fixtures, cores, advance)))
    if output == "json":
        show([_as_json(proof) for _, proof in proofs])
    else:
        for suite, proof in proofs:
            _print(proof, suite.path)
    held = sum(1 for _, proof in proofs if proof.holds)
    if output == "text":
        say(f"{held} of {len(proofs)} invariants hold, {sum(proof.cells for _, proof in proofs)} cells")
    sys.exit(0 if held == len(proofs) else OTHER)


def _print(proof: Proof, path: Path) -> None:
    cut = f"; cut short: {', '.join(proof.capped)}" if proof.capped else ""
    word = "holds" if proof.holds else "is about no cell" if proof.counter_example is None else "DOES NOT HOLD"
    say(f"{path.name}: {proof.invariant.name}: {word} ({proof.counted} of {proof.cells} cells{cut})")
    if proof.counter_example is not None:
        by = ", ".join(proof.counter_example.by) or "nothing"
        say(f"# {'allowed' if proof.invariant.never == 'allow' else 'denied'} by {by}; a test that fails until this is mended:")
        say(yaml.safe_dump(dict(as_test(proof)), sort_keys=False, allow_unicode=True, default_flow_style=None))


def _as_json(proof: Proof) -> dict[str, Any]:
    found = proof.counter_example
    return {
        "file": proof.invariant.file,
        "name": proof.invariant.name,
        "holds": proof.holds,
        "cells": proof.cells,
        "counted": proof.counted,
        "cutShort": list(proof.capped),
        "counterExample": None if found is None else {**dataclasses.asdict(found), "test": as_test(proof)},
    }
