"""Forms of output, queries, questions before danger, debug lines, completion, and names that are misspelt."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from meridian.cli.answers import print_answer
from meridian.cli.danger import DANGERS, require_meant
from meridian.cli.debug_lines import masked
from meridian.cli.exit_codes import OK, USAGE
from meridian.cli.forms import FORMS, as_text
from meridian.cli.main import main
from meridian.cli.query import Expression
from meridian.cli.tables import print_table
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import aliases_pb2, encryption_pb2, keys_pb2

LISTED = keys_pb2.ListKeysResponse(truncated=False)
for number in ("1", "2"):
    LISTED.keys.add(key_id=number, key_arn=f"arn:{number}")


def printed(capsys: pytest.CaptureFixture[str], form: str, query: str = "") -> str:
    print_answer(LISTED, form, Expression().convert(query, None, None) if query else None)
    return capsys.readouterr().out


def test_an_answer_says_the_same_in_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    value = json.loads(printed(capsys, "json"))
    assert value["Keys"] == [{"KeyId": "1", "KeyArn": "arn:1"}, {"KeyId": "2", "KeyArn": "arn:2"}]
    assert yaml.safe_load(printed(capsys, "yaml")) == value
    assert printed(capsys, "text") == "KEYS\tarn:1\t1\nKEYS\tarn:2\t2\nTRUNCATED\tfalse\n"
    assert "arn:2" in printed(capsys, "table")
    assert set(FORMS) == {"json", "yaml", "text", "table"}


def test_no_value_of_somebody_makes_two_fields_of_a_text() -> None:
    assert as_text({"Description": "a\tb\nc", "Tags": [{"Key": "k\t", "Value": None}]}) == "DESCRIPTION\ta b c\nTAGS\tk \tnull"


@pytest.mark.parametrize(
    ("query", "form", "told"),
    [
        ("Keys[].KeyId", "text", "1\t2\n"),
        ("Keys[?KeyId=='2'].KeyArn | [0]", "json", '"arn:2"\n'),
        ("length(Keys)", "yaml", "2\n"),
        ("Nothing", "json", "null\n"),
    ],
)
def test_a_query_prints_what_it_finds(capsys: pytest.CaptureFixture[str], query: str, form: str, told: str) -> None:
    assert printed(capsys, form, query) == told


def test_a_query_that_is_wrong_is_refused_by_its_option_before_anything_is_called() -> None:
    done = CliRunner().invoke(main, ["kms", "list-keys", "--query", "Keys[", "--endpoint", "127.0.0.1:1"])
    assert done.exit_code == USAGE
    assert "'--query'" in done.output
    both = CliRunner().invoke(main, ["kms", "list-keys", "--query", "Keys", "--field", "Keys"])
    assert (both.exit_code, "give one" in both.output) == (USAGE, True)
    with pytest.raises(click.BadParameter, match="expected one of"):
        print_answer(LISTED, "json", Expression().convert("abs(Keys)", None, None))


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("kms", "encrpyt"), "encrypt"),
        (("kms", "GenerateDataKey"), "generate-data-key"),
        (("kms", "list_keys"), "list-keys"),
        (("polcy",), "policy"),
        (("policy", "valdate"), "validate"),
        (("region", "docter"), "doctor"),
        (("kms", "encrypt", "--plaintxt", "x"), "--plaintext"),
    ],
)
def test_a_misspelt_name_is_told_with_what_may_be_meant(words: tuple[str, ...], meant: str) -> None:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == USAGE
    assert f"'{meant}'" in done.output


def test_what_cannot_be_taken_back_asks_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(click, "confirm", lambda text, **_: asked.append(text))
    request = keys_pb2.ScheduleKeyDeletionRequest(key_id="the key")
    for terminal, is_said in ((False, False), (True, True), (True, False)):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda is_one=terminal: is_one))
        require_meant("ScheduleKeyDeletion", request, is_said=is_said)
        require_meant("DescribeKey", request, is_said=is_said)
    (text,) = asked
    assert "the key" in text
    assert DANGERS["ScheduleKeyDeletion"] in text


def test_every_danger_is_an_operation_that_has_the_option() -> None:
    with_option = {name for name, command in _operations() if any("--yes" in param.opts for param in command.params)}
    assert with_option == {rpcs()[name].method_name.replace("_", "-") for name in DANGERS}


def _operations() -> list[tuple[str, click.Command]]:
    kms = main.get_command(click.Context(main), "kms")
    assert isinstance(kms, click.Group)
    context = click.Context(kms)
    return [(name, found) for name in kms.list_commands(context) if (found := kms.get_command(context, name)) is not None]


def test_debug_shows_no_bytes_and_no_secret() -> None:
    request = encryption_pb2.EncryptRequest(
        key_id="k", plaintext=b"canary", encryption_context={"canary": "canary"}, grant_tokens=["canary"]
    )
    assert masked(request) == {
        "KeyId": "k",
        "Plaintext": "(6 bytes)",
        "EncryptionContext": "(1 entries)",
        "GrantTokens": "(1 entries)",
    }
    answer: Any = keys_pb2.DescribeKeyResponse()
    answer.key_metadata.key_id = "k"
    answer.key_metadata.creation_date.FromSeconds(0)
    assert masked(answer) == {"KeyMetadata": {"KeyId": "k", "CreationDate": "1970-01-01T00:00:00Z"}}
    assert masked(aliases_pb2.CreateAliasRequest(alias_name="alias/a")) == {"AliasName": "alias/a"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_the_program_and_completes_operations(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == OK
    assert "_MERIDIAN_COMPLETE" in done.output
    words = {"bash": "COMP_WORDS", "zsh": "COMP_WORDS", "fish": "COMP_WORDS"}[shell]
    environment = {"_MERIDIAN_COMPLETE": f"{shell}_complete", words: "meridian kms gen", "COMP_CWORD": "gen" if shell == "fish" else "2"}
    completed = CliRunner().invoke(main, [], env=environment, prog_name="meridian")
    assert "generate-data-key" in completed.output


def test_a_table_that_is_too_wide_has_a_line_for_each_column(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    columns = tuple(f"column-{number}" for number in range(8))
    row = [f"{'x' * 30}{number}" for number in range(8)]
    monkeypatch.setattr("meridian.cli.tables.WIDTH_OF_A_FILE", 80)
    print_table(columns, [row])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for name, value in zip(columns, row, strict=True):
        assert any(name in line and value in line for line in lines), "no value is broken"
    print_table(columns, [["a"] * 8])
    assert "column-0" not in capsys.readouterr().out.splitlines()[-2], "one that fits is one table"
