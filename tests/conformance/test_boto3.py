"""boto3, unchanged: every operation, its paginators, its errors."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.aws import kms
from tests.deployment import AWAY, HOME, Deployment
from tests.standing_proxy import PROXY_HOST

from meridian.contract.catalog import rpcs

APP = "arn:aws:iam::111122223333:service/app"
CALLED: set[str] = set()


@pytest.fixture(scope="module")
def client(two_regions: Deployment) -> Any:
    """A developer's client of the first Region; notes what it calls."""
    made = kms(two_regions)
    made.meta.events.register("after-call.kms", lambda model, parsed, **rest: CALLED.add(model.name) if _succeeded(parsed) else None)
    return made


def _succeeded(parsed: dict[str, Any]) -> bool:
    return int(parsed["ResponseMetadata"]["HTTPStatusCode"]) == 200


def code(call: Any, *arguments: Any, **fields: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **fields)
    return str(caught.value.response["Error"]["Code"])


def test_the_life_of_a_symmetric_key(client: Any) -> None:
    made = client.create_key(Description="for tests", Tags=[{"TagKey": "stage", "TagValue": "test"}])["KeyMetadata"]
    assert made["KeyState"] == "Enabled"
    assert made["Enabled"]
    assert made["EncryptionAlgorithms"] == ["SYMMETRIC_DEFAULT"]
    assert made["CreationDate"].tzinfo is not None
    assert "SigningAlgorithms" not in made
    key = made["KeyId"]
    context = {"tenant": "a"}
    blob = client.encrypt(KeyId=key, Plaintext=b"hello", EncryptionContext=context)["CiphertextBlob"]
    opened = client.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    assert opened["Plaintext"] == b"hello"
    assert opened["KeyId"] == made["Arn"]
    moved = client.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=context, DestinationKeyId=key)["CiphertextBlob"]
    assert client.decrypt(CiphertextBlob=moved)["Plaintext"] == b"hello"
    data_key = client.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert len(data_key["Plaintext"]) == 32
    assert client.decrypt(CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"] == data_key["Plaintext"]
    client.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=20)
    client.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    client.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    assert len(client.generate_random(NumberOfBytes=24)["Plaintext"]) == 24
    client.update_key_description(KeyId=key, Description="new")
    assert client.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "new"
    client.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    assert client.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 180
    client.rotate_key_on_demand(KeyId=key)
    client.list_key_rotations(KeyId=key)
    client.disable_key_rotation(KeyId=key)
    client.disable_key(KeyId=key)
    assert code(client.encrypt, KeyId=key, Plaintext=b"x") == "DisabledException"
    client.enable_key(KeyId=key)
    assert client.get_key_last_usage(KeyId=key)["KeyLastUsage"]["Operation"]
    ending = client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert ending["KeyState"] == "PendingDeletion"
    assert client.cancel_key_deletion(KeyId=key)["KeyId"] == made["Arn"]


def test_policies_aliases_and_tags(client: Any) -> None:
    key = client.create_key()["KeyMetadata"]["KeyId"]
    policy = client.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    assert '"Sid" : "Enable IAM User Permissions"' in policy
    client.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
    assert client.get_key_policy(KeyId=key)["Policy"] == policy
    assert client.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]
    other = policy.replace("kms:*", "kms:Encrypt")
    assert code(client.put_key_policy, KeyId=key, Policy=other) == "MalformedPolicyDocumentException"
    client.create_alias(AliasName="alias/boto3/one", TargetKeyId=key)
    second = client.create_key()["KeyMetadata"]["KeyId"]
    client.update_alias(AliasName="alias/boto3/one", TargetKeyId=second)
    listed = client.list_aliases(KeyId=second)["Aliases"]
    assert [alias["AliasName"] for alias in listed] == ["alias/boto3/one"]
    assert code(client.create_alias, AliasName="alias/boto3/one", TargetKeyId=key) == "AlreadyExistsException"
    client.delete_alias(AliasName="alias/boto3/one")
    client.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}])
    client.untag_resource(KeyId=key, TagKeys=["a"])
    assert client.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "b", "TagValue": "2"}]


def test_grants(client: Any, two_regions: Deployment) -> None:
    key = client.create_key()["KeyMetadata"]["Arn"]
    granted = client.create_grant(
        KeyId=key,
        GranteePrincipal="arn:aws:iam::111122223333:user/auditor",
        Operations=["Encrypt"],
        Constraints={"EncryptionContextSubset": {"tenant": "a"}},
        RetiringPrincipal="arn:aws:iam::111122223333:user/developer",
    )
    auditor = kms(two_regions, caller="auditor")
    auditor.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"tenant": "a"}, GrantTokens=[granted["GrantToken"]])
    assert code(auditor.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    (entry,) = client.list_grants(KeyId=key)["Grants"]
    assert entry["Constraints"] == {"EncryptionContextSubset": {"tenant": "a"}}
    assert entry["Operations"] == ["Encrypt"]
    mine = client.list_retirable_grants(RetiringPrincipal="arn:aws:iam::111122223333:user/developer")["Grants"]
    assert granted["GrantId"] in [g["GrantId"] for g in mine]
    client.retire_grant(GrantToken=granted["GrantToken"])
    again = client.create_grant(KeyId=key, GranteePrincipal=APP, Operations=["DescribeKey"])
    client.revoke_grant(KeyId=key, GrantId=again["GrantId"])
    assert client.list_grants(KeyId=key)["Grants"] == []


def test_keys_of_other_kinds(client: Any) -> None:
    def made(spec: str, usage: str) -> str:
        return str(client.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"])

    sign = made("ECC_NIST_P256", "SIGN_VERIFY")
    digest = hashlib.sha256(b"m").digest()
    fields = {"KeyId": sign, "Message": digest, "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = client.sign(**fields)["Signature"]
    assert client.verify(Signature=signature, **fields)["SignatureValid"]
    assert code(client.verify, Signature=signature[:-1] + b"\x00", **fields) == "KMSInvalidSignatureException"
    public = client.get_public_key(KeyId=sign)
    assert public["SigningAlgorithms"] == ["ECDSA_SHA_256"]
    assert "EncryptionAlgorithms" not in public
    mac = made("HMAC_256", "GENERATE_VERIFY_MAC")
    tag = client.generate_mac(KeyId=mac, Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
    assert client.verify_mac(KeyId=mac, Message=b"m", MacAlgorithm="HMAC_SHA_256", Mac=tag)["MacValid"]
    assert code(client.verify_mac, KeyId=mac, Message=b"n", MacAlgorithm="HMAC_SHA_256", Mac=tag) == "KMSInvalidMacException"
    agree = [made("ECC_NIST_P384", "KEY_AGREEMENT") for _ in range(2)]
    halves = [client.get_public_key(KeyId=key)["PublicKey"] for key in agree]
    secrets = [
        client.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=other)["SharedSecret"]
        for key, other in zip(agree, reversed(halves), strict=True)
    ]
    assert secrets[0] == secrets[1]
    kem = made("ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
    sealed = client.encapsulate(KeyId=kem, EncapsulationAlgorithm="ML_KEM")
    opened = client.decapsulate(KeyId=kem, EncapsulationAlgorithm="ML_KEM", SharedSecretCiphertextBlob=sealed["SharedSecretCiphertextBlob"])
    assert opened["SharedSecret"] == sealed["SharedSecret"]


def test_imported_and_multi_region_keys(client: Any, two_regions: Deployment) -> None:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    key = client.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    parameters = client.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    public: Any = serialization.load_der_public_key(parameters["PublicKey"])
    wrapped = public.encrypt(bytes(range(32)), padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    client.import_key_material(
        KeyId=key,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=wrapped,
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )
    assert client.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    client.delete_imported_key_material(KeyId=key)
    assert code(client.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
    primary = client.create_key(MultiRegion=True)["KeyMetadata"]
    client.replicate_key(KeyId=primary["KeyId"], ReplicaRegion=AWAY)
    there = kms(two_regions, AWAY)
    two_regions.wait_until(lambda: there.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled")
    blob = client.encrypt(KeyId=primary["KeyId"], Plaintext=b"across")["CiphertextBlob"]
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"across"
    client.update_primary_region(KeyId=primary["KeyId"], PrimaryRegion=AWAY)
    shown = client.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]["MultiRegionConfiguration"]
    assert shown["PrimaryKey"]["Region"] == AWAY
    assert shown["ReplicaKeys"][0]["Region"] == HOME


def test_custom_key_stores(client: Any, two_regions: Deployment) -> None:
    store = client.create_custom_key_store(
        CustomKeyStoreName="boto3",
        CustomKeyStoreType="EXTERNAL_KEY_STORE",
        XksProxyUriEndpoint=f"https://{PROXY_HOST}",
        XksProxyUriPath="/boto3/kms/xks/v1",
        XksProxyConnectivity="PUBLIC_ENDPOINT",
        XksProxyAuthenticationCredential={"AccessKeyId": "ABCDEFGHIJKLMNOPQRST", "RawSecretAccessKey": "s" * 43},
    )["CustomKeyStoreId"]
    (shown,) = client.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"]
    assert shown["ConnectionState"] == "DISCONNECTED"
    client.update_custom_key_store(CustomKeyStoreId=store, NewCustomKeyStoreName="boto3-2")
    assert code(client.disconnect_custom_key_store, CustomKeyStoreId=store) == "CustomKeyStoreInvalidStateException"

    def is_in(state: str) -> bool:
        return bool(client.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]["ConnectionState"] == state)

    client.connect_custom_key_store(CustomKeyStoreId=store)
    two_regions.wait_until(lambda: is_in("CONNECTED"))
    key = client.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId="bb8562717f809024")["KeyMetadata"]
    assert (key["KeyState"], key["CustomKeyStoreId"], key["XksKeyConfiguration"]) == ("Enabled", store, {"Id": "bb8562717f809024"})
    client.disconnect_custom_key_store(CustomKeyStoreId=store)
    two_regions.wait_until(lambda: is_in("DISCONNECTED"))
    assert client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Unavailable"
    assert code(client.delete_custom_key_store, CustomKeyStoreId=store) == "CustomKeyStoreHasCMKsException"
    empty = client.create_custom_key_store(
        CustomKeyStoreName="boto3-3",
        CustomKeyStoreType="EXTERNAL_KEY_STORE",
        XksProxyUriEndpoint=f"https://{PROXY_HOST}",
        XksProxyUriPath="/boto3-3/kms/xks/v1",
        XksProxyConnectivity="PUBLIC_ENDPOINT",
        XksProxyAuthenticationCredential={"AccessKeyId": "ABCDEFGHIJKLMNOPQRST", "RawSecretAccessKey": "s" * 43},
    )["CustomKeyStoreId"]
    client.delete_custom_key_store(CustomKeyStoreId=empty)
    assert code(client.describe_custom_key_stores, CustomKeyStoreId=empty) == "CustomKeyStoreNotFoundException"


def test_every_paginator_of_boto3_walks(client: Any) -> None:
    key = client.create_key(Tags=[{"TagKey": f"k{n}", "TagValue": ""} for n in range(5)])["KeyMetadata"]["KeyId"]
    for number in range(3):
        client.create_alias(AliasName=f"alias/paged/{number}", TargetKeyId=key)
        client.create_grant(KeyId=key, GranteePrincipal=APP, RetiringPrincipal=APP, Operations=["DescribeKey"])
    cases = {
        "list_aliases": ({"KeyId": key}, "Aliases", 3),
        "list_grants": ({"KeyId": key}, "Grants", 3),
        "list_resource_tags": ({"KeyId": key}, "Tags", 5),
        "list_retirable_grants": ({"RetiringPrincipal": APP}, "Grants", 3),
        "list_key_policies": ({"KeyId": key}, "PolicyNames", 1),
        "list_key_rotations": ({"KeyId": key}, "Rotations", 0),
        "list_keys": ({}, "Keys", 3),
        "describe_custom_key_stores": ({}, "CustomKeyStores", 0),
    }
    for name, (arguments, member, least) in cases.items():
        pages = list(client.get_paginator(name).paginate(PaginationConfig={"PageSize": 2}, **arguments))
        found = [item for page in pages for item in page[member]]
        assert len(found) >= least, name
        assert len({str(item) for item in found}) == len(found), name


def test_errors_come_with_their_names_and_texts(client: Any, two_regions: Deployment) -> None:
    missing = "1234abcd-12ab-34cd-56ef-1234567890ab"
    with pytest.raises(client.exceptions.NotFoundException, match=f"Key 'arn:aws:kms:{HOME}:111122223333:key/{missing}' does not exist"):
        client.describe_key(KeyId=missing)
    assert code(client.create_key, KeySpec="RSA_2048") == "ValidationException"
    assert code(client.decrypt, CiphertextBlob=b"nothing") == "InvalidCiphertextException"
    with pytest.raises(client.exceptions.DryRunOperationException):
        client.generate_data_key(KeyId=client.create_key()["KeyMetadata"]["KeyId"], KeySpec="AES_128", DryRun=True)
    wrong = kms(two_regions, aws_secret_access_key="wrong")
    assert code(wrong.list_keys) == "InvalidSignatureException"
    assert code(kms(two_regions, aws_access_key_id="AKIAUNKNOWN").list_keys) == "UnrecognizedClientException"
    assert code(kms(two_regions, region_name=AWAY).list_keys) == "InvalidSignatureException"
    assert code(kms(two_regions, caller="auditor").create_key) == "AccessDeniedException"


def test_all_operations_were_called() -> None:
    if len(CALLED) < 20:
        pytest.skip("the tests of this module ran apart from each other, in several processes or one by one")
    assert set(rpcs()) == CALLED
