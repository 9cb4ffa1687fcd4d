"""Nobody borrows a fact: an alias that names one key opens no other, and a group of one account is none of another's."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from tests.deployment import HOME, Deployment

from meridian.client import errors

pytestmark = pytest.mark.timeout(60)

DEVELOPERS = 'permit (principal in KMS::Group::"111122223333/developers", action, resource);'
APP = 'KMS::Service::"111122223333/app"'


def denied(call: Callable[..., Any], **fields: Any) -> bool:
    try:
        call(**fields)
    except errors.AccessDeniedException:
        return True
    return False


def test_the_alias_of_one_key_does_not_open_the_other(two_regions: Deployment) -> None:
    with two_regions.client(HOME, "developer") as developer, two_regions.client(HOME, "app") as app:
        front, guarded = (developer.create_key().key_metadata.key_id for _ in range(2))
        names = {key: f"alias/front-{secrets.token_hex(4)}" for key in (front, guarded)}
        for key, name in names.items():
            developer.create_alias(alias_name=name, target_key_id=key)
        for alias in names.values():  # whichever of the two keys the condition speaks of
            by_alias = (
                f'permit (principal == {APP}, action, resource) when {{ context has requestAlias && context.requestAlias == "{alias}" }};'
            )
            developer.put_key_policy(key_id=guarded, policy=DEVELOPERS + by_alias, account_delegation=False)
            of_front = app.encrypt(key_id=front, plaintext=b"x").ciphertext_blob
            of_guarded = developer.encrypt(key_id=guarded, plaintext=b"x").ciphertext_blob
            opens = alias == names[guarded]
            for named in (front, names[front]):
                to = {"ciphertext_blob": of_front, "source_key_id": named}
                assert denied(app.re_encrypt, **to, destination_key_id=guarded)
                assert denied(app.re_encrypt, **to, destination_key_id=alias) is False
                back = {"ciphertext_blob": of_guarded, "destination_key_id": named}
                assert denied(app.re_encrypt, **back, source_key_id=guarded)
                assert denied(app.re_encrypt, **back, source_key_id=names[guarded]) is not opens


def test_a_group_of_one_account_is_none_of_another(two_regions: Deployment) -> None:
    with two_regions.client(HOME, "developer") as developer, two_regions.client(HOME, "partner") as partner:
        key = developer.create_key().key_metadata
        bare = 'permit (principal in KMS::Group::"key-users", action == KMS::Action::"Decrypt", resource);'
        with pytest.raises(errors.MalformedPolicyDocumentException, match='write KMS::Group::"111122223333/key-users"'):
            developer.put_key_policy(key_id=key.key_id, policy=DEVELOPERS + bare)
        blob = developer.encrypt(key_id=key.key_id, plaintext=b"x").ciphertext_blob
        for account, refused in (("111122223333", True), ("444455556666", False)):
            developer.put_key_policy(key_id=key.key_id, policy=DEVELOPERS + bare.replace("key-users", f"{account}/key-users"))
            assert denied(partner.decrypt, key_id=key.arn, ciphertext_blob=blob) is refused
