"""The body of every answer on the AWS wire, member by member, and of every error that was recorded: types, texts, order of checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from tests.conformance.good_requests import KIND_OF, KINDS, Things
from tests.conformance.raw_calls import CONTENT_TYPE, call, post, signed
from tests.conformance.recorded_errors import REFUSALS, Refusal
from tests.conformance.recorded_shapes import ABSENT, ANSWERS, ARN, GRANT, MATERIAL, METADATA_OF, NOTHING, difference, time
from tests.deployment import AWAY, HOME, Deployment
from tests.openssl import bring, random_material

from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t
from meridian.transport.aws_json.key_policies import default_document

ANSWERED = sorted(ANSWERS)
NUMBERS = {name: 100 + number for number, name in enumerate(ANSWERED)}
"""A key of its own for each operation."""


@pytest.fixture(scope="module")
def things(two_regions: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Things]:
    made = Things(two_regions, tmp_path_factory.mktemp("recorded"))
    with made.client:
        yield made


def answer(things: Things, name: str, **fields: Any) -> Any:
    """The body of a good answer."""
    status, headers, body = call(things.deployment, rpcs()[name].request_class(**fields))
    assert status == 200, body
    assert headers["Content-Type"] == CONTENT_TYPE
    assert headers["x-amzn-RequestId"]
    return json.loads(body) if body else NOTHING


def prepared(things: Things, name: str) -> dict[str, Any]:
    """A good request on a key that shows each member of its answer."""
    kind = KIND_OF.get(name, "symmetric")
    if kind == "imported":
        if name == "DeleteImportedKeyMaterial":
            things.client.import_key_material(**things.import_fields)
        return things.good(name)
    key = things.key(kind, number=NUMBERS[name])
    match name:
        case "UpdatePrimaryRegion":
            key = things.related
            things.deployment.wait_for_state(AWAY, key.rpartition("/")[2], t.KEY_STATE_ENABLED)
        case "ListAliases":
            things.client.create_alias(alias_name="alias/declared/0123456789ab", target_key_id=key)
            return {"key_id": key}
        case "ListGrants":
            things.client.create_grant(**things.good("CreateGrant", key))
        case "ListResourceTags":
            things.client.tag_resource(**things.good("TagResource", key))
        case "RetireGrant" | "RevokeGrant":
            return {"key_id": key, "grant_id": things.client.create_grant(**things.good("CreateGrant", key)).grant_id}
        case "ListRetirableGrants":
            return {"retiring_principal": "arn:aws:iam::111122223333:user/retires-nothing"}
        case "ListKeys":
            return {"limit": 1}
        case "DescribeCustomKeyStores":
            return {"custom_key_store_id": things.spare_store}
        case "PutKeyPolicy":
            return {"key_id": key, "policy": default_document("aws", "111122223333")}
        case "UpdateAlias" | "DeleteAlias":
            alias = f"alias/recorded/{name}"
            things.client.create_alias(alias_name=alias, target_key_id=key)
            return {"alias_name": alias, **({"target_key_id": key} if name == "UpdateAlias" else {})}
        case "DeleteCustomKeyStore":
            return {"custom_key_store_id": things.client.create_custom_key_store(**things.good("CreateCustomKeyStore")).custom_key_store_id}
    return things.good(name, key)


def test_every_operation_has_a_row() -> None:
    assert set(ANSWERS) == set(rpcs())


def left_out(shape: Any, pattern: Any) -> Iterator[tuple[str, str]]:
    """The members of AWS's shape that an answer of this pattern does not have."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if isinstance(pattern, dict) and name in pattern:
                yield from left_out(member, pattern[name])
            else:
                yield shape.name, name
    elif shape.type_name == "list" and isinstance(pattern, list):
        for each in pattern:
            yield from left_out(shape.member, each)


def test_every_member_of_the_model_is_shown_or_has_its_rule() -> None:
    model = botocore.session.get_session().get_service_model("kms")
    shapes = {name: model.operation_model(name).output_shape for name in ANSWERS}
    assert {name for name, shape in shapes.items() if shape is None or not shape.members} == {n for n, a in ANSWERS.items() if a is NOTHING}
    assert {pair for name, shape in shapes.items() if shape is not None for pair in left_out(shape, ANSWERS[name])} == set(ABSENT)


@pytest.mark.parametrize("name", ANSWERED)
def test_a_good_answer_has_these_members_and_no_others(things: Things, name: str) -> None:
    assert difference(ANSWERS[name], answer(things, name, **prepared(things, name))) == []


@pytest.mark.parametrize("kind", [*KINDS, "ending", "disabled"])
def test_each_kind_of_key_is_described_by_its_members(things: Things, kind: str) -> None:
    fields = KINDS.get(kind, {})
    key = things.client.create_key(**fields).key_metadata.arn if kind in KINDS else things.key("symmetric", kind)
    assert difference({"KeyMetadata": METADATA_OF[kind]}, answer(things, "DescribeKey", key_id=key)) == []


def test_a_schedule_shows_when_it_ends(things: Things) -> None:
    key = things.key("symmetric", number=2)
    things.client.enable_key_rotation(key_id=key)
    shown = {"KeyRotationEnabled": True, "KeyId": ARN, "RotationPeriodInDays": 365, "NextRotationDate": time}
    assert difference(shown, answer(things, "GetKeyRotationStatus", key_id=key)) == []
    things.client.schedule_key_deletion(key_id=key)
    assert difference({"KeyRotationEnabled": False, "KeyId": ARN}, answer(things, "GetKeyRotationStatus", key_id=key)) == []


def test_what_a_grant_has_is_shown_and_no_more(things: Things) -> None:
    key, retiring = things.key("symmetric", number=3), "arn:aws:iam::111122223333:service/app"
    constraints = t.GrantConstraints(encryption_context_subset={"a": "b"})
    fields = {**things.good("CreateGrant", key), "operations": [t.GRANT_OPERATION_ENCRYPT], "name": "n"}
    things.client.create_grant(**fields, retiring_principal=retiring, constraints=constraints)
    full = {**GRANT, "Name": "n", "Operations": ["Encrypt"], "RetiringPrincipal": retiring}
    full["Constraints"] = {"EncryptionContextSubset": {"a": "b"}}
    assert difference({"Grants": [full], "Truncated": False}, answer(things, "ListGrants", key_id=key)) == []


def test_materials_show_what_is_known_of_them(things: Things) -> None:
    key = things.client.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.arn
    bring(things.client, things.folder, key, random_material())
    entry = {"KeyId": ARN, "KeyMaterialId": MATERIAL, "KeyMaterialState": "CURRENT", "ImportState": "IMPORTED"}
    shown = {"Rotations": [{**entry, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}], "Truncated": False}
    everything = t.INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL
    assert difference(shown, answer(things, "ListKeyRotations", key_id=key, include_key_material=everything)) == []
    own = things.key("symmetric", number=4)
    first = {"KeyId": ARN, "KeyMaterialId": MATERIAL, "KeyMaterialState": "CURRENT"}
    shown = {"Rotations": [first], "Truncated": False}
    assert difference(shown, answer(things, "ListKeyRotations", key_id=own, include_key_material=everything)) == []


def test_keys_that_have_no_material_ids_show_none(things: Things) -> None:
    key = things.client.create_key(
        origin=t.ORIGIN_TYPE_EXTERNAL, key_spec=t.KEY_SPEC_HMAC_256, key_usage=t.KEY_USAGE_TYPE_GENERATE_VERIFY_MAC
    ).key_metadata.arn
    bring(things.client, things.folder, key, random_material())
    assert difference({"KeyId": ARN}, answer(things, "DeleteImportedKeyMaterial", key_id=key)) == []
    records = [
        r
        for r in things.deployment.audit(HOME)
        if r["eventName"] in ("ImportKeyMaterial", "DeleteImportedKeyMaterial") and key in json.dumps(r)
    ]
    assert len(records) == 2
    assert "keyMaterialId" not in json.dumps(records)


def test_the_replica_shows_the_policy_and_the_tags_that_it_was_given(things: Things) -> None:
    key = things.key("primary", number=5)
    policy = default_document("aws", "111122223333").replace("key-default-1", "mine")
    given = {"policy": policy, "tags": [t.Tag(tag_key="k", tag_value="v")]}
    shown = answer(things, "ReplicateKey", key_id=key, replica_region=AWAY, **given)
    assert (shown["ReplicaPolicy"], shown["ReplicaTags"]) == (policy, [{"TagKey": "k", "TagValue": "v"}])
    body = json.dumps({"KeyId": key.rpartition("/")[2], "PolicyName": "default"}).encode()
    things.deployment.wait_for_state(AWAY, key.rpartition("/")[2], t.KEY_STATE_ENABLED)
    assert json.loads(signed(things.deployment, "GetKeyPolicy", body, region=AWAY)[2])["Policy"] == policy


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: f"{row.operation}-{row.what}")
def test_a_refusal_has_its_type_and_its_text(things: Things, row: Refusal) -> None:
    fields = row.fields(things)
    status, headers, body = call(things.deployment, rpcs()[row.operation].request_class(**fields))
    expected = {"__type": row.error}
    if row.message is not None:
        expected["message"] = row.message.replace("{key}", fields.get("key_id", "")).replace("{alias}", fields.get("alias_name", ""))
    assert (status, json.loads(body)) == (400, expected)
    assert headers["x-amzn-RequestId"]
    assert headers["Date"]


def test_a_value_outside_an_enum_is_quoted_whole(things: Things) -> None:
    body = json.dumps({"KeySpec": "Z" * 600}).encode()
    status, _, text = signed(things.deployment, "CreateKey", body)
    assert status == 400
    assert f"Value '{'Z' * 600}' at 'keySpec' failed to satisfy constraint: Member must satisfy enum" in json.loads(text)["message"]


def test_a_signature_for_another_region_says_so(things: Things) -> None:
    status, _, body = signed(things.deployment, "ListKeys", b"{}", scope="ap-south-1")
    refused = {"__type": "InvalidSignatureException", "message": "Credential should be scoped to a valid region."}
    assert (status, json.loads(body)) == (400, refused)


def test_an_operation_that_does_not_exist_has_no_text(things: Things) -> None:
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": "TrentService.Nothing"}
    status, _, body = post(things.deployment, b"{}", headers)
    assert (status, json.loads(body)) == (400, {"__type": "UnknownOperationException"})


def test_an_alias_that_names_its_key_again_moves_its_date(things: Things) -> None:
    key, alias = things.key("symmetric", number=6), "alias/recorded/again"
    things.client.create_alias(alias_name=alias, target_key_id=key)
    before = answer(things, "ListAliases", key_id=key)["Aliases"][0]
    answer(things, "UpdateAlias", alias_name=alias, target_key_id=key)
    after = answer(things, "ListAliases", key_id=key)["Aliases"][0]
    assert after["LastUpdatedDate"] > before["LastUpdatedDate"]
    assert after["CreationDate"] == before["CreationDate"]
