"""`meridian audit`: verify audit streams, and ask a running Region how its own stand."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from meridian.audit.directories import log_directories
from meridian.audit.findings import WORST_FIRST, Report, StreamReport, Verdict, word
from meridian.audit.keys import KEYS_FILE_BYTES_MAX, AuditKeys, AuditKeysError
from meridian.audit.verify import Expected, verify_directories, verify_file
from meridian.cli.exit_codes import USAGE
from meridian.cli.lazy_group import LazyGroup, Place
from meridian.cli.one_region import run_or_exit, settings_or_exit
from meridian.cli.progress import busy
from meridian.cli.short_files import read_up_to
from meridian.cli.tables import print_table
from meridian.cli.terminal import say
from meridian.cli.words import Word


@click.command(
    cls=LazyGroup,
    places={
        "describe": Place("meridian.cli.audit_describe", "describe", "Tell how the audit log of a Region stands."),
        "verify": Place(__name__, "verify", "Check the records, digests and signatures of logs."),
    },
)
def audit() -> None:
    """Work with audit streams."""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--keys", "key_files", multiple=True, type=click.Path(path_type=Path), help="Audit keys that you trust, one file for each PATH."
)
@click.option("--region", "regions", multiple=True, metavar="REGION", help="The Region that is expected, one for each PATH.")
@click.option("--against-db", is_flag=True, help="Compare with the Region's database, too; PATHS are all its audit directories.")
@click.option("--config", type=click.Path(path_type=Path), help="The Region's settings, for --against-db.")
@click.option("--output", "-o", type=Word(["table", "json"]), default="table", show_default=True)
def verify(
    paths: tuple[Path, ...], key_files: tuple[Path, ...], regions: tuple[str, ...], against_db: bool, config: Path | None, output: str
) -> None:
    """Check audit directories: the chain of records, the digests and their signatures.

    `clean` is a log of which nothing was left open, `consistent` one that nothing speaks against; what was left open is said.
    Exit code 0: clean or consistent; 1: tampered; 9: incomplete; 3: cannot be read.
    """
    if against_db is not (config is not None):
        raise click.UsageError("--against-db and --config belong together")
    if not paths and config is None:
        raise click.UsageError("give audit directories, or --against-db --config FILE")
    for name, given in (("--keys", key_files), ("--region", regions)):
        if given and len(given) != (1 if config is not None else len(paths)):
            raise click.UsageError(f"{name}: give one for each PATH, in their order; with --against-db only one")
    keys = [_keys(path) for path in key_files]
    with busy("checking every record, digest and signature"):
        reports = _against_database(config, paths, keys, regions) if config is not None else _from_files(paths, keys, regions)
    if output == "json":
        say(json.dumps(_as_json(reports)))
    else:
        _print(reports)
    sys.exit(_worst(reports))


def _from_files(paths: tuple[Path, ...], keys: list[AuditKeys], regions: tuple[str, ...]) -> list[Report]:
    expected = [Expected(keys[at] if keys else None, regions[at] if regions else "") for at in range(len(paths))]
    given = [(each, said) for path, said in zip(paths, expected, strict=True) for each in _with_inner([path])]
    together = iter(verify_directories([(path, said) for path, said in given if path.is_dir()]))
    return [next(together) if path.is_dir() else verify_file(path) for path, _ in given]


def _with_inner(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, and each directory with those in it that processes of one parent have written."""
    return [each for path in paths for each in log_directories(path)]


def _against_database(config: Path, paths: tuple[Path, ...], keys: list[AuditKeys], regions: tuple[str, ...]) -> list[Report]:
    from meridian.administration.audit_evidence import read_evidence_of
    from meridian.audit.against_database import verify_against
    from meridian.cli.audit_note import note_or_say

    settings = settings_or_exit(config)
    evidence, known = run_or_exit(read_evidence_of(settings), str(config), Verdict.UNREADABLE)
    try:
        trusted = keys[0].following(known.keys) if keys else known
    except AuditKeysError as fault:
        say(f"the database has other audit keys than --keys: {fault}", err=True)
        sys.exit(Verdict.TAMPERED)
    if trusted.names != known.names:
        say(f"the database is of {known.names}, the keys are of {trusted.names}", err=True)
        sys.exit(Verdict.TAMPERED)
    for name in regions:
        if name != trusted.names.region:
            say(f"the database is of {trusted.names.region}, not of {name}", err=True)
            sys.exit(Verdict.TAMPERED)
    reports = verify_against(_with_inner(list(paths) or [settings.audit.directory]), evidence, trusted)
    note_or_say(settings, reports)
    return reports


def _keys(path: Path) -> AuditKeys:
    try:
        return AuditKeys.from_json(read_up_to(path, KEYS_FILE_BYTES_MAX))
    except OSError as fault:
        say(f"--keys: {path}: {fault.strerror}", err=True)
    except AuditKeysError as fault:
        say(f"--keys: {path}: {fault}", err=True)
    sys.exit(USAGE)


def _worst(reports: list[Report]) -> Verdict:
    found = {report.verdict for report in reports}
    return next((verdict for verdict in WORST_FIRST if verdict in found), Verdict.CLEAN)


def _as_json(reports: list[Report]) -> dict[str, object]:
    return {
        "verdict": word(reports),
        "streams": [_stream_as_json(stream) for report in reports for stream in report.streams],
        "findings": [
            {"verdict": each.verdict.name.lower(), "file": str(each.path), "badLine": each.line or None, "fault": each.text}
            for report in reports
            for each in report.findings
        ],
        "copies": next((asdict(report.copies) for report in reports if report.copies is not None), None),
        "unproven": [text for report in reports for text in report.unproven],
    }


def _stream_as_json(stream: StreamReport) -> dict[str, object]:
    return {
        "stream": stream.stream,
        "files": [str(path) for path in stream.paths],
        "region": stream.opening.get("region"),
        "records": stream.records,
        "signed": stream.signed,
        "closed": stream.is_closed,
        "last": stream.last_time,
    }


def _print(reports: list[Report]) -> None:
    print_table(
        ["directory", "stream", "files", "records", "signed", "end"],
        [
            [str(r.path), s.stream, str(len(s.paths)), str(s.records), str(s.signed), "closed" if s.is_closed else "open"]
            for r in reports
            for s in r.streams
        ],
    )
    for report in reports:
        for finding in report.findings:
            say(f"{finding.verdict.name.lower()}: {finding}", err=True)
        for text in report.unproven:
            say(f"not shown: {text}")
    for report in reports:
        if report.copies is not None and report.copies.taken_over:
            say(f"twice: {report.copies.taken_over} events, whose process ended between writing them and marking them as written")
    records, streams = sum(report.records for report in reports), sum(len(report.streams) for report in reports)
    say(f"{word(reports)}: {records} records in {streams} streams")
