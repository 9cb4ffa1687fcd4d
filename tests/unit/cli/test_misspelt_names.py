"""A name that is misspelt is told with the one that was meant, wherever names are typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from meridian.cli.main import main
from meridian.cli.words import Word

POLICIES = Path(__file__).resolve().parents[3] / "policy"
SUITE = """
principals: {ann: {kind: User}}
keys: {single: {}}
contexts: {job: {}}
"""
ASK = "policy explain --principal User:111122223333/ann --action"
TYPED = [
    ("kmss", "kms"),
    ("kms create-keyy", "create-key"),
    ("kms GenerateDataKei", "generate-data-key"),
    ("kms create-key --key-spc RSA_2048", "--key-spec"),
    ("kms create-key --key-spec RSA_2084", "RSA_2048"),
    ("kms create-key --field KeyMetdata.KeyId", "KeyMetadata"),
    ("kms create-key --field KeyMetadata.KeyIdd", "KeyId"),
    ('kms create-grant --constraints {"EncryptionContextSubst":{}}', "EncryptionContextSubset"),
    ("policy pruve", "prove"),
    ("audit verfy", "verify"),
    ("whoami -o jsn", "json"),
    ("policy graph --action Encrpyt", "Encrypt"),
    ("policy graph --principal alcie", "alice"),
    (f"policy diff {POLICIES}/policies {POLICIES}/policies --enumerate Encrpyt", "Encrypt"),
    (f"{ASK} Decrpt --key keySpec=RSA_2048", "Decrypt"),
    (f"{ASK} Decrypt --key keyOrgin=EXTERNAL", "keyOrigin"),
    (f"{ASK} Decrypt --key keySpec=RSA_2048 --context encryptionAlgoritm=x", "encryptionAlgorithm"),
    (f"{ASK} Decrypt --key keySpec=RSA_2048 --request sourcIp=1.2.3.4", "sourceIp"),
    ("policy explain --principal Usr:111122223333/ann --action Decrypt", "User"),
    ("policy check-access --principal x encrpyt", "encrypt"),
]
WRITTEN = [
    ("kees: {}", "keys"),
    ("tests: [{name: n, principal: ann, action: Encrpyt, key: single, expect: deny}]", "Encrypt"),
    ("tests: [{name: n, principal: anne, action: Encrypt, key: single, expect: deny}]", "ann"),
    ("tests: [{name: n, principal: ann, action: Encrypt, key: singel, expect: deny}]", "single"),
    ("tests: [{name: n, principal: ann, action: Encrypt, key: single, expct: deny}]", "expect"),
    ("tests: [{name: n, principal: ann, action: Encrypt, key: single, expect: deny, use: jobb}]", "job"),
    (
        "tests: [{name: n, principal: ann, action: Encrypt, key: single, expect: deny, context: {encryptionAlgoritm: x}}]",
        "encryptionAlgorithm",
    ),
    ("tests: [{name: n, principal: ann, action: Encrypt, key: single, expect: deny, request: {sourcIp: 1.2.3.4}}]", "sourceIp"),
    ("invariants: [{name: n, forall: {action: [Encrpyt]}, never: allow}]", "Encrypt"),
]


def told(*arguments: str) -> str:
    ran = CliRunner().invoke(main, list(arguments))
    assert ran.exit_code in (2, 3), ran.output
    return ran.stderr


@pytest.mark.parametrize(("line", "meant"), TYPED)
def test_a_name_on_the_command_line(line: str, meant: str) -> None:
    shown = told(*line.split(" ")).lower()
    assert "did you mean" in shown
    assert meant.lower() in shown.partition("did you mean")[2]


@pytest.mark.parametrize(("line", "meant"), WRITTEN)
def test_a_name_in_a_suite(line: str, meant: str, tmp_path: Path) -> None:
    suite = tmp_path / "s.yaml"
    suite.write_text(SUITE + line)
    command = "prove" if line.startswith("invariants") else "test"
    assert f"did you mean {meant}?" in told("policy", command, str(suite), "--policies", str(POLICIES / "policies"))


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            inner = group.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*path, name))


def test_every_option_of_words_says_which_was_meant() -> None:
    found = [(path, each) for path, command in commands(main) for each in command.params if isinstance(each.type, click.Choice)]
    assert len(found) > 100
    assert [(path, each.name) for path, each in found if not isinstance(each.type, Word)] == []
