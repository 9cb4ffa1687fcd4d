"""One good request of every operation on a Region, as its developer would send it; what it names is made when it is first asked for."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from tests.deployment import AWAY, HOME, Deployment
from tests.openssl import parameters, random_material, wrap
from tests.standing_proxy import PROXY_HOST, standing_proxy

from meridian.client import Client
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

PRINCIPAL = "arn:aws:iam::111122223333:service/tenant-a"
POLICY = 'forbid (principal, action == KMS::Action::"DisableKey", resource) when { false };'
KINDS: dict[str, dict[str, Any]] = {
    "symmetric": {},
    "primary": {"multi_region": True},
    "imported": {"origin": t.ORIGIN_TYPE_EXTERNAL},
    "sign": {"key_spec": t.KEY_SPEC_ECC_NIST_P256, "key_usage": t.KEY_USAGE_TYPE_SIGN_VERIFY},
    "encrypts": {"key_spec": t.KEY_SPEC_RSA_2048, "key_usage": t.KEY_USAGE_TYPE_ENCRYPT_DECRYPT},
    "agree": {"key_spec": t.KEY_SPEC_ECC_NIST_P256, "key_usage": t.KEY_USAGE_TYPE_KEY_AGREEMENT},
    "mac": {"key_spec": t.KEY_SPEC_HMAC_256, "key_usage": t.KEY_USAGE_TYPE_GENERATE_VERIFY_MAC},
    "kem": {"key_spec": t.KEY_SPEC_ML_KEM_768, "key_usage": t.KEY_USAGE_TYPE_ENCAPSULATE_DECAPSULATE},
}
KIND_OF = {
    **dict.fromkeys(("ReplicateKey", "UpdatePrimaryRegion"), "primary"),
    **dict.fromkeys(("GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial"), "imported"),
    **dict.fromkeys(("Sign", "Verify", "GetPublicKey"), "sign"),
    **dict.fromkeys(("GenerateMac", "VerifyMac"), "mac"),
    **dict.fromkeys(("Encapsulate", "Decapsulate"), "kem"),
    "DeriveSharedSecret": "agree",
}
"""The kind of key that an operation works on, where it is not a symmetric one."""

SIGN: Final[dict[str, Any]] = {"message": b"x", "signing_algorithm": t.SIGNING_ALGORITHM_SPEC_ECDSA_SHA_256}
MAC: Final[dict[str, Any]] = {"message": b"x", "mac_algorithm": t.MAC_ALGORITHM_SPEC_HMAC_SHA_256}
KEM: Final[dict[str, Any]] = {"encapsulation_algorithm": t.ENCAPSULATION_ALGORITHM_SPEC_ML_KEM}
PAIR: Final[dict[str, Any]] = {"key_pair_spec": t.DATA_KEY_PAIR_SPEC_ECC_NIST_P256}
WRAPPING: Final[dict[str, Any]] = {
    "wrapping_algorithm": t.ALGORITHM_SPEC_RSAES_OAEP_SHA_256,
    "wrapping_key_spec": t.WRAPPING_KEY_SPEC_RSA_2048,
}
PERMANENT: Final[dict[str, Any]] = {"expiration_model": t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE}


def proxy(**changed: Any) -> dict[str, Any]:
    """A custom key store that nobody has yet."""
    name = secrets.token_hex(6)
    credential = t.XksProxyAuthenticationCredentialType(access_key_id="ABCDEFGHIJKLMNOPQRST", raw_secret_access_key="s" * 43)
    return {
        "custom_key_store_name": name,
        "custom_key_store_type": t.CUSTOM_KEY_STORE_TYPE_EXTERNAL_KEY_STORE,
        "xks_proxy_uri_endpoint": f"https://{PROXY_HOST}",
        "xks_proxy_uri_path": f"/{name}/kms/xks/v1",
        "xks_proxy_authentication_credential": credential,
        "xks_proxy_connectivity": t.XKS_PROXY_CONNECTIVITY_TYPE_PUBLIC_ENDPOINT,
        **changed,
    }


def prefix_of(fields: dict[str, Any]) -> str:
    """The manager at the standing proxy that a store of these fields reaches."""
    return str(fields["xks_proxy_uri_path"]).removesuffix("/kms/xks/v1")


def in_a_store(store: str) -> dict[str, Any]:
    """Of CreateKey: a key on an external key that nobody has yet."""
    return {"origin": t.ORIGIN_TYPE_EXTERNAL_KEY_STORE, "custom_key_store_id": store, "xks_key_id": secrets.token_hex(6)}


class Things:
    """Keys and what belongs to them in one Region."""

    def __init__(self, deployment: Deployment, folder: Path, region: str = HOME) -> None:
        self.deployment, self.folder, self.region = deployment, folder, region
        self.client = Client(deployment.endpoint(region, "developer"))
        self.products: dict[str, dict[str, Any]] = {}
        """What each key has made while it could."""
        self._made_once = cache(self._make)

    def key(self, kind: str, state: str = "enabled", number: int = 0) -> str:
        """The ARN of one key of this kind and state."""
        return self._made_once(kind, state, number)

    def _make(self, kind: str, state: str, number: int) -> str:
        arn = str(self.client.create_key(**KINDS[kind]).key_metadata.arn)
        self.products[arn] = PRODUCTS[kind](self, arn)
        if state == "disabled":
            self.client.disable_key(key_id=arn)
        elif state == "ending":
            self.client.schedule_key_deletion(key_id=arn)
        return arn

    def good(self, operation: str, key: str = "") -> dict[str, Any]:
        """The fields of a good request, on this key or on one of the right kind."""
        key = key or self.key(KIND_OF.get(operation, "symmetric"))
        return GOOD[operation](self, key) if operation in GOOD else {"key_id": key}

    def every_good_request(self) -> dict[str, dict[str, Any]]:
        return {name: self.good(name) for name in rpcs()}

    @cached_property
    def alias(self) -> str:
        name = f"alias/declared/{secrets.token_hex(6)}"
        self.client.create_alias(alias_name=name, target_key_id=self.key("symmetric"))
        return name

    @cached_property
    def grant(self) -> str:
        made = self.client.create_grant(
            key_id=self.key("symmetric"), grantee_principal=PRINCIPAL, operations=[t.GRANT_OPERATION_DESCRIBE_KEY]
        )
        return str(made.grant_id)

    @cached_property
    def store(self) -> str:
        return str(self.client.create_custom_key_store(**self.store_fields).custom_key_store_id)

    @cached_property
    def spare_store(self) -> str:
        """One that is never connected."""
        return str(self.client.create_custom_key_store(**proxy()).custom_key_store_id)

    @cached_property
    def _second_store(self) -> str:
        return str(self.client.create_custom_key_store(**proxy()).custom_key_store_id)

    def connected_store(self) -> str:
        """One that is connected now."""
        return self.in_state(self._second_store, t.CONNECTION_STATE_TYPE_CONNECTED)

    def in_state(self, store: str, state: int) -> str:
        """This store, brought to a state that it reaches from wherever it is."""
        known = self.client.describe_custom_key_stores(custom_key_store_id=store).custom_key_stores[0].connection_state
        if known == state:
            return store
        if known not in (t.CONNECTION_STATE_TYPE_DISCONNECTED, t.CONNECTION_STATE_TYPE_DISCONNECTING):
            self.client.disconnect_custom_key_store(custom_key_store_id=store)
        self._await_store(store, t.CONNECTION_STATE_TYPE_DISCONNECTED)
        if state != t.CONNECTION_STATE_TYPE_DISCONNECTED:
            self.client.connect_custom_key_store(custom_key_store_id=store)
            self._await_store(store, state)
        return store

    def _await_store(self, store: str, state: int) -> None:
        def is_there() -> bool:
            return self.client.describe_custom_key_stores(custom_key_store_id=store).custom_key_stores[0].connection_state == state

        self.deployment.wait_until(is_there)

    @cached_property
    def external(self) -> dict[str, Any]:
        """Of CreateKey: an external key that a KMS key has."""
        fields = in_a_store(self.connected_store())
        self.products[str(self.client.create_key(**fields).key_metadata.arn)] = {}
        return fields

    @cached_property
    def full_store(self) -> str:
        """One that is not connected, and has a key."""
        store = str(self.client.create_custom_key_store(**proxy()).custom_key_store_id)
        self.client.create_key(**in_a_store(self.in_state(store, t.CONNECTION_STATE_TYPE_CONNECTED)))
        return self.in_state(store, t.CONNECTION_STATE_TYPE_DISCONNECTED)

    @cached_property
    def failed_store(self) -> str:
        """One whose proxy was well when it was made, and is not any more."""
        fields = proxy()
        store = str(self.client.create_custom_key_store(**fields).custom_key_store_id)
        standing_proxy().tell(prefix_of(fields), mode={"error": "ThrottlingException"})
        return self.in_state(store, t.CONNECTION_STATE_TYPE_FAILED)

    @cached_property
    def store_fields(self) -> dict[str, Any]:
        return proxy()

    @cached_property
    def related(self) -> str:
        """A primary key with a replica in the other Region, of which both Regions have told each other all."""
        arn = self.key("primary", number=1)
        self.client.replicate_key(key_id=arn, replica_region=AWAY)
        self.deployment.wait_for_state(AWAY, arn.rpartition("/")[2], t.KEY_STATE_ENABLED)
        self.deployment.wait_until(lambda: not any(self._is_waiting(region) for region in (HOME, AWAY)))
        return arn

    def _is_waiting(self, region: str) -> bool:
        """Whether something of this Region is still on its way."""
        with closing(sqlite3.connect(self.deployment.place(region).folder / "region.sqlite3", timeout=20)) as database:
            return bool(database.execute("select count(*) from outbox").fetchone()[0])

    @cached_property
    def import_fields(self) -> dict[str, Any]:
        """Material on its way to the imported key."""
        given = parameters(self.client, self.key("imported"))
        wrapped = wrap(self.folder, given.public_key, random_material())
        return {"key_id": self.key("imported"), "import_token": given.import_token, "encrypted_key_material": wrapped, **PERMANENT}


Make = Callable[[Things, str], dict[str, Any]]

PRODUCTS: dict[str, Make] = {
    "symmetric": lambda things, key: {"ciphertext_blob": things.client.encrypt(key_id=key, plaintext=b"x").ciphertext_blob},
    "primary": lambda things, key: {},
    "imported": lambda things, key: {},
    "encrypts": lambda things, key: {},
    "sign": lambda things, key: {"signature": things.client.sign(key_id=key, **SIGN).signature},
    "agree": lambda things, key: {"public_key": things.client.get_public_key(key_id=key).public_key},
    "mac": lambda things, key: {"mac": things.client.generate_mac(key_id=key, **MAC).mac},
    "kem": lambda things, key: {
        "shared_secret_ciphertext_blob": things.client.encapsulate(key_id=key, **KEM).shared_secret_ciphertext_blob
    },
}


def _with(*, product: bool = False, **fields: Any) -> Make:
    return lambda things, key: {"key_id": key, **fields, **(things.products[key] if product else {})}


def _import(things: Things, key: str) -> dict[str, Any]:
    if key == things.key("imported"):
        return things.import_fields
    return {"key_id": key, "import_token": b"x", "encrypted_key_material": b"x", **PERMANENT}


GOOD: dict[str, Make] = {
    **dict.fromkeys(("CreateKey", "ListKeys", "DescribeCustomKeyStores"), lambda things, key: {}),
    "ListAliases": lambda things, key: {},
    "UpdateKeyDescription": _with(description="d"),
    "ScheduleKeyDeletion": _with(),
    "CancelKeyDeletion": lambda things, key: {"key_id": things.key("symmetric", "ending", 1)},
    "DisableKey": lambda things, key: {"key_id": things.key("symmetric", number=9) if key == things.key("symmetric") else key},
    "PutKeyPolicy": _with(policy=POLICY),
    "CreateAlias": lambda things, key: {"alias_name": f"alias/declared/{secrets.token_hex(6)}", "target_key_id": key},
    "UpdateAlias": lambda things, key: {"alias_name": things.alias, "target_key_id": key},
    "DeleteAlias": lambda things, key: {"alias_name": things.alias},
    "TagResource": _with(tags=[t.Tag(tag_key="k", tag_value="v")]),
    "UntagResource": _with(tag_keys=["k"]),
    "CreateGrant": _with(grantee_principal=PRINCIPAL, operations=[t.GRANT_OPERATION_DESCRIBE_KEY]),
    "RetireGrant": lambda things, key: {"key_id": key, "grant_id": things.grant},
    "RevokeGrant": lambda things, key: {"key_id": key, "grant_id": things.grant},
    "ListRetirableGrants": lambda things, key: {"retiring_principal": PRINCIPAL},
    "GetParametersForImport": _with(**WRAPPING),
    "ImportKeyMaterial": _import,
    "ReplicateKey": _with(replica_region=AWAY),
    "UpdatePrimaryRegion": _with(primary_region=AWAY),
    "CreateCustomKeyStore": lambda things, key: proxy(),
    "UpdateCustomKeyStore": lambda things, key: {"custom_key_store_id": things.store, "new_custom_key_store_name": secrets.token_hex(6)},
    "ConnectCustomKeyStore": lambda things, key: {"custom_key_store_id": things.store},
    "DisconnectCustomKeyStore": lambda things, key: {"custom_key_store_id": things.connected_store()},
    "DeleteCustomKeyStore": lambda things, key: {"custom_key_store_id": things.spare_store},
    "Encrypt": _with(plaintext=b"x"),
    "Decrypt": _with(product=True),
    "ReEncrypt": lambda things, key: {**things.products[key], "destination_key_id": things.key("symmetric")},
    "GenerateDataKey": _with(number_of_bytes=16),
    "GenerateDataKeyWithoutPlaintext": _with(number_of_bytes=16),
    "GenerateDataKeyPair": _with(**PAIR),
    "GenerateDataKeyPairWithoutPlaintext": _with(**PAIR),
    "GenerateRandom": lambda things, key: {"number_of_bytes": 8},
    "Sign": _with(**SIGN),
    "Verify": _with(**SIGN, product=True),
    "GenerateMac": _with(**MAC),
    "VerifyMac": _with(**MAC, product=True),
    "DeriveSharedSecret": _with(key_agreement_algorithm=t.KEY_AGREEMENT_ALGORITHM_SPEC_ECDH, product=True),
    "Encapsulate": _with(**KEM),
    "Decapsulate": _with(**KEM, product=True),
}
"""THE table: operation → its fields, on the key that is given. Those that are not here take the key alone."""
