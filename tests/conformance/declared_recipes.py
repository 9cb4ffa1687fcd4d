"""How each declared error is provoked from outside: by its kind where one way serves many operations, else pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.conformance.good_requests import KIND_OF, POLICY, Things, in_a_store, prefix_of, proxy
from tests.conformance.token_recipes import OF_TOKENS
from tests.conformance.troubled_regions import KEYS_MAX, Regions
from tests.deployment import AWAY
from tests.openssl import parameters, random_material, wrap
from tests.standing_proxy import PROXY_HOST, standing_proxy

from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

Request = tuple[Things, dict[str, Any]]
"""Where, and what to ask there."""

Recipe = Callable[[Regions, str], Request]

ABSENT = "00000000-0000-4000-8000-000000000000"
BROKEN_ARN = "arn:aws:kms:broken"
RESERVED = [t.Tag(tag_key="aws:x", tag_value="")]
SERVICE = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0"
OTHER_SERVICE = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef1"
SM2_KEY = {"key_spec": t.KEY_SPEC_SM2, "key_usage": t.KEY_USAGE_TYPE_SIGN_VERIFY}
IN_A_STORE = {"origin": t.ORIGIN_TYPE_EXTERNAL_KEY_STORE, "xks_key_id": "x"}
OF_PROXIES: dict[str, dict[str, Any]] = {
    "XksProxyIncorrectAuthenticationCredentialException": {"error": "AuthenticationFailedException"},
    "XksProxyInvalidConfigurationException": {"error": "InvalidUriPathException"},
    "XksProxyInvalidResponseException": {"wire": "no_json"},
    "XksProxyUriUnreachableException": {"error": "ThrottlingException"},
}
"""What a proxy does where a store of it is refused so."""
KEY_FIELD = {"ReEncrypt": "destination_key_id", "CreateAlias": "target_key_id", "UpdateAlias": "target_key_id"}
"""The request field that names the key, where it is not `key_id`."""


def usual(fields: Callable[[Things], dict[str, Any]]) -> Recipe:
    """A request on a Region where nothing is wrong."""
    return lambda regions, name: (regions.usual, fields(regions.usual))


def changed(**fields: Any) -> Recipe:
    """A good request but for these fields."""
    return lambda regions, name: (regions.usual, {**regions.usual.good(name), **fields})


def naming(text: str) -> Recipe:
    """A good request but for the name of its key."""
    return lambda regions, name: (regions.usual, {**regions.usual.good(name), KEY_FIELD.get(name, "key_id"): text})


def in_state(state: str) -> Recipe:
    """A good request on a key in this state."""

    def recipe(regions: Regions, name: str) -> Request:
        things = regions.usual
        return things, things.good(name, things.key(KIND_OF.get(name, "symmetric"), state))

    return recipe


def on(kind: str, **fields: Any) -> Recipe:
    """A good request but for its key, which is of this kind."""
    return lambda regions, name: (
        regions.usual,
        {**regions.usual.good(name), KEY_FIELD.get(name, "key_id"): regions.usual.key(kind), **fields},
    )


def wrong_usage(regions: Regions, name: str) -> Request:
    return on("mac" if name not in KIND_OF else "symmetric")(regions, name)


def deaf(regions: Regions, name: str) -> Request:
    things, requests = regions.deaf
    return things, requests[name]


def broken(regions: Regions, name: str) -> Request:
    things, requests = regions.broken
    return things, requests[name]


def restored(regions: Regions, name: str) -> Request:
    things, blob = regions.restored
    return things, {"ciphertext_blob": blob, **({"destination_key_id": things.key("symmetric")} if name == "ReEncrypt" else {})}


def creating(regions: Regions, name: str) -> Request:
    things, key_id = regions.creating
    return things, {"key_id": key_id}


OF_KIND: dict[str, Recipe] = {
    "NotFoundException": naming(ABSENT),
    "InvalidArnException": naming(BROKEN_ARN),
    "DisabledException": in_state("disabled"),
    "KMSInvalidStateException": in_state("ending"),
    "DryRunOperationException": changed(dry_run=True),
    "InvalidGrantTokenException": changed(grant_tokens=["forged"]),
    "InvalidKeyUsageException": wrong_usage,
    "InvalidMarkerException": changed(marker="forged"),
    "InvalidGrantIdException": changed(grant_id="forged"),
    "TagException": changed(tags=RESERVED),
    "MalformedPolicyDocumentException": changed(policy="this is no policy"),
    "CustomKeyStoreNotFoundException": changed(custom_key_store_id="cks-00000000000000000"),
    "UnsupportedOperationException": on("symmetric"),
    "DependencyTimeoutException": deaf,
    "KMSInternalException": broken,
    "KeyUnavailableException": restored,
}
"""THE table of errors that one way provokes wherever they are declared."""


def _narrow(fields: Callable[[Things], dict[str, Any]]) -> Recipe:
    return lambda regions, name: (regions.narrow, fields(regions.narrow))


def _fill(things: Things, region: str) -> None:
    """As many keys in a Region as an account may have."""
    with things.deployment.client(region, "developer") as developer:
        for _ in range(len(developer.list_keys().keys), KEYS_MAX):
            developer.create_key()


def _no_room_for_keys(things: Things) -> dict[str, Any]:
    for kind, number in (("symmetric", 0), ("symmetric", 1), ("symmetric", 2), ("imported", 0), ("primary", 0)):
        things.key(kind, number=number)  # what other recipes need, first
    _fill(things, things.region)
    return {}


def _no_room_abroad(things: Things) -> dict[str, Any]:
    _fill(things, AWAY)
    return things.good("ReplicateKey")


def _alias_on_a_full_key(things: Things) -> dict[str, Any]:
    _ = things.alias
    other = "alias/declared/other"
    if not things.client.list_aliases(key_id=things.key("symmetric", number=1)).aliases:
        things.client.create_alias(alias_name=other, target_key_id=things.key("symmetric", number=1))
    return {"alias_name": other, "target_key_id": things.key("symmetric")}


def _rotated_too_often(things: Things) -> dict[str, Any]:
    key = things.key("symmetric")
    if not things.client.list_key_rotations(key_id=key).rotations:
        things.client.rotate_key_on_demand(key_id=key)
        things.deployment.wait_until(lambda: things.client.list_key_rotations(key_id=key).rotations)
    return {"key_id": key}


def _one_grant_more(things: Things) -> dict[str, Any]:
    _ = things.grant
    return things.good("CreateGrant")


def _one_store_more(things: Things) -> dict[str, Any]:
    _ = things.store
    return proxy()


def _about_to_rotate(things: Things) -> dict[str, Any]:
    key = things.key("symmetric", number=2)
    things.client.enable_key_rotation(key_id=key, rotation_period_in_days=90)
    return {"key_id": key}


def _other_material(things: Things) -> dict[str, Any]:
    given = parameters(things.client, things.key("imported"))
    material = wrap(things.folder, given.public_key, random_material())
    known = {"import_type": t.IMPORT_TYPE_EXISTING_KEY_MATERIAL, "key_material_id": "a" * 64}
    return {**things.import_fields, **known, "import_token": given.import_token, "encrypted_key_material": material}


def _behind_a_service(things: Things) -> dict[str, Any]:
    """A new store that shares its endpoint service with one that is there."""
    fields = proxy(**VPC, xks_proxy_vpc_endpoint_service_name=SERVICE, xks_proxy_uri_endpoint=f"https://private.{PROXY_HOST}")
    if not any(s.xks_proxy_configuration.vpc_endpoint_service_name for s in things.client.describe_custom_key_stores().custom_key_stores):
        things.client.create_custom_key_store(**fields)
    return {**fields, **{name: proxy()[name] for name in ("custom_key_store_name", "xks_proxy_uri_path")}}


def _misbehaving(error: str) -> dict[str, Any]:
    """A new store whose proxy does what is refused so."""
    fields = proxy()
    standing_proxy().tell(prefix_of(fields), mode=OF_PROXIES[error])
    return fields


def _made_beside(error: str) -> Recipe:
    return usual(lambda r: _misbehaving(error))


def _moved_to(error: str) -> Recipe:
    return usual(lambda r: {**_second_store(r), "xks_proxy_uri_path": _misbehaving(error)["xks_proxy_uri_path"]})


def _outside(things: Things, **said: Any) -> dict[str, Any]:
    """A new key whose external key the manager says this of."""
    store = things.connected_store()
    path = things.client.describe_custom_key_stores(custom_key_store_id=store).custom_key_stores[0].xks_proxy_configuration.uri_path
    fields = in_a_store(store)
    standing_proxy().tell(prefix_of({"xks_proxy_uri_path": path}), key=fields["xks_key_id"], values=said)
    return fields


def _in_a_store(things: Things) -> dict[str, Any]:
    return {"key_id": things.client.create_key(**in_a_store(things.connected_store())).key_metadata.arn}


def _second_store(things: Things) -> dict[str, Any]:
    """An update of a store of its own, that says nothing yet."""
    if "second" not in things.products:
        made = things.client.create_custom_key_store(**proxy())
        things.products["second"] = {"custom_key_store_id": made.custom_key_store_id}
    return things.products["second"]


def _taken(things: Things, *fields: str) -> dict[str, Any]:
    _ = things.store
    return {name: things.store_fields[name] for name in fields}


PROXY = ("xks_proxy_uri_endpoint", "xks_proxy_uri_path")
ELSEWHERE = {"xks_proxy_uri_endpoint": "https://other.example.com"}
VPC: dict[str, Any] = {"xks_proxy_connectivity": t.XKS_PROXY_CONNECTIVITY_TYPE_VPC_ENDPOINT_SERVICE}
OTHER_PATH = {"xks_proxy_uri_path": "/other/kms/xks/v1"}

OF_PAIR: dict[tuple[str, str], Recipe] = {
    **OF_TOKENS,
    ("CreateAlias", "AlreadyExistsException"): usual(lambda r: {"alias_name": r.alias, "target_key_id": r.key("symmetric")}),
    ("CreateAlias", "LimitExceededException"): _narrow(lambda n: {"alias_name": f"{n.alias}/2", "target_key_id": n.key("symmetric")}),
    ("UpdateAlias", "LimitExceededException"): _narrow(_alias_on_a_full_key),
    ("DeleteAlias", "NotFoundException"): changed(alias_name="alias/nobody"),
    ("CreateKey", "LimitExceededException"): _narrow(_no_room_for_keys),
    ("CreateKey", "UnsupportedOperationException"): changed(**SM2_KEY),
    ("CreateKey", "CustomKeyStoreNotFoundException"): changed(custom_key_store_id="cks-00000000000000000", **IN_A_STORE),
    ("CreateKey", "CustomKeyStoreInvalidStateException"): usual(lambda r: {"custom_key_store_id": r.store, **IN_A_STORE}),
    ("CreateKey", "XksKeyNotFoundException"): usual(lambda r: _outside(r, missing=True)),
    ("CreateKey", "XksKeyAlreadyInUseException"): usual(lambda r: r.external),
    ("CreateKey", "XksKeyInvalidConfigurationException"): usual(lambda r: _outside(r, spec="AES_128")),
    ("CancelKeyDeletion", "KMSInvalidStateException"): on("symmetric"),
    ("DeleteImportedKeyMaterial", "KMSInvalidStateException"): creating,
    ("PutKeyPolicy", "LimitExceededException"): changed(policy=f"{POLICY} // {'x' * 40_000}"),
    ("CreateGrant", "LimitExceededException"): _narrow(_one_grant_more),
    ("RetireGrant", "InvalidGrantTokenException"): usual(lambda r: {"grant_token": "forged"}),
    ("ListRetirableGrants", "InvalidArnException"): changed(retiring_principal="arn:aws:iam::nobody"),
    ("UntagResource", "TagException"): changed(tag_keys=["aws:x"]),
    ("EnableKeyRotation", "UnsupportedOperationException"): on("imported"),
    ("DisableKeyRotation", "UnsupportedOperationException"): on("imported"),
    ("RotateKeyOnDemand", "UnsupportedOperationException"): on("sign"),
    ("RotateKeyOnDemand", "LimitExceededException"): _narrow(_rotated_too_often),
    ("RotateKeyOnDemand", "ConflictException"): _narrow(_about_to_rotate),
    ("ImportKeyMaterial", "InvalidImportTokenException"): changed(import_token=b"forged"),
    ("ImportKeyMaterial", "ExpiredImportTokenException"): _narrow(lambda n: n.import_fields),
    ("ImportKeyMaterial", "InvalidCiphertextException"): changed(encrypted_key_material=b"x" * 256),
    ("ImportKeyMaterial", "IncorrectKeyMaterialException"): usual(_other_material),
    ("ReplicateKey", "AlreadyExistsException"): usual(lambda r: {"key_id": r.related, "replica_region": AWAY}),
    ("ReplicateKey", "LimitExceededException"): _narrow(_no_room_abroad),
    ("CreateCustomKeyStore", "LimitExceededException"): _narrow(_one_store_more),
    ("CreateCustomKeyStore", "CustomKeyStoreNameInUseException"): usual(lambda r: {**proxy(), **_taken(r, "custom_key_store_name")}),
    ("CreateCustomKeyStore", "XksProxyUriInUseException"): usual(lambda r: {**proxy(), **_taken(r, *PROXY)}),
    ("CreateCustomKeyStore", "XksProxyUriEndpointInUseException"): usual(
        lambda r: proxy(**_taken(r, PROXY[0]), **OTHER_PATH, **VPC, xks_proxy_vpc_endpoint_service_name=OTHER_SERVICE)
    ),
    ("CreateCustomKeyStore", "XksProxyVpcEndpointServiceInUseException"): usual(_behind_a_service),
    ("UpdateCustomKeyStore", "CustomKeyStoreNameInUseException"): usual(
        lambda r: {**_second_store(r), "new_custom_key_store_name": _taken(r, "custom_key_store_name")["custom_key_store_name"]}
    ),
    ("UpdateCustomKeyStore", "XksProxyUriInUseException"): usual(lambda r: {**_second_store(r), **_taken(r, *PROXY)}),
    ("UpdateCustomKeyStore", "XksProxyUriEndpointInUseException"): usual(
        lambda r: {**_second_store(r), **_taken(r, PROXY[0]), **OTHER_PATH, **VPC, "xks_proxy_vpc_endpoint_service_name": OTHER_SERVICE}
    ),
    ("UpdateCustomKeyStore", "XksProxyVpcEndpointServiceInUseException"): usual(
        lambda r: _behind_a_service(r) and {**_second_store(r), **ELSEWHERE, **VPC, "xks_proxy_vpc_endpoint_service_name": SERVICE}
    ),
    **{("CreateCustomKeyStore", error): _made_beside(error) for error in OF_PROXIES},
    ("CreateCustomKeyStore", "XksProxyVpcEndpointServiceNotFoundException"): usual(
        lambda r: proxy(**VPC, xks_proxy_vpc_endpoint_service_name=f"{SERVICE}1", **ELSEWHERE)
    ),
    ("CreateCustomKeyStore", "XksProxyVpcEndpointServiceInvalidConfigurationException"): usual(
        lambda r: proxy(**VPC, xks_proxy_vpc_endpoint_service_name=OTHER_SERVICE, **ELSEWHERE)
    ),
    **{("UpdateCustomKeyStore", error): _moved_to(error) for error in OF_PROXIES},
    ("UpdateCustomKeyStore", "XksProxyVpcEndpointServiceNotFoundException"): usual(
        lambda r: {**_second_store(r), **ELSEWHERE, **VPC, "xks_proxy_vpc_endpoint_service_name": f"{SERVICE}1"}
    ),
    ("UpdateCustomKeyStore", "XksProxyVpcEndpointServiceInvalidConfigurationException"): usual(
        lambda r: {**_second_store(r), **ELSEWHERE, **VPC, "xks_proxy_vpc_endpoint_service_name": OTHER_SERVICE}
    ),
    ("UpdateCustomKeyStore", "CustomKeyStoreInvalidStateException"): usual(
        lambda r: {"custom_key_store_id": r.connected_store(), "xks_proxy_uri_endpoint": "https://other.example.com"}
    ),
    ("DeleteCustomKeyStore", "CustomKeyStoreInvalidStateException"): usual(lambda r: {"custom_key_store_id": r.connected_store()}),
    ("DeleteCustomKeyStore", "CustomKeyStoreHasCMKsException"): usual(lambda r: {"custom_key_store_id": r.full_store}),
    ("ConnectCustomKeyStore", "CustomKeyStoreInvalidStateException"): usual(lambda r: {"custom_key_store_id": r.failed_store}),
    ("GetKeyRotationStatus", "UnsupportedOperationException"): usual(_in_a_store),
    ("ListKeyRotations", "UnsupportedOperationException"): usual(_in_a_store),
    ("DisconnectCustomKeyStore", "CustomKeyStoreInvalidStateException"): usual(lambda r: {"custom_key_store_id": r.spare_store}),
    ("GenerateRandom", "UnsupportedOperationException"): usual(lambda r: {"number_of_bytes": 8, "custom_key_store_id": r.store}),
    ("GenerateDataKeyPair", "UnsupportedOperationException"): changed(key_pair_spec=t.DATA_KEY_PAIR_SPEC_SM2),
    ("GenerateDataKeyPairWithoutPlaintext", "UnsupportedOperationException"): changed(key_pair_spec=t.DATA_KEY_PAIR_SPEC_SM2),
    ("Decrypt", "InvalidCiphertextException"): changed(ciphertext_blob=b"no ciphertext"),
    ("Decrypt", "IncorrectKeyException"): usual(lambda r: {**r.good("Decrypt"), "key_id": r.key("symmetric", number=1)}),
    ("Decrypt", "InvalidKeyUsageException"): changed(encryption_algorithm=t.ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_256),
    ("ReEncrypt", "InvalidCiphertextException"): changed(ciphertext_blob=b"no ciphertext"),
    ("ReEncrypt", "IncorrectKeyException"): usual(lambda r: {**r.good("ReEncrypt"), "source_key_id": r.key("symmetric", number=1)}),
    ("Decapsulate", "InvalidCiphertextException"): changed(shared_secret_ciphertext_blob=b"x"),
    ("Verify", "KMSInvalidSignatureException"): changed(message=b"other"),
    ("VerifyMac", "KMSInvalidMacException"): changed(message=b"other"),
}
"""THE table of the others, and of pairs that the way of their kind does not fit."""


def recipe(operation: str, error: str) -> Recipe | None:
    return OF_PAIR.get((operation, error)) or OF_KIND.get(error)


def declared() -> list[tuple[str, str]]:
    """Every (operation, error) of the contract."""
    return [(name, error) for name, rpc in rpcs().items() for error in rpc.errors]
