"""What is wrong in a policy is told once, where it stands, with what may have been meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from meridian.authorization.language.evaluator import SchemaHandle
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import PolicySetError, load_policies

HEAD = '@id("a")\n@layer("account")\n@reason("r")\n'
SCOPE = 'permit (principal, {}, resource in KMS::Account::"111122223333")'
ENCRYPTING = SCOPE.format('action in [KMS::Action::"Encrypting", KMS::Action::"Decrypting"]')
ONE = SCOPE.format('action == KMS::Action::"Encrypt"')


def faults(text: str, folder: Path) -> list[str]:
    (folder / "p.cedar").write_text(text)
    with pytest.raises(PolicySetError) as caught:
        load_policies(folder, SchemaHandle(schema_text()))
    return caught.value.faults


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (
            ENCRYPTING + '\nwhen { context.request.regionLabels.contains("EU") };',
            "p.cedar:5:24: a: there is no context.request.regionLabels for Decrypt, Encrypt and 6 more: did you mean resource.region",
        ),
        (ONE + '\nwhen { resource.keyOrign == "X" };', "p.cedar:5:17: a: there is no resource.keyOrign: did you mean resource.keyOrigin?"),
        (
            ONE + "\nwhen { context.encryptionContxt };",
            "p.cedar:5:16: a: there is no context.encryptionContxt for Encrypt: did you mean context.encryptionContext",
        ),
        (SCOPE.format('action == KMS::Action::"Encrpyt"') + ";", 'p.cedar:4:44: a: there is no action "Encrpyt": did you mean Encrypt'),
        (
            ONE.replace("principal,", 'principal in KMS::Groop::"111122223333/x",') + ";",
            "p.cedar:4:27: a: there is no entity type KMS::Groop: did you mean KMS::Group?",
        ),
        (ONE + "\nwhen { context.zzzzzzzz };", "p.cedar:5:16: a: there is no context.zzzzzzzz for Encrypt"),
    ],
)
def test_a_word_that_the_schema_does_not_have_is_told_once(policy: str, told: str, tmp_path: Path) -> None:
    (found,) = faults(HEAD + policy, tmp_path)
    assert found.startswith(told)


def test_a_word_that_other_actions_have_is_not_what_was_meant(tmp_path: Path) -> None:
    actions = 'action in [KMS::Action::"Encrypt", KMS::Action::"DescribeKey"]'
    (found,) = faults(HEAD + SCOPE.format(actions) + '\nwhen { context.encryptionContext.hasTag("t") };', tmp_path)
    assert found == "p.cedar:5:16: a: there is no context.encryptionContext for DescribeKey"


def test_each_of_several_words_is_told(tmp_path: Path) -> None:
    found = faults(HEAD + ONE + "\nwhen { resource.keyOrign == context.messageTyp };", tmp_path)
    assert [each.split(": ")[0] for each in found] == ["p.cedar:5:17", "p.cedar:5:37"]


def test_a_token_that_is_out_of_place_is_told_where_it_stands(tmp_path: Path) -> None:
    policy = 'permit (\n  principal == KMS::User::"111122223333/resource",\n  action\n  resource\n);'
    assert faults(HEAD + policy, tmp_path) == ["p.cedar:7:3: unexpected token `resource`"]


def test_an_unknown_layer_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    (found,) = faults(HEAD.replace("account", "acount") + ONE + ";", tmp_path)
    assert found == "p.cedar:1: a: @layer 'acount' is unknown: guardrail, account, builtin; did you mean account?"
