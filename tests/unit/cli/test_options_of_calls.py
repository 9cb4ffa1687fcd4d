"""What help says of the options of calls, and what they take."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from meridian.cli import values
from meridian.cli.exit_codes import USAGE
from meridian.cli.main import main
from meridian.contract.catalog import Rpc, limits_of, rpcs
from meridian.contract.comments import comment_on
from meridian.contract.fields import descriptor_of
from meridian.contract.limits_in_words import size_in_words
from meridian.kms.v1 import grants_pb2, imports_pb2

SHOWN_AFTER_A_FILE = {
    values.FILE: "- for standard input",
    values.TEXT: "@FILE reads it from a file",
    values.JSON: "@FILE reads it from a file",
}


def refused(*arguments: str) -> str:
    done = CliRunner(env={"MERIDIAN_ENDPOINT": None}).invoke(main, ["kms", *arguments])
    assert done.exit_code == USAGE, done.output
    return done.output


@pytest.mark.parametrize("rpc", rpcs().values(), ids=lambda rpc: rpc.name)
def test_help_says_what_the_contract_says_and_what_is_required(rpc: Rpc) -> None:
    assert comment_on(rpc)
    for field in descriptor_of(rpc.request_class).fields:
        option = values.option_of(field)
        limits = limits_of(field)
        assert option.help is not None
        assert option.help.startswith(f"{comment_on(field)} {size_in_words(field)}".strip())
        assert option.help.endswith("[required]") is (limits is not None and limits.required)
        assert SHOWN_AFTER_A_FILE.get(str(option.metavar), "") in option.help
        assert ("May be given again." in option.help) is option.multiple


@pytest.mark.parametrize(
    ("command", "option", "told"),
    [
        (("policy", "decisions"), "--limit", "1 to 50."),
        (("policy", "check-access", "--principal", "p", "list-keys"), "--limit", "1 to 1000."),
        (("kms", "list-keys"), "--limit", "1 to 1000."),
        (("kms", "create-key"), "--description", "0 to 8192 characters."),
        (("kms", "create-key"), "--tags", "256 at most."),
    ],
    ids=" ".join,
)
def test_help_says_how_much_may_be_asked(command: tuple[str, ...], option: str, told: str) -> None:
    printed = " ".join(CliRunner().invoke(main, [*command, "--help"]).output.split())
    assert told in printed.partition(f" {option} ")[2].partition(" --")[0]
    assert "2147483647" not in printed


def test_the_list_of_operations_tells_what_each_does() -> None:
    printed = " ".join(CliRunner().invoke(main, ["kms", "--help"]).output.split())
    for rpc in rpcs().values():
        assert f"{rpc.method_name.replace('_', '-')} {comment_on(rpc)}" in printed


def constraints(value: str) -> grants_pb2.CreateGrantRequest:
    request = grants_pb2.CreateGrantRequest()
    values.set_field(request, descriptor_of(request).fields_by_name["constraints"], value, base64_input=False)
    return request


def test_constraints_are_json_of_the_names_of_aws_also_from_a_file(tmp_path: Path) -> None:
    text = json.dumps({"EncryptionContextEquals": {"tenant": "a"}})
    (tmp_path / "c.json").write_text(text)
    for value in (text, f"@{tmp_path / 'c.json'}"):
        assert dict(constraints(value).constraints.encryption_context_equals) == {"tenant": "a"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('{"EncryptionContextEqual": {"a": "b"}}', "there is no EncryptionContextEqual"),
        ('{"EncryptionContextEquals": [1]}', "is not an object of strings"),
        ("[]", "must be a JSON object"),
        ("{", "Expecting property name"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_other_constraints_are_refused_and_never_passed_over(value: str, told: str) -> None:
    with pytest.raises(click.BadParameter, match=told):
        constraints(value)


def test_a_time_is_one_of_iso_8601() -> None:
    request = imports_pb2.ImportKeyMaterialRequest()
    field = descriptor_of(request).fields_by_name["valid_to"]
    values.set_field(request, field, "2027-01-31T12:00:00+02:00", base64_input=False)
    assert request.valid_to.ToJsonString() == "2027-01-31T10:00:00Z"
    with pytest.raises(click.BadParameter, match="is not a time"):
        values.set_field(request, field, "tomorrow", base64_input=False)


@pytest.mark.parametrize(("option", "value"), [("--plaintext", "{}"), ("--grant-tokens", "{}")])
def test_a_missing_file_is_one_line(tmp_path: Path, option: str, value: str) -> None:
    place = value.format(tmp_path / "nope")
    assert refused("encrypt", "--key-id", "alias/a", option, place) == f"Error: {option}: {place}: No such file or directory\n"
    policy = f"@{tmp_path / 'nope'}"
    assert refused("create-key", "--policy", policy) == f"Error: --policy: {policy[1:]}: No such file or directory\n"


@pytest.mark.parametrize(
    ("command", "first", "second"),
    [
        ("policy try --policies - --key-policy -", "--policies", "--key-policy"),
        ("policy try --key-policy - --operation Encrypt --principal p --request @-", "--key-policy", "--request"),
        ("kms import-key-material --key-id k --import-token - --encrypted-key-material -", "--import-token", "--encrypted-key-material"),
        ("kms encrypt --key-id k --plaintext - --grant-tokens - --grant-tokens -", "--plaintext", "--grant-tokens"),
        ("kms encrypt --key-id k --grant-tokens - --grant-tokens -", "--grant-tokens", "--grant-tokens"),
    ],
)
def test_standard_input_is_for_one_value_alone(command: str, first: str, second: str) -> None:
    done = CliRunner(env={"MERIDIAN_ENDPOINT": None}).invoke(main, command.split(), input="{}")
    assert done.exit_code == USAGE, done.output
    places = {first, second}
    assert any(f"{one}: -: standard input was read for {other}" in done.output for one in places for other in places), done.output
