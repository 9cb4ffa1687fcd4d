"""The AWS Encryption SDK for Python, unchanged: messages under multi-Region keys, encrypted in one Region and decrypted in another."""

from __future__ import annotations

from typing import Any

import aws_encryption_sdk
import botocore.session
import pytest
from aws_encryption_sdk import CommitmentPolicy
from aws_encryption_sdk.exceptions import DecryptKeyError
from aws_encryption_sdk.key_providers.kms import (
    DiscoveryAwsKmsMasterKeyProvider,
    DiscoveryFilter,
    MRKAwareStrictAwsKmsMasterKeyProvider,
    StrictAwsKmsMasterKeyProvider,
)
from tests.aws import environment, kms
from tests.deployment import AWAY, HOME, Deployment

CLIENT = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)


@pytest.fixture
def in_region(two_regions: Deployment, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Configures the SDK's environment for one Region."""

    def configure(region: str) -> Any:
        for name, value in environment(two_regions, region).items():
            monkeypatch.setenv(name, value)
        return botocore.session.Session()

    return configure


def test_a_message_crosses_regions(two_regions: Deployment, in_region: Any) -> None:
    here, there = kms(two_regions), kms(two_regions, AWAY)
    primary = here.create_key(MultiRegion=True)["KeyMetadata"]
    here.replicate_key(KeyId=primary["KeyId"], ReplicaRegion=AWAY)
    two_regions.wait_until(lambda: there.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled")
    replica = there.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]["Arn"]
    context = {"purpose": "test"}
    provider = MRKAwareStrictAwsKmsMasterKeyProvider(key_ids=[primary["Arn"]], botocore_session=in_region(HOME))
    sealed, _ = CLIENT.encrypt(source=b"a long message" * 1000, key_provider=provider, encryption_context=context)
    away = MRKAwareStrictAwsKmsMasterKeyProvider(key_ids=[replica], botocore_session=in_region(AWAY))
    opened, header = CLIENT.decrypt(source=sealed, key_provider=away)
    assert opened == b"a long message" * 1000
    assert header.encryption_context.items() >= context.items()
    stranger = kms(two_regions, AWAY).create_key()["KeyMetadata"]["Arn"]
    other = StrictAwsKmsMasterKeyProvider(key_ids=[stranger], botocore_session=in_region(AWAY))
    with pytest.raises(DecryptKeyError):
        CLIENT.decrypt(source=sealed, key_provider=other)


def test_a_message_is_opened_by_discovery(two_regions: Deployment, in_region: Any) -> None:
    key = kms(two_regions).create_key()["KeyMetadata"]["Arn"]
    session = in_region(HOME)
    sealed, _ = CLIENT.encrypt(source=b"x", key_provider=StrictAwsKmsMasterKeyProvider(key_ids=[key], botocore_session=session))
    found = DiscoveryFilter(account_ids=["111122223333"], partition="aws")
    opened, _ = CLIENT.decrypt(
        source=sealed, key_provider=DiscoveryAwsKmsMasterKeyProvider(discovery_filter=found, botocore_session=session)
    )
    assert opened == b"x"
