"""The `meridian` command."""

from __future__ import annotations

import click

from meridian.cli.lazy_group import LazyGroup, Place

EXIT_CODES = """\b
Exit codes: 0 ok, 1 other failure, 2 usage, 3 setup, 4 denied, 5 not found,
6 key state, 7 throttled, 8 unavailable, 9 incomplete (audit verify),
10 output not written."""

COMMANDS = {
    "audit": Place("meridian.cli.audit", "audit", "Verify audit logs."),
    "completion": Place("meridian.cli.completion", "completion", "Print what completes commands in a shell."),
    "backup": Place("meridian.cli.backups", "backup", "Copy a Region's database into a new file."),
    "dev": Place("meridian.cli.dev", "dev", "Run Regions on this machine, with everything made for you."),
    "envelope": Place("meridian.cli.envelope", "envelope", "Encrypt files under data keys."),
    "k8s-kms": Place("meridian.cli.k8s_kms", "k8s_kms", "Encrypt what a Kubernetes cluster stores."),
    "kms": Place("meridian.cli.kms", "kms", "Call a Region: one command per operation."),
    "migrate": Place("meridian.cli.serve", "migrate", "Bring a database to this release."),
    "outbox": Place("meridian.cli.outbox", "outbox", "Look at deliveries between Regions."),
    "policy": Place("meridian.cli.policy", "policy", "Write, check, test and prove policies."),
    "region": Place("meridian.cli.region", "region", "Administer a Region."),
    "restore": Place("meridian.cli.backups", "restore", "Put a backup in a database's place."),
    "serve": Place("meridian.cli.serve", "serve", "Serve one Region until SIGTERM."),
    "svid": Place("meridian.cli.svid", "svid", "Keep certificates of a SPIFFE Workload API in files."),
    "whoami": Place("meridian.cli.whoami", "whoami", "Tell who you are to a Region."),
    "xks": Place("meridian.cli.xks", "xks", "Serve keys to another KMS (XKS)."),
}


@click.command(cls=LazyGroup, places=COMMANDS, epilog=EXIT_CODES)
@click.version_option(package_name="meridian", prog_name="meridian")
def main() -> None:
    """A key management service with the semantics of AWS KMS."""
