"""Every operation, called by every kind of caller, against one table of answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from google.protobuf.any_pb2 import Any as AnyMessage
from tests.architecture.named_things import PRINCIPAL, grant_everything, named_things
from tests.architecture.special_keys import special_keys
from tests.deployment import AWAY, HOME, Deployment
from tests.raw_calls import raw_call

from meridian.cli.main import main
from meridian.client import Client, Endpoint, errors
from meridian.client.errors import KmsServiceError
from meridian.client.statuses import error_of_status
from meridian.contract.batches import batch_of, is_batch
from meridian.contract.catalog import rpcs, served_rpcs
from meridian.kms.v1 import types_pb2 as t
from meridian.settings import load_settings

CALLERS = ("anonymous", "stranger", "other_account", "user", "auditor", "grantee", "administrator")
"""The administrator comes last: what he ends, the others could not be refused."""

SPECIAL = (
    *("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "Sign", "Verify", "GenerateMac", "VerifyMac"),
    *("DeriveSharedSecret", "Encapsulate", "Decapsulate"),
)
ADMINISTRATORS = (
    *("CreateAlias", "TagResource", "UntagResource"),
    *("CreateCustomKeyStore", "UpdateCustomKeyStore", "DeleteCustomKeyStore"),
)
OWN_ALIAS = ("UpdateAlias", "DeleteAlias")
READ = ("ListResourceTags", "ListGrants", "GetKeyLastUsage")
LISTS = ("ListAliases", "DescribeCustomKeyStores")
DENIED, UNKNOWN, UNSUPPORTED = "AccessDeniedException", "UnrecognizedClientException", "UnsupportedOperationException"
ANONYMOUS = "MissingAuthenticationTokenException"

# What each caller gets: "ok", or the name of the error. Anonymous callers and strangers get theirs everywhere.
TABLE: dict[str, dict[str, str]] = {
    "CreateKey": {"other_account": "ok", "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "DescribeKey": {"other_account": DENIED, "administrator": "ok", "user": "ok", "auditor": "ok"},
    "ListKeys": {"other_account": "ok", "administrator": "ok", "user": DENIED, "auditor": "ok"},
    "EnableKey": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "DisableKey": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "UpdateKeyDescription": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "Encrypt": {"other_account": DENIED, "administrator": DENIED, "user": "ok", "auditor": DENIED},
    "Decrypt": {"other_account": DENIED, "administrator": DENIED, "user": "ok", "auditor": DENIED},
    "ReEncrypt": {"other_account": DENIED, "administrator": DENIED, "user": "ok", "auditor": DENIED},
    "GenerateDataKey": {"other_account": DENIED, "administrator": DENIED, "user": "ok", "auditor": DENIED},
    "GenerateDataKeyWithoutPlaintext": {"other_account": DENIED, "administrator": DENIED, "user": "ok", "auditor": DENIED},
    "GenerateRandom": {"other_account": DENIED, "administrator": DENIED, "user": "ok", "auditor": DENIED},
    "PutKeyPolicy": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "GetKeyPolicy": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": "ok"},
    "ListKeyPolicies": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": "ok"},
    "ReplicateKey": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "UpdatePrimaryRegion": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "GetParametersForImport": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "DeleteImportedKeyMaterial": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "EnableKeyRotation": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "DisableKeyRotation": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "RotateKeyOnDemand": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "ScheduleKeyDeletion": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "CancelKeyDeletion": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "ImportKeyMaterial": {
        "other_account": DENIED,
        "administrator": "InvalidImportTokenException",
        "user": DENIED,
        "auditor": DENIED,
    },
    "GetKeyRotationStatus": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": "ok"},
    "ListKeyRotations": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": "ok"},
    "GetPublicKey": {"other_account": DENIED, "administrator": "ok", "user": "ok", "auditor": "ok"},
    **{name: {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED} for name in ADMINISTRATORS},
    **{name: {"other_account": "NotFoundException", "administrator": "ok", "user": DENIED, "auditor": DENIED} for name in OWN_ALIAS},
    **{name: {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": "ok"} for name in READ},
    **{name: {"other_account": "ok", "administrator": "ok", "user": DENIED, "auditor": "ok"} for name in LISTS},
    "ListRetirableGrants": {"other_account": "InvalidArnException", "administrator": "ok", "user": DENIED, "auditor": "ok"},
    "CreateGrant": {"other_account": DENIED, "administrator": DENIED, "user": DENIED, "auditor": DENIED},
    "RetireGrant": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "RevokeGrant": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "ConnectCustomKeyStore": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    "DisconnectCustomKeyStore": {"other_account": DENIED, "administrator": "ok", "user": DENIED, "auditor": DENIED},
    **{name: {"other_account": DENIED, "administrator": DENIED, "user": "ok", "auditor": DENIED} for name in SPECIAL},
    "WhoAmI": {"other_account": "ok", "administrator": "ok", "user": "ok", "auditor": "ok"},
    "DescribePolicySet": {"other_account": "ok", "administrator": "ok", "user": DENIED, "auditor": "ok"},
    "DescribeRegions": {"other_account": "ok", "administrator": "ok", "user": DENIED, "auditor": "ok"},
    "TryPolicies": {"other_account": DENIED, "administrator": DENIED, "user": DENIED, "auditor": "ok"},
    "DescribeAudit": {"other_account": DENIED, "administrator": DENIED, "user": DENIED, "auditor": "ok"},
    "DescribeExternalKey": {"other_account": DENIED, "administrator": UNSUPPORTED, "user": UNSUPPORTED, "auditor": UNSUPPORTED},
    "CheckAccess": {"other_account": DENIED, "administrator": DENIED, "user": DENIED, "auditor": "ok"},
    "ListDecisions": {"other_account": DENIED, "administrator": DENIED, "user": DENIED, "auditor": "ok"},
    "ExplainDecision": {"other_account": DENIED, "administrator": DENIED, "user": DENIED, "auditor": "InvalidMarkerException"},
}
SINGLE = {batch.name: operation for operation, batch in batch_of().items()}
TABLE |= {batch: TABLE[operation] for batch, operation in SINGLE.items()}
"""A batch of one item, which each caller gets what he gets for the single call."""
GRANTABLE = {"DescribeKey", "GetPublicKey", "CreateGrant", "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", *SPECIAL}
GRANTABLE |= {"GenerateDataKeyWithoutPlaintext", *SINGLE}
"""What the grantee, to whom no policy allows anything here, may do: all that grants can give, and nothing else."""
IDENTITY = {"grantee": "tenant-a", "other_account": "bob", "administrator": "alice", "user": "app", "auditor": "auditor"}


@pytest.fixture(scope="module")
def stranger(two_regions: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    """A certificate of the right authority whose SPIFFE id is nobody's."""
    from meridian.adapters.clock_system import SystemClock
    from meridian.crypto.certificates import CertificateFiles, new_leaf

    root, folder = two_regions.root, tmp_path_factory.mktemp("stranger")
    authority = CertificateFiles((root / "client-ca.crt").read_bytes(), (root / "client-ca.key").read_bytes())
    made = new_leaf(authority, "stranger", SystemClock().now(), spiffe_id="spiffe://dev.meridian.internal/111122223333/stranger")
    for name, data in (("crt", made.certificate), ("key", made.private_key)):
        (folder / f"stranger.{name}").write_bytes(data)
    own = two_regions.endpoint(HOME, "alice")
    return replace(own, certificate=folder / "stranger.crt", private_key=folder / "stranger.key")


def endpoint(two_regions: Deployment, caller: str, stranger: Endpoint) -> Endpoint:
    if caller == "stranger":
        return stranger
    return two_regions.endpoint(HOME, "transport" if caller == "anonymous" else IDENTITY[caller])


@pytest.fixture(scope="module")
def requests(two_regions: Deployment) -> dict[str, Any]:
    """One good request per built operation, on keys of the administrator's account, named by ARN."""
    with two_regions.client() as alice, two_regions.client(HOME, "app") as app:
        arn = alice.create_key().key_metadata.arn
        primary = alice.create_key(multi_region=True).key_metadata.arn
        imported = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.arn
        ending = alice.create_key().key_metadata.arn
        alice.schedule_key_deletion(key_id=ending)
        blob = app.encrypt(key_id=arn, plaintext=b"x").ciphertext_blob
        special = special_keys(alice, app)
        named = named_things(two_regions, arn)
        grant_everything(two_regions, {arn, *(request["key_id"] for request in special.values())})
    singles: dict[str, Any] = {
        "CreateKey": {},
        "ListKeys": {},
        "GenerateRandom": {"number_of_bytes": 8},
        "UpdateKeyDescription": {"key_id": arn, "description": "d"},
        "Encrypt": {"key_id": arn, "plaintext": b"x"},
        "Decrypt": {"key_id": arn, "ciphertext_blob": blob},
        "ReEncrypt": {"ciphertext_blob": blob, "source_key_id": arn, "destination_key_id": arn},
        "GenerateDataKey": {"key_id": arn, "key_spec": t.DATA_KEY_SPEC_AES_256},
        "GenerateDataKeyWithoutPlaintext": {"key_id": arn, "number_of_bytes": 8},
        "PutKeyPolicy": {"key_id": arn, "policy": 'forbid (principal, action == KMS::Action::"DisableKey", resource) when { false };'},
        "ReplicateKey": {"key_id": primary, "replica_region": AWAY},
        "DisableKey": {"key_id": alice_key(two_regions)},
        "ScheduleKeyDeletion": {"key_id": alice_key(two_regions)},
        "CancelKeyDeletion": {"key_id": ending},
        "UpdatePrimaryRegion": {"key_id": primary, "primary_region": HOME},
        "RotateKeyOnDemand": {"key_id": alice_key(two_regions)},
        "GetParametersForImport": {
            "key_id": imported,
            "wrapping_algorithm": t.ALGORITHM_SPEC_RSAES_OAEP_SHA_256,
            "wrapping_key_spec": t.WRAPPING_KEY_SPEC_RSA_2048,
        },
        "ImportKeyMaterial": {
            "key_id": imported,
            "import_token": b"x",
            "encrypted_key_material": b"x",
            "expiration_model": t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE,
        },
        "DeleteImportedKeyMaterial": {"key_id": imported},
        "GenerateDataKeyPair": {"key_id": arn, "key_pair_spec": t.DATA_KEY_PAIR_SPEC_ECC_NIST_P256},
        "GenerateDataKeyPairWithoutPlaintext": {"key_id": arn, "key_pair_spec": t.DATA_KEY_PAIR_SPEC_ECC_NIST_P256},
        "CheckAccess": {"principal": PRINCIPAL, "request": _packed(arn)},
        "ExplainDecision": {"handle": "of nothing"},
        **special,
        **named,
        **{name: {"key_id": arn} for name in ("EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus", "ListKeyRotations")},
        **{name: {"key_id": arn} for name in ("DescribeKey", "DescribeExternalKey", "EnableKey", "GetKeyPolicy", "ListKeyPolicies")},
    }
    return singles | {batch: {"items": [rpcs()[operation].request_class(**singles[operation])]} for batch, operation in SINGLE.items()}


def _packed(arn: str) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(served_rpcs()["DescribeKey"].request_class(key_id=arn))
    return packed


def alice_key(two_regions: Deployment) -> str:
    with two_regions.client() as alice:
        return str(alice.create_key().key_metadata.arn)


def answer(client: Client, name: str, fields: dict[str, Any]) -> str:
    rpc = served_rpcs()[name]
    try:
        answered = client.call(rpc, rpc.request_class(**fields))
    except KmsServiceError as error:
        return error.code
    failed = [item.error for item in answered.items if item.HasField("error")] if is_batch(rpc) else []
    return error_of_status(failed[0]).code if failed else "ok"


def expected(name: str, caller: str) -> str:
    if caller == "anonymous":
        return ANONYMOUS
    if caller == "stranger":
        return UNKNOWN
    if caller == "grantee" and name == "DescribeExternalKey":
        return UNSUPPORTED  # allowed by the grant for DescribeKey; the key is in no store
    if caller == "grantee":
        return "ok" if name in GRANTABLE or name == "WhoAmI" else DENIED
    return TABLE[name][caller]


@pytest.mark.parametrize("caller", CALLERS)
def test_each_caller_gets_what_the_table_says(two_regions: Deployment, requests: dict[str, Any], stranger: Endpoint, caller: str) -> None:
    assert set(TABLE) == set(served_rpcs())
    with Client(endpoint(two_regions, caller, stranger)) as client:
        got = {name: answer(client, name, requests.get(name, {})) for name in served_rpcs()}
    assert got == {name: expected(name, caller) for name in served_rpcs()}


def test_a_connection_without_a_certificate_is_not_made(two_regions: Deployment, tmp_path: Path) -> None:
    import grpc

    own = two_regions.endpoint(HOME, "alice")
    with grpc.secure_channel(own.target, grpc.ssl_channel_credentials(own.ca.read_bytes())) as channel:
        list_keys = raw_call(channel, served_rpcs()["ListKeys"].path)
        with pytest.raises(grpc.RpcError) as caught:
            list_keys(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_bearer_token_on_a_connection_that_names_nobody_is_its_owner(two_regions: Deployment) -> None:
    token = (two_regions.root / "clients" / "alice.token").read_text().strip()
    with Client(two_regions.endpoint(HOME, "transport", token)) as client:
        client.list_keys()
    with Client(two_regions.endpoint(HOME, "transport", "0" * 64)) as client, pytest.raises(errors.UnrecognizedClientException):
        client.list_keys()


def test_two_credentials_in_one_call_are_refused(two_regions: Deployment) -> None:
    token = (two_regions.root / "clients" / "alice.token").read_text().strip()
    with Client(two_regions.endpoint(HOME, "app", token)) as client, pytest.raises(errors.UnrecognizedClientException):
        client.list_keys()


def test_an_expired_certificate_is_refused(two_regions: Deployment, tmp_path: Path) -> None:
    from datetime import timedelta

    from meridian.adapters.clock_system import SystemClock
    from meridian.crypto.certificates import CertificateFiles, new_leaf

    root = two_regions.root
    authority = CertificateFiles((root / "client-ca.crt").read_bytes(), (root / "client-ca.key").read_bytes())
    spiffe_id = "spiffe://dev.meridian.internal/111122223333/alice"
    made = new_leaf(authority, "alice", SystemClock().now(), spiffe_id=spiffe_id, life=timedelta(seconds=-1))
    (tmp_path / "a.crt").write_bytes(made.certificate)
    (tmp_path / "a.key").write_bytes(made.private_key)
    own = two_regions.endpoint(HOME, "alice")
    with Client(replace(own, certificate=tmp_path / "a.crt", private_key=tmp_path / "a.key")) as client:
        with pytest.raises(KmsServiceError) as caught:
            client.list_keys(timeout=3)
    assert caught.value.code in ("EndpointConnectionError", "UnrecognizedClientException", "DEADLINE_EXCEEDED")


def test_every_decision_is_made_again_from_the_audit_log_with_the_same_answer(two_regions: Deployment) -> None:
    """Runs last: the log then holds every operation by every caller."""
    policies = two_regions.root / "policies"
    for region in (HOME, AWAY):
        around = two_regions.root / f"around-{region}.yaml"
        rows = load_settings(two_regions.place(region).settings).regions.items()
        around.write_text(json.dumps({"regionLabels": {name: list(row.labels) for name, row in rows}}))
        log = two_regions.place(region).folder / "audit"
        ran = CliRunner().invoke(main, ["policy", "replay", str(log), "--policies", str(policies), "--around", str(around), "-o", "json"])
        told = json.loads(ran.stdout)
        assert told["changes"] == []
        assert told["notReplayed"] == []
        asked = {made["action"] for record in two_regions.audit(region) for made in (record["meridian"].get("decisions") or ())}
        assert region == AWAY or asked >= {need.action for rpc in served_rpcs().values() for need in rpc.requires if not need.by_peer}
