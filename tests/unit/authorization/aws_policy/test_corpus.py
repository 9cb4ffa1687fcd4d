"""Key policies as people write them for AWS KMS: converted, valid in strict mode, and right on both sides."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.authorization.aws_policy.conftest import converted, document

from meridian.authorization.aws_policy.condition_keys import GLOBAL_KEYS, KMS_KEYS

CORPUS = yaml.safe_load((Path(__file__).parent / "corpus.yaml").read_text())
CASES = [(name, number) for name, entry in CORPUS.items() for number in range(len(entry["requests"]))]


@pytest.mark.parametrize("name", CORPUS)
def test_the_account_counts_only_where_its_root_is_named(name: str) -> None:
    assert converted(document(*CORPUS[name]["statements"])).account_delegation is CORPUS[name].get("delegation", False)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_request_gets_what_the_document_says(name: str, number: int, allowed: Callable[..., bool]) -> None:
    who, action, expected, *more = CORPUS[name]["requests"][number]
    assert allowed(converted(document(*CORPUS[name]["statements"])), who, action, *more) is expected


def test_the_corpus_has_both_sides_of_every_document() -> None:
    for name, entry in CORPUS.items():
        answers = {request[2] for request in entry["requests"]}
        assert answers == {True, False} or name == "default policy", name


def test_the_corpus_uses_nearly_every_key_that_is_converted() -> None:
    text = (Path(__file__).parent / "corpus.yaml").read_text()
    elsewhere = {"kms:CustomerMasterKeySpec", "kms:CustomerMasterKeyUsage", "kms:DataKeyPairSpec", "kms:KeyAgreementAlgorithm"}
    elsewhere |= {"kms:MacAlgorithm", "kms:RotationPeriodInDays", "kms:GrantConstraintSourceArn", "kms:RetiringPrincipal"}
    elsewhere |= {"kms:ResourceAliases", "kms:GrantConstraintSourceArn"}
    unused = {key.name for key in KMS_KEYS if not key.refused and f'"{key.name}' not in text}
    assert unused <= elsewhere


def test_there_are_41_kms_keys_and_each_is_converted_or_refused_for_a_reason() -> None:
    assert len(KMS_KEYS) == 41
    assert all(bool(key.attribute) != bool(key.refused) for key in (*KMS_KEYS, *GLOBAL_KEYS))


USER = {"AWS": "arn:aws:iam::111122223333:user/x"}
ENCRYPT: dict[str, Any] = {"Effect": "Allow", "Principal": USER, "Action": "kms:Encrypt", "Resource": "*"}


def test_sids_become_ids_that_are_told_once() -> None:
    cedar = converted(document({**ENCRYPT, "Sid": "a b"}, {**ENCRYPT, "Sid": "a b"}, ENCRYPT)).cedar
    for label in ("a-b", "a-b.2", "statement-3"):
        assert f'@id("{label}")' in cedar


IN_PARTS = {"Condition": {"StringEqualsIfExists": {"kms:EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}}, "Action": ["kms:Encrypt", "kms:Sign"]}


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_statement_in_parts_takes_no_id_of_another(order: tuple[int, ...]) -> None:
    """Whatever the others are called, and whichever comes first."""
    parts = [
        {**ENCRYPT, **IN_PARTS, "Sid": "a"},
        {**ENCRYPT, "Sid": "a-1"},
        {**ENCRYPT, **IN_PARTS, "Sid": "a"},
        {**ENCRYPT, "Sid": "a-2.2"},
    ]
    cedar = converted(document(*(parts[each] for each in order))).cedar
    ids = re.findall(r'@id\("([^"]+)"\)', cedar)
    assert len(ids) == len(set(ids)) == 6


def test_hundreds_of_values_are_one_set() -> None:
    values = [f"v{number}" for number in range(500)]
    made = converted(document({**ENCRYPT, "Condition": {"StringEquals": {"kms:EncryptionContext:a": values}}}))
    assert ".contains(context.encryptionContextAnyCase.getTag(" in "".join(made.cedar.split())
    assert "||" not in made.cedar


def test_wildcards_say_what_they_froze() -> None:
    made = converted(document({**ENCRYPT, "Action": "kms:Gen*Mac"}))
    assert made.notes == ("Statement[0].Action: kms:Gen*Mac means what it matches today: GenerateMac",)
