"""A key policy reaches its key and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meridian.authorization.language.evaluator import SchemaHandle, policies_as_json
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.key_policies import KeyPolicyReader
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.errors import LimitExceededException, MalformedPolicyDocumentException

OTHER = 'KMS::Key::"111122223333/us-east-1/00000000-0000-0000-0000-000000000000"'


@pytest.fixture
def reader(schema: SchemaHandle) -> KeyPolicyReader:
    return KeyPolicyReader(schema, SchemaModel(schema.text), Limits(), policies_as_json)


@pytest.mark.parametrize("scope", ["resource", "resource is KMS::Key"])
def test_an_open_scope_is_confined_to_the_key(reader: KeyPolicyReader, key: Key, scope: str) -> None:
    (policy,) = reader.read(replace(key, policy=f"forbid (principal, action, {scope});"))
    assert policy.est["resource"]["op"] == "=="
    assert policy.est["resource"]["entity"]["id"] == f"111122223333/us-east-1/{key.key_id}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("permit (principal, action", "no Cedar text"),
        (f"permit (principal, action, resource == {OTHER});", "must be left open, or be this key"),
        ('permit (principal, action, resource in KMS::Account::"111122223333");', "must be left open, or be this key"),
        ("permit (principal, action, resource is KMS::Scope);", "must be left open, or be this key"),
        ('permit (principal, action == KMS::Action::"CreateKey", resource);', "CreateKey cannot be used"),
        ('permit (principal, action == KMS::Action::"ListKeys", resource);', "ListKeys cannot be used"),
        ('permit (principal, action == KMS::Action::"SynchronizeMultiRegionKey", resource);', "cannot be used"),
        ("permit (principal == ?principal, action, resource);", "no Cedar text"),
        ("permit (principal, action, resource) when { context.nothing };", "does not validate"),
        ('permit (principal == KMS::Usr::"x", action, resource);', "does not validate"),
        ('@id("a") forbid (principal, action, resource); @id("a") permit (principal, action, resource);', "have the same @id"),
    ],
)
def test_a_policy_that_reaches_further_or_cannot_be_read_is_refused(reader: KeyPolicyReader, key: Key, text: str, fault: str) -> None:
    with pytest.raises(MalformedPolicyDocumentException, match=fault):
        reader.require_valid(replace(key, policy=text))


def test_a_policy_over_its_size_is_refused(reader: KeyPolicyReader, key: Key) -> None:
    with pytest.raises(LimitExceededException):
        reader.require_valid(replace(key, policy="//" + "x" * 32768))


def test_nesting_is_bounded(reader: KeyPolicyReader, key: Key) -> None:
    deep = "permit (principal, action, resource) when { " + "!(" * 400 + "true" + ")" * 400 + " };"
    with pytest.raises(MalformedPolicyDocumentException):
        reader.require_valid(replace(key, policy=deep))
