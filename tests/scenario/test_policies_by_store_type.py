"""Policies tell key stores in tokens from external ones, as each is: in calls, in CheckAccess, and where an audit log is decided again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from google.protobuf.any_pb2 import Any as AnyMessage
from tests.conformance.good_requests import proxy
from tests.deployment import HOME, Deployment
from tests.tokens import PIN, Token, new_token

from meridian.cli.main import main
from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.contract.catalog import rpcs
from meridian.domain.key_store import KeyStoreType

ALICE = "arn:aws:iam::111122223333:user/alice"
ANCHOR = "-----BEGIN CERTIFICATE-----\nMIIBtest\n-----END CERTIFICATE-----\n"
CLUSTER = "cluster-abcdefghijk"
BARS = """
@id("guardrail.stores-made") @layer("guardrail") @reason("no such stores")
forbid (principal, action == KMS::Action::"CreateCustomKeyStore", resource) when {{ context.storeType == "{kind}" }};
@id("guardrail.stores-kept") @layer("guardrail") @reason("no such stores")
forbid (principal, action in KMS::Action::"Stores", resource is KMS::KeyStore) when {{ resource.storeType == "{kind}" }};
"""
ONLY_KNOWN = """
@id("guardrail.known-stores") @layer("guardrail") @reason("stores of a type")
forbid (principal, action in KMS::Action::"Stores", resource is KMS::KeyStore)
unless { ["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"].contains(resource.storeType) };
"""
ON_STORES: dict[str, Callable[[str], dict[str, Any]]] = {
    "UpdateCustomKeyStore": lambda store: {"custom_key_store_id": store, "new_custom_key_store_name": f"new-{store}"},
    "ConnectCustomKeyStore": lambda store: {"custom_key_store_id": store},
    "DisconnectCustomKeyStore": lambda store: {"custom_key_store_id": store},
    "DeleteCustomKeyStore": lambda store: {"custom_key_store_id": store},
}


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Token:
    return new_token(tmp_path_factory.mktemp("tokens") / "hsm", "hsm-kinds")


@pytest.fixture(scope="module")
def region(token: Token, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("deployment"), [HOME]).prepare()
    (deployment.root / "anchor.pem").write_text(ANCHOR)
    path = deployment.place(HOME).settings
    path.write_text(
        f'{path.read_text()}[key_store_tokens.{CLUSTER}]\nmodule = "{token.module}"\ntoken = "{token.label}"\n'
        f'account = "111122223333"\ntrust_anchor = "{deployment.root}/anchor.pem"\n'
    )
    with deployment.serving():
        yield deployment


def new(kind: KeyStoreType) -> dict[str, Any]:
    """A whole request for a store of this type; the one in a token says so by silence."""
    if kind is KeyStoreType.EXTERNAL_KEY_STORE:
        return proxy()
    return {
        "custom_key_store_name": "in-a-token",
        "cloud_hsm_cluster_id": CLUSTER,
        "key_store_password": PIN,
        "trust_anchor_certificate": ANCHOR,
    }


def code(client: Client, operation: str, **fields: Any) -> str:
    """What the call is refused with; empty where it is not."""
    rpc = rpcs()[operation]
    try:
        client.call(rpc, rpc.request_class(**fields))
    except KmsServiceError as refusal:
        return refusal.code
    return ""


def is_told_allowed(auditor: Client, operation: str, fields: dict[str, Any]) -> bool:
    """What CheckAccess answers of alice."""
    packed = AnyMessage()
    packed.Pack(rpcs()[operation].request_class(**fields))
    return bool(auditor.check_access(principal=ALICE, request=packed).allowed)


@pytest.mark.parametrize("barred", list(KeyStoreType))
def test_what_is_forbidden_of_one_type_of_store_is_forbidden_of_it_alone(region: Deployment, barred: KeyStoreType) -> None:
    (other,) = set(KeyStoreType) - {barred}
    policy = region.root / "policies" / "kinds.cedar"
    with region.client() as alice, region.client(caller="auditor") as auditor:
        stores = {kind: alice.create_custom_key_store(**new(kind)).custom_key_store_id for kind in KeyStoreType}
        try:
            policy.write_text(BARS.format(kind=barred))
            region.wait_until(lambda: not is_told_allowed(auditor, "ConnectCustomKeyStore", {"custom_key_store_id": stores[barred]}), 5)
            assert code(alice, "CreateCustomKeyStore", **new(barred)) == "AccessDeniedException"
            assert not is_told_allowed(auditor, "CreateCustomKeyStore", new(barred))
            assert is_told_allowed(auditor, "CreateCustomKeyStore", new(other))
            for operation, fields in ON_STORES.items():
                assert code(alice, operation, **fields(stores[barred])) == "AccessDeniedException"
                assert not is_told_allowed(auditor, operation, fields(stores[barred]))
                assert is_told_allowed(auditor, operation, fields(stores[other]))
                assert code(alice, operation, **fields(stores[other])) in ("", "CustomKeyStoreInvalidStateException")
            _the_log_says_the_same(region, {store: kind for kind, store in stores.items()})
        finally:
            policy.unlink()
        region.wait_until(lambda: is_told_allowed(auditor, "DeleteCustomKeyStore", {"custom_key_store_id": stores[barred]}), 5)
        region.wait_until(lambda: {code(alice, "DeleteCustomKeyStore", custom_key_store_id=each) for each in stores.values()} <= GONE, 5)


GONE = {"", "CustomKeyStoreNotFoundException"}


def _the_log_says_the_same(region: Deployment, kinds: dict[str, KeyStoreType]) -> None:
    """Each decision on these stores is recorded with the store's type, and made again from the record with the same answer."""
    records = [r for r in region.audit(HOME) if (r.get("requestParameters") or {}).get("customKeyStoreId") in kinds]
    assert {kinds[r["requestParameters"]["customKeyStoreId"]] for r in records} == set(KeyStoreType)
    for record in records:
        assert record["meridian"]["request"]["keyStoreType"] == kinds[record["requestParameters"]["customKeyStoreId"]]
    log, policies = region.place(HOME).folder / "audit", region.root / "policies"
    told = json.loads(CliRunner().invoke(main, ["policy", "replay", str(log), "--policies", str(policies), "-o", "json"]).stdout)
    assert told["notReplayed"] == []
    here = {record["eventID"] for record in records}
    assert [change for change in told["changes"] if not here.isdisjoint((change["first"], change["last"]))] == []


def test_a_store_that_is_not_there_is_of_no_type_and_shown_to_nobody_who_may_do_nothing_to_it(region: Deployment) -> None:
    absent, policy = "cks-00000000000000000", region.root / "policies" / "kinds.cedar"
    with region.client() as alice, region.client(caller="auditor") as auditor:
        for operation, fields in ON_STORES.items():
            assert code(alice, operation, **fields(absent)) == "CustomKeyStoreNotFoundException"
            assert code(auditor, operation, **fields(absent)) == "AccessDeniedException"
        try:
            policy.write_text(ONLY_KNOWN)
            region.wait_until(lambda: code(alice, "ConnectCustomKeyStore", custom_key_store_id=absent) == "AccessDeniedException", 5)
        finally:
            policy.unlink()
    (record, *_) = [r for r in region.audit(HOME) if (r.get("requestParameters") or {}).get("customKeyStoreId") == absent]
    assert record["meridian"]["request"]["keyStoreType"] == ""
