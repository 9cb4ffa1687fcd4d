"""Good requests on aliases, tags, grants and key stores."""

from __future__ import annotations

from typing import Any

from tests.deployment import HOME, Deployment
from tests.standing_proxy import PROXY_HOST

from meridian.domain.grant import operations_of_kind
from meridian.domain.key import KeySpec, KeyUsage
from meridian.kms.v1 import types_pb2 as t

PRINCIPAL = "arn:aws:iam::111122223333:service/tenant-a"


def grant_everything(two_regions: Deployment, arns: set[str]) -> None:
    """Give the grantee every operation that a grant can allow on each of these keys."""
    with two_regions.client(HOME, "developer") as developer:
        for arn in arns:
            metadata = developer.describe_key(key_id=arn).key_metadata
            usage = KeyUsage(t.KeyUsageType.Name(metadata.key_usage).removeprefix("KEY_USAGE_TYPE_"))
            spec = KeySpec(t.KeySpec.Name(metadata.key_spec).removeprefix("KEY_SPEC_"))
            possible: Any = sorted(operations_of_kind(spec, usage) - {"RetireGrant"})
            developer.create_grant(key_id=arn, grantee_principal=PRINCIPAL, operations=possible)


def named_things(two_regions: Deployment, arn: str) -> dict[str, Any]:
    """One request per operation; what they name has been made by a developer of the key's account."""
    granted: dict[str, Any] = {"key_id": arn, "grantee_principal": PRINCIPAL, "operations": [t.GRANT_OPERATION_DESCRIBE_KEY]}
    proxy: dict[str, Any] = {
        "custom_key_store_type": t.CUSTOM_KEY_STORE_TYPE_EXTERNAL_KEY_STORE,
        "xks_proxy_uri_endpoint": f"https://{PROXY_HOST}",
        "xks_proxy_connectivity": t.XKS_PROXY_CONNECTIVITY_TYPE_PUBLIC_ENDPOINT,
        "xks_proxy_authentication_credential": t.XksProxyAuthenticationCredentialType(
            access_key_id="ABCDEFGHIJKLMNOPQRST", raw_secret_access_key="s" * 43
        ),
    }
    with two_regions.client(HOME, "developer") as developer:
        grants = [developer.create_grant(**granted).grant_id for _ in range(2)]
        developer.create_alias(alias_name="alias/matrix/old", target_key_id=arn)
        other = developer.create_key().key_metadata.arn
        store, ending = (
            developer.create_custom_key_store(
                custom_key_store_name=f"matrix-{name}", xks_proxy_uri_path=f"/matrix-{name}/kms/xks/v1", **proxy
            ).custom_key_store_id
            for name in ("one", "two")
        )
    return {
        "CreateAlias": {"alias_name": "alias/matrix/new", "target_key_id": arn},
        "UpdateAlias": {"alias_name": "alias/matrix/old", "target_key_id": other},
        "DeleteAlias": {"alias_name": "alias/matrix/old"},
        "TagResource": {"key_id": arn, "tags": [t.Tag(tag_key="k", tag_value="v")]},
        "UntagResource": {"key_id": arn, "tag_keys": ["k"]},
        "CreateGrant": granted,
        "RetireGrant": {"key_id": arn, "grant_id": grants[0]},
        "RevokeGrant": {"key_id": arn, "grant_id": grants[1]},
        "ListRetirableGrants": {"retiring_principal": PRINCIPAL},
        "CreateCustomKeyStore": {"custom_key_store_name": "matrix", "xks_proxy_uri_path": "/matrix/kms/xks/v1", **proxy},
        "UpdateCustomKeyStore": {"custom_key_store_id": store, "new_custom_key_store_name": "matrix-3"},
        **{f"{verb}CustomKeyStore": {"custom_key_store_id": store} for verb in ("Connect", "Disconnect")},
        "DeleteCustomKeyStore": {"custom_key_store_id": ending},
        **{name: {"key_id": arn} for name in ("ListResourceTags", "ListGrants", "GetKeyLastUsage")},
    }
