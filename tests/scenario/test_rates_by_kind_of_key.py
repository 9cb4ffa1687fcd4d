"""An account that has used up its rate for one kind of key goes on with the others, and so do other accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.aws import kms
from tests.deployment import HOME, Deployment

from meridian.client import Client, errors, words
from meridian.kms.v1 import types_pb2 as t
from meridian.settings import SettingsError, load_settings

BURST = 10
SLOW = 0.001
"""Calls per second: what a test uses up does not come back while it runs."""

CLASSES = ("symmetric", "rsa", "ecc", "post_quantum", "data_key_pair_ecc_nist_p256", "data_key_pair_ecc_nist_p384")
SIGN, ENCRYPT = t.KEY_USAGE_TYPE_SIGN_VERIFY, t.KEY_USAGE_TYPE_ENCRYPT_DECRYPT
RSA_OAEP, SYMMETRIC = t.ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_256, t.ENCRYPTION_ALGORITHM_SPEC_SYMMETRIC_DEFAULT
Use = Callable[[], Any]


@pytest.fixture
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A Region that allows ten calls of each class of cryptographic calls, and no more for a long time."""
    deployment = Deployment(tmp_path_factory.mktemp("slow"), [HOME]).prepare()
    settings = deployment.place(HOME).settings
    settings.write_text(re.sub(rf"^({'|'.join(CLASSES)}) = 0$", rf"\1 = {SLOW}", settings.read_text(), flags=re.M))
    with deployment.serving():
        yield deployment


def keys(client: Client) -> dict[str, str]:
    kinds: dict[str, dict[str, Any]] = {
        "symmetric": {},
        "rsa signing": {"key_spec": t.KEY_SPEC_RSA_2048, "key_usage": SIGN},
        "rsa": {"key_spec": t.KEY_SPEC_RSA_2048, "key_usage": ENCRYPT},
        "ecc": {"key_spec": t.KEY_SPEC_ECC_NIST_P256, "key_usage": SIGN},
        "ed25519": {"key_spec": t.KEY_SPEC_ECC_NIST_EDWARDS25519, "key_usage": SIGN},
        "ml-dsa": {"key_spec": t.KEY_SPEC_ML_DSA_44, "key_usage": SIGN},
        "ml-kem": {"key_spec": t.KEY_SPEC_ML_KEM_768, "key_usage": t.KEY_USAGE_TYPE_ENCAPSULATE_DECAPSULATE},
    }
    return {name: client.create_key(**fields).key_metadata.key_id for name, fields in kinds.items()}


def uses(client: Client) -> dict[str, list[Use]]:
    """Calls that succeed, by the class that each draws on."""
    key = keys(client)

    def sign(name: str, algorithm: words.SigningAlgorithmSpec) -> Use:
        return lambda: client.sign(key_id=key[name], message=b"x", signing_algorithm=algorithm)

    def encrypt(name: str, algorithm: words.EncryptionAlgorithmSpec | None) -> Use:
        return lambda: client.encrypt(key_id=key[name], plaintext=b"x", encryption_algorithm=algorithm)

    def pair(spec: words.DataKeyPairSpec) -> Use:
        return lambda: client.generate_data_key_pair(key_id=key["symmetric"], key_pair_spec=spec)

    def encapsulate() -> Any:
        return client.encapsulate(key_id=key["ml-kem"], encapsulation_algorithm=t.ENCAPSULATION_ALGORITHM_SPEC_ML_KEM)

    return {
        "symmetric": [encrypt("symmetric", None), encrypt("symmetric", SYMMETRIC), lambda: client.generate_random(number_of_bytes=8)],
        "rsa": [
            encrypt("rsa", RSA_OAEP),
            sign("rsa signing", t.SIGNING_ALGORITHM_SPEC_RSASSA_PSS_SHA_256),
            sign("rsa signing", t.SIGNING_ALGORITHM_SPEC_RSASSA_PKCS1_V1_5_SHA_512),
        ],
        "ecc": [sign("ecc", t.SIGNING_ALGORITHM_SPEC_ECDSA_SHA_256), sign("ed25519", t.SIGNING_ALGORITHM_SPEC_ED25519_SHA_512)],
        "post_quantum": [sign("ml-dsa", t.SIGNING_ALGORITHM_SPEC_ML_DSA_SHAKE_256), encapsulate],
        "data_key_pair_ecc_nist_p256": [pair(t.DATA_KEY_PAIR_SPEC_ECC_NIST_P256)],
        "data_key_pair_ecc_nist_p384": [pair(t.DATA_KEY_PAIR_SPEC_ECC_NIST_P384)],
    }


def use_up(calls: list[Use]) -> int:
    """How many calls there were room for, taking turns."""
    for number in range(BURST + 1):
        try:
            calls[number % len(calls)]()
        except errors.ThrottlingException:
            return number
    raise AssertionError("the rate is no limit")


def test_each_kind_of_key_has_a_rate_of_its_own(slow: Deployment) -> None:
    with slow.client(HOME, "developer") as developer, slow.client(HOME, "developer-abroad") as abroad:
        made = uses(developer)
        for used, name in enumerate(CLASSES):
            assert use_up(made[name]) == BURST - used, name
            for call in made[name]:
                with pytest.raises(errors.ThrottlingException):
                    call()
            for other in CLASSES[used + 1 :]:
                made[other][0]()
        assert kms(slow).describe_key(KeyId=keys(developer)["rsa"]), "calls that manage keys have rates of their own too"
        assert use_up(uses(abroad)["rsa"]) == BURST, "nor is another account concerned"
        with pytest.raises(ClientError) as refused:
            kms(slow).generate_random(NumberOfBytes=8)
    told = refused.value.response
    assert told["Error"]["Code"] == "ThrottlingException"
    headers = told["ResponseMetadata"]["HTTPHeaders"]
    wait = int(headers["x-amz-retry-after"]) / 1000
    assert 0 < wait <= 1 / SLOW
    assert int(headers["retry-after"]) == ceil(wait), "clients of AWS learn when to come again"


def test_a_re_encryption_draws_on_both_kinds_or_on_neither(slow: Deployment) -> None:
    with slow.client(HOME, "developer") as client:
        made = uses(client)
        rsa, symmetric = made["rsa"][0], made["symmetric"][0]
        blob = rsa()
        target = symmetric().key_id
        move = {"ciphertext_blob": blob.ciphertext_blob, "source_key_id": blob.key_id, "source_encryption_algorithm": RSA_OAEP}
        client.re_encrypt(**move, destination_key_id=target)
        assert use_up([symmetric]) == BURST - 2
        with pytest.raises(errors.ThrottlingException):
            client.re_encrypt(**move, destination_key_id=target)
        assert use_up([rsa]) == BURST - 2


def test_a_request_that_names_another_kind_than_its_key_has_is_counted_as_it_says(slow: Deployment) -> None:
    with slow.client(HOME, "developer") as client:
        key = keys(client)
        for _ in range(BURST):
            with pytest.raises(errors.InvalidKeyUsageException):
                client.sign(key_id=key["ecc"], message=b"x", signing_algorithm=t.SIGNING_ALGORITHM_SPEC_RSASSA_PSS_SHA_256)
        with pytest.raises(errors.ThrottlingException):
            client.sign(key_id=key["ecc"], message=b"x", signing_algorithm=t.SIGNING_ALGORITHM_SPEC_RSASSA_PSS_SHA_256)
        client.sign(key_id=key["ecc"], message=b"x", signing_algorithm=t.SIGNING_ALGORITHM_SPEC_ECDSA_SHA_256)


def test_a_rate_of_a_class_that_does_not_exist_is_refused(slow: Deployment) -> None:
    settings = slow.place(HOME).settings
    settings.write_text(settings.read_text().replace("[throttle]", "[throttle]\nmisspelt = 5"))
    with pytest.raises(SettingsError, match=r"throttle\.misspelt: is no class of rates"):
        load_settings(settings)
