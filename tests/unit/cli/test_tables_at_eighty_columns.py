"""Every table can be read on a terminal of 80 columns: no line is cut, no word is broken, and every value is there."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

import meridian.cli
from meridian.cli.answers import print_answer
from meridian.cli.tables import print_table
from meridian.contract.catalog import rpcs

WIDTH = 80
KEY = "mrk-1234abcd12ab34cd56ef1234567890ab"
ARN = f"arn:aws:kms:us-east-1:111122223333:key/{KEY}"
REQUEST = "1234abcd-12ab-34cd-56ef-1234567890ab"
FAULT = "DependencyTimeoutException: Region eu-west-1 did not answer: connect: connection refused"
TABLES: dict[str, tuple[list[str], list[list[str]], bool]] = {
    "outbox.py": (
        ["kind", "target_region", "account", "key_id", "attempts", "due_at", "last_error", "request_id"],
        [["set_state", "eu-west-1", "111122223333", KEY, "17", "2026-11-25 10:00:00+00:00", FAULT, "1234abcd-12ab-34cd-56ef-1234567890ab"]]
        * 2,
        True,
    ),
    "audit_describe.py": (
        ["stream", "replica", "state", "records", "files", "last record", "last digest"],
        [
            [
                "c1214438-5d12-4785-9f00-7925d35b4c66",
                "replica-1",
                "written here",
                "7179",
                "3 (1536000 bytes)",
                "2026-11-27T10:06:32Z",
                "none",
            ]
        ],
        True,
    ),
    "audit.py": (
        ["directory", "stream", "files", "records", "signed", "end"],
        [["/var/lib/meridian/us-east-1/audit", "us-east-1-meridian-7d9c5f6b8-x2x4x-1764064800", "3", "1204310", "1204000", "open"]],
        True,
    ),
    "dev_deployment.py": (
        ["region", "gRPC", "AWS wire", "health and metrics", "settings"],
        [
            [
                "us-east-1",
                "127.0.0.1:8443",
                "http://127.0.0.1:8444",
                "http://127.0.0.1:8081",
                "/home/ann/meridian/tour/us-east-1/region.toml",
            ]
        ],
        True,
    ),
    "xks.py": (["key", "external key id", "state"], [[ARN, "partner/payments-2026", "enabled"]], True),
    "region_doctor.py": (
        ["verdict", "what", "found", "do"],
        [
            [
                "bad",
                "certificate",
                "grpc.tls.certificate ends in 2 days",
                "renew it and send SIGHUP, or give it one that lives longer",
            ]
        ],
        True,
    ),
    "policy/testing.py": (
        ["case", "cell", "expected", "got", "why"],
        [
            [
                "defaults.yaml\nnobody uses a key",
                "alice Encrypt primary",
                "deny by nothing",
                "allow by account.111122223333.developers",
                "x\ny",
            ]
        ],
        True,
    ),
    "policy/drawing.py": (
        ["principal", *(f"Action{number}WithALongName" for number in range(24))],
        [["alice", *["5 of 7"] * 24]],
        True,
    ),
    "answers.py": (
        ["name", "value"],
        [["ReplicaKeyMetadata.MultiRegionConfiguration.PrimaryKey.Arn", ARN], ["Tags", f"{ARN}\n{ARN}"]],
        False,
    ),
}
"""By the file that prints it: a row as it is in earnest, and whether it has names above."""


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setenv("TERM", "xterm")


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], print_it: Any) -> str:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    print_it()
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def require_readable(text: str, words: list[str]) -> None:
    for line in text.splitlines():
        assert len(line) <= WIDTH or not set(line) & set("│┌└"), f"a table that is too wide: {line}"
        assert "…" not in line
    for word in words:
        assert word in text, f"{word} is broken or missing"


@pytest.mark.parametrize("file", sorted(TABLES))
def test_a_table_fits(file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    columns, rows, has_header = TABLES[file]
    text = shown(monkeypatch, capsys, lambda: print_table(columns, rows, show_header=has_header))
    require_readable(text, [word for row in rows for value in row for word in value.split()])


def test_every_table_of_the_command_line_is_among_them() -> None:
    root = Path(meridian.cli.__path__[0])
    printers = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print_table"
    }
    assert printers == set(TABLES)


def filled(message: Message, depth: int = 0) -> Message:
    """An answer in which every member has a long value."""
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.type == field.TYPE_MESSAGE:
            inner = value.add() if field.is_repeated and not hasattr(value, "keys") else value
            if depth < 4 and hasattr(inner, "DESCRIPTOR"):
                filled(inner, depth + 1)
        elif field.type == field.TYPE_STRING:
            value.append(ARN) if field.is_repeated else setattr(message, field.name, ARN)
        elif not field.is_repeated and field.type in (field.TYPE_INT32, field.TYPE_INT64):
            setattr(message, field.name, 7)
    return message


@pytest.mark.parametrize("operation", sorted(rpcs()))
def test_the_answer_of_every_operation_fits(operation: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer = filled(rpcs()[operation].response_class())
    text = shown(monkeypatch, capsys, lambda: print_answer(answer, "table", None))
    require_readable(text, [ARN] if ARN in str(answer) else [])
