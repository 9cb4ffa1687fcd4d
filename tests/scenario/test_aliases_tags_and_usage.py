"""Names of keys, tags, and what a key was last used for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client, errors
from meridian.kms.v1 import types_pb2 as t


@pytest.fixture
def alice(two_regions: Deployment) -> Iterator[Client]:
    """Administers keys."""
    with two_regions.client() as client:
        yield client


@pytest.fixture
def app(two_regions: Deployment) -> Iterator[Client]:
    """Uses keys."""
    with two_regions.client(HOME, "app") as client:
        yield client


def fresh(path: str = "test") -> str:
    return f"alias/{path}/{uuid.uuid4().hex}"


def key(alice: Client, **fields: Any) -> str:
    return str(alice.create_key(**fields).key_metadata.key_id)


def test_an_alias_names_a_key_moves_and_ends(alice: Client, app: Client, two_regions: Deployment) -> None:
    first, second, name = key(alice), key(alice), fresh()
    alice.create_alias(alias_name=name, target_key_id=first)
    arn = alice.describe_key(key_id=name).key_metadata.arn
    assert arn.endswith(first)
    blob = app.encrypt(key_id=name, plaintext=b"by alias").ciphertext_blob
    assert app.decrypt(ciphertext_blob=blob, key_id=arn.replace(f"key/{first}", name)).plaintext == b"by alias"
    with pytest.raises(errors.AlreadyExistsException, match=f"An alias with the name .*{name} already exists"):
        alice.create_alias(alias_name=name, target_key_id=second)
    alice.update_alias(alias_name=name, target_key_id=second)
    assert alice.describe_key(key_id=name).key_metadata.key_id == second
    assert app.encrypt(key_id=name, plaintext=b"x").key_id.endswith(second), "the move acts at once"
    with pytest.raises(errors.IncorrectKeyException):
        app.decrypt(ciphertext_blob=blob, key_id=name)
    with pytest.raises(errors.InvalidArnException, match="Aliases are not supported for this operation"):
        alice.disable_key(key_id=name)
    alice.delete_alias(alias_name=name)
    for call in (lambda: alice.describe_key(key_id=name), lambda: alice.delete_alias(alias_name=name)):
        with pytest.raises(errors.NotFoundException, match=f"Alias .*{name} is not found"):
            call()
    with two_regions.client(AWAY) as away, pytest.raises(errors.NotFoundException):
        away.describe_key(key_id=name)


def test_aliases_are_listed_with_their_dates(alice: Client) -> None:
    key_id = key(alice)
    names = sorted(fresh("listed") for _ in range(5))
    for name in names:
        alice.create_alias(alias_name=name, target_key_id=key_id)
    found: list[tuple[str, str]] = []
    marker: dict[str, Any] = {}
    while True:
        page = alice.list_aliases(key_id=key_id, limit=2, **marker)
        found += [(each.alias_name, each.target_key_id) for each in page.aliases]
        assert all(each.creation_date.seconds and each.alias_arn.endswith(each.alias_name) for each in page.aliases)
        if not page.truncated:
            break
        marker = {"marker": page.next_marker}
    assert found == [(name, key_id) for name in names]
    with pytest.raises(errors.InvalidMarkerException):
        alice.list_aliases(limit=2, marker=page.next_marker or "forged")


@pytest.mark.parametrize(
    ("name", "fault", "text"),
    [
        ("nothing", errors.ValidationException, 'must start with the prefix "alias/"'),
        ("alias/with:colon", errors.ValidationException, "invalid characters"),
        ("alias/aws/s3", errors.NotAuthorizedException, "^NotAuthorizedException$"),
    ],
)
def test_names_that_cannot_be_aliases_are_refused(alice: Client, name: str, fault: type[Exception], text: str) -> None:
    with pytest.raises(fault, match=text):
        alice.create_alias(alias_name=name, target_key_id=key(alice))


def test_an_alias_stays_with_its_kind_of_key_and_within_its_quota(alice: Client) -> None:
    symmetric, name = key(alice), fresh()
    mac = key(alice, key_spec=t.KEY_SPEC_HMAC_256, key_usage=t.KEY_USAGE_TYPE_GENERATE_VERIFY_MAC)
    alice.create_alias(alias_name=name, target_key_id=symmetric)
    with pytest.raises(errors.ValidationException, match="another type or usage"):
        alice.update_alias(alias_name=name, target_key_id=mac)
    rsa = key(alice, key_spec=t.KEY_SPEC_RSA_2048, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY)
    curve = key(alice, key_spec=t.KEY_SPEC_ECC_NIST_P256, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY)
    encrypts = key(alice, key_spec=t.KEY_SPEC_RSA_2048, key_usage=t.KEY_USAGE_TYPE_ENCRYPT_DECRYPT)
    signing = fresh()
    alice.create_alias(alias_name=signing, target_key_id=rsa)
    alice.update_alias(alias_name=signing, target_key_id=curve)
    for other in (symmetric, encrypts):
        with pytest.raises(errors.ValidationException, match="another type or usage"):
            alice.update_alias(alias_name=signing, target_key_id=other)
    with pytest.raises(errors.ValidationException, match="another type or usage"):
        alice.update_alias(alias_name=name, target_key_id=encrypts)
    with pytest.raises(errors.ValidationException, match="Not aliases"):
        alice.create_alias(alias_name=fresh(), target_key_id=name)
    for _ in range(49):
        alice.create_alias(alias_name=fresh(), target_key_id=symmetric)
    with pytest.raises(errors.LimitExceededException, match="50, current usage is 50"):
        alice.create_alias(alias_name=fresh(), target_key_id=symmetric)
    alice.schedule_key_deletion(key_id=symmetric)
    with pytest.raises(errors.KMSInvalidStateException, match="pending deletion"):
        alice.create_alias(alias_name=fresh(), target_key_id=symmetric)
    alice.delete_alias(alias_name=name)


def test_tags_are_put_overwritten_listed_and_taken_away(alice: Client) -> None:
    key_id = key(alice, tags=[t.Tag(tag_key="stage", tag_value="test")])
    alice.tag_resource(key_id=key_id, tags=[t.Tag(tag_key="stage", tag_value="live"), t.Tag(tag_key="team", tag_value="")])
    assert [(x.tag_key, x.tag_value) for x in alice.list_resource_tags(key_id=key_id).tags] == [("stage", "live"), ("team", "")]
    page = alice.list_resource_tags(key_id=key_id, limit=1)
    assert page.truncated
    assert [x.tag_key for x in alice.list_resource_tags(key_id=key_id, limit=1, marker=page.next_marker).tags] == ["team"]
    alice.untag_resource(key_id=key_id, tag_keys=["stage", "never there"])
    assert [x.tag_key for x in alice.list_resource_tags(key_id=key_id).tags] == ["team"]
    for wrong, text in (([("aws:x", "y")], "reserved"), ([("a", "1"), ("a", "2")], "Duplicate"), ([("a", "&")], "Invalid tag")):
        with pytest.raises(errors.TagException, match=text):
            alice.tag_resource(key_id=key_id, tags=[t.Tag(tag_key=k, tag_value=v) for k, v in wrong])
    with pytest.raises(errors.TagException, match="Too many tags"):
        alice.tag_resource(key_id=key_id, tags=[t.Tag(tag_key=f"k{n}", tag_value="") for n in range(50)])
    assert len(alice.list_resource_tags(key_id=key_id).tags) == 1


def test_policies_can_ask_for_aliases_and_tags(alice: Client, app: Client) -> None:
    key_id, name = key(alice), fresh("pay")
    alice.create_alias(alias_name=name, target_key_id=key_id)
    forbid = 'forbid (principal, action == KMS::Action::"{}", resource) when {{ {} }};'
    alice.put_key_policy(
        key_id=key_id,
        policy="\n".join(
            [
                forbid.format("Encrypt", "!(context has requestAlias)"),
                forbid.format("Decrypt", 'resource.hasTag("frozen") && resource.getTag("frozen") == "yes"'),
                forbid.format("GenerateDataKey", 'resource.resourceAliases.contains("alias/test/never")'),
                forbid.format("TagResource", 'context.tagKeys.contains("owner")'),
            ]
        ),
    )
    blob = app.encrypt(key_id=name, plaintext=b"x").ciphertext_blob
    with pytest.raises(errors.AccessDeniedException):
        app.encrypt(key_id=key_id, plaintext=b"x")
    assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"
    alice.tag_resource(key_id=key_id, tags=[t.Tag(tag_key="frozen", tag_value="yes")])
    with pytest.raises(errors.AccessDeniedException):
        app.decrypt(ciphertext_blob=blob, key_id=key_id)
    alice.untag_resource(key_id=key_id, tag_keys=["frozen"])
    assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"
    app.generate_data_key(key_id=key_id, number_of_bytes=8)
    alice.create_alias(alias_name="alias/test/never", target_key_id=key_id)
    with pytest.raises(errors.AccessDeniedException):
        app.generate_data_key(key_id=key_id, number_of_bytes=8)
    alice.delete_alias(alias_name="alias/test/never")
    app.generate_data_key(key_id=key_id, number_of_bytes=8)
    with pytest.raises(errors.AccessDeniedException):
        alice.tag_resource(key_id=key_id, tags=[t.Tag(tag_key="owner", tag_value="me")])


def test_the_last_use_of_a_key_is_told(alice: Client, app: Client, two_regions: Deployment) -> None:
    key_id = key(alice)
    unused = alice.get_key_last_usage(key_id=key_id)
    assert unused.key_creation_date == unused.tracking_start_date
    assert unused.HasField("key_last_usage")
    assert not unused.key_last_usage.operation
    alice.describe_key(key_id=key_id)
    with pytest.raises(errors.DryRunOperationException):
        app.encrypt(key_id=key_id, plaintext=b"x", dry_run=True)
    assert not alice.get_key_last_usage(key_id=key_id).key_last_usage.operation, "neither a look nor a dry run is a use"
    blob = app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
    app.decrypt(ciphertext_blob=blob)
    used = alice.get_key_last_usage(key_id=key_id).key_last_usage
    assert used.operation == t.KEY_LAST_USAGE_TRACKING_OPERATION_DECRYPT
    arn = alice.describe_key(key_id=key_id).key_metadata.arn
    event = two_regions.wait_for_event(HOME, "Decrypt", arn)
    assert (used.cloud_trail_event_id, used.kms_request_id) == (event["eventID"], event["requestID"])


def test_the_last_use_survives_a_restart(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    with own_regions.client() as alice, own_regions.client(HOME, "app") as app:
        key_id = key(alice)
        app.encrypt(key_id=key_id, plaintext=b"x")
        before = alice.get_key_last_usage(key_id=key_id).key_last_usage
    own_regions.stop(HOME)
    own_regions.start(HOME)
    with own_regions.client() as alice:
        assert alice.get_key_last_usage(key_id=key_id).key_last_usage == before
