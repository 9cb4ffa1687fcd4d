"""Quotas hold when many calls come at once, to one process of a Region or to two: each is counted before the work it allows."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.conformance.good_requests import PRINCIPAL, proxy
from tests.deployment import HOME, Deployment
from tests.openssl import parameters
from tests.twins import Twins, two_processes

from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.domain.limits import Limits
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.deep

QUOTA = 3
AT_ONCE = 16
CALLS = 4 * AT_ONCE
QUOTAS = "".join(
    f"limits.{name} = {QUOTA}\n"
    for name in (
        "tags_per_key",
        "aliases_per_key",
        "grants_per_key",
        "key_stores_per_account",
        "on_demand_rotations_per_key",
        "import_tries_per_token",
    )
)
KEYS = 24
QUOTAS += f"limits.keys_per_account = {KEYS}\n"
DOES_NOT_EXPIRE = t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE

Race = Callable[[Client, int], Any]


def answers(clients: list[Client], call: Race, count: int) -> Counter[str]:
    """How often each answer came, of so many calls at once to these processes in turn."""

    def one(number: int) -> str:
        try:
            call(clients[number % len(clients)], number)
        except KmsServiceError as error:
            return error.code
        return "OK"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(pool.map(one, range(count)))


def wrong_import(client: Client, key_id: str) -> Race:
    token = parameters(client, key_id).import_token
    fields = {"key_id": key_id, "import_token": token, "expiration_model": DOES_NOT_EXPIRE}
    return lambda each, number: each.import_key_material(**fields, encrypted_key_material=secrets.token_bytes(256))


@pytest.mark.timeout(180)
def test_no_more_imports_are_tried_under_one_token_than_its_limit(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    with own_regions.client() as alice:
        key_id = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        made = answers([alice], wrong_import(alice, key_id), 4 * Limits().import_tries_per_token)
    assert made == {"InvalidCiphertextException": 100, "ExpiredImportTokenException": 300}


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, postgresql_server: str) -> Iterator[Twins]:
    added = QUOTAS + "limits.rotation_conflict_seconds = 0.0\n"
    with two_processes(tmp_path_factory.mktemp("quotas"), postgresql_server, added, {}) as made:
        yield made


def _tag(key_id: str) -> Race:
    return lambda client, number: client.tag_resource(key_id=key_id, tags=[t.Tag(tag_key=f"k{number}", tag_value="")])


def _alias(key_id: str) -> Race:
    return lambda client, number: client.create_alias(alias_name=f"alias/{key_id}/{number}", target_key_id=key_id)


def _grant(key_id: str) -> Race:
    operations = [t.GRANT_OPERATION_DESCRIBE_KEY]
    return lambda client, number: client.create_grant(key_id=key_id, grantee_principal=PRINCIPAL, operations=operations)


RACES: dict[str, tuple[Callable[[str], Race], str, Callable[[Client, str], int]]] = {
    "tags": (_tag, "TagException", lambda client, key_id: len(client.list_resource_tags(key_id=key_id).tags)),
    "aliases": (_alias, "LimitExceededException", lambda client, key_id: len(client.list_aliases(key_id=key_id).aliases)),
    "grants": (_grant, "LimitExceededException", lambda client, key_id: len(client.list_grants(key_id=key_id).grants)),
    "key stores": (
        lambda key_id: lambda client, number: client.create_custom_key_store(**proxy()),
        "LimitExceededException",
        lambda client, key_id: len(client.describe_custom_key_stores().custom_key_stores),
    ),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", RACES)
def test_two_processes_together_keep_a_quota(twins: Twins, kind: str) -> None:
    race, refusal, there = RACES[kind]
    with twins.deployment.client(HOME, "developer") as first, twins.second("developer") as second:
        key_id = first.create_key().key_metadata.key_id
        assert answers([first, second], race(key_id), CALLS) == {"OK": QUOTA, refusal: CALLS - QUOTA}
        assert there(first, key_id) == QUOTA


@pytest.mark.timeout(120)
def test_two_processes_together_make_no_more_keys_than_an_account_may_have(twins: Twins) -> None:
    with twins.deployment.client(HOME, "bob") as first, twins.second("bob") as second:
        made = answers([first, second], lambda client, number: client.create_key(), 2 * KEYS)
        assert made == {"OK": KEYS, "LimitExceededException": KEYS}
        assert len(first.list_keys().keys) == KEYS


@pytest.mark.timeout(120)
def test_two_processes_together_count_the_tries_of_a_token(twins: Twins) -> None:
    with twins.deployment.client() as first, twins.second("alice") as second:
        key_id = first.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        made = answers([first, second], wrong_import(first, key_id), CALLS)
    assert made == {"InvalidCiphertextException": QUOTA, "ExpiredImportTokenException": CALLS - QUOTA}


@pytest.mark.timeout(120)
def test_two_processes_together_rotate_on_demand_no_more_than_they_may(twins: Twins) -> None:
    with twins.deployment.client() as first, twins.second("alice") as second:
        key_id = first.create_key().key_metadata.key_id
        ends = {"LimitExceededException", "ConflictException", "OK"}

        def spent() -> bool:
            made = answers([first, second], lambda client, number: client.rotate_key_on_demand(key_id=key_id), AT_ONCE)
            assert set(made) <= ends
            return made["LimitExceededException"] == AT_ONCE

        twins.deployment.wait_until(spent)
        assert len(first.list_key_rotations(key_id=key_id).rotations) == QUOTA


@pytest.mark.timeout(120)
@pytest.mark.parametrize("count", [QUOTA, QUOTA + 1])
def test_a_key_is_made_with_no_more_tags_than_its_quota(twins: Twins, count: int) -> None:
    tags = [t.Tag(tag_key=f"k{number}", tag_value="") for number in range(count)]
    with twins.deployment.client() as alice:
        before = len(alice.list_keys(limit=1000).keys)
        made = answers([alice], lambda client, number: client.create_key(tags=tags), 1)
        assert made == ({"OK": 1} if count <= QUOTA else {"TagException": 1})
        assert len(alice.list_keys(limit=1000).keys) - before == made["OK"]


@pytest.mark.timeout(120)
def test_a_replica_is_made_with_no_more_tags_than_the_quota_there(own_regions: Deployment) -> None:
    away = own_regions.place(own_regions.regions[1]).settings
    away.write_text(QUOTAS + away.read_text())
    own_regions.start()
    with own_regions.client() as alice:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        tags = [t.Tag(tag_key=f"k{number}", tag_value="") for number in range(QUOTA + 1)]
        fields: dict[str, Any] = {"key_id": key_id, "replica_region": own_regions.regions[1]}
        assert answers([alice], lambda client, number: client.replicate_key(**fields, tags=tags), 1) == {"TagException": 1}
        assert alice.replicate_key(**fields, tags=tags[:QUOTA]).replica_tags == tags[:QUOTA]
