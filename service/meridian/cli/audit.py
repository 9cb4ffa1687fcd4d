"""`meridian audit`: verify audit streams."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from meridian.adapters.audit_verify import Report, Verdict, verify_directory, verify_stream


@click.group()
def audit() -> None:
    """Work with audit streams."""


@audit.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Choice(["table", "json"]), default="table", show_default=True)
def verify(paths: tuple[Path, ...], output: str) -> None:
    """Check the chain of audit files, or of all streams in a directory.

    Exit code 0: clean; 1: tampered; 9: incomplete; 3: cannot be read.
    """
    report = Report()
    for path in paths:
        report.streams += verify_directory(path).streams if path.is_dir() else [verify_stream(path)]
    if not report.streams:
        click.echo("no audit streams found", err=True)
        sys.exit(Verdict.UNREADABLE)
    if output == "json":
        click.echo(json.dumps(_as_json(report)))
    else:
        _print(report)
    sys.exit(report.verdict)


def _as_json(report: Report) -> dict[str, object]:
    streams = [
        {
            "file": str(s.path),
            "stream": s.stream,
            "records": s.records,
            "closed": s.closed,
            "verdict": s.verdict.name.lower(),
            "badLine": s.bad_line or None,
            "fault": s.fault or None,
        }
        for s in report.streams
    ]
    return {"verdict": report.verdict.name.lower(), "streams": streams}


def _print(report: Report) -> None:
    table = Table("stream", "records", "end", "verdict")
    for s in report.streams:
        table.add_row(s.path.name, str(s.records), "closed" if s.closed else "open", s.verdict.name.lower())
    Console().print(table)
    for s in report.streams:
        if s.fault:
            click.echo(f"{s.path}:{s.bad_line}: {s.fault}", err=True)
    click.echo(f"{report.verdict.name.lower()}: {sum(s.records for s in report.streams)} records in {len(report.streams)} streams")
