"""RSA keys made ahead serve GenerateDataKeyPair and CreateKey; each is given once, and is as good as one made on the spot."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from tests.deployment import HOME, Deployment

from meridian.client import Client
from meridian.kms.v1 import types_pb2 as t

SPEC = t.DATA_KEY_PAIR_SPEC_RSA_2048
PATIENT_SECONDS = 29.0


def taken(region: Deployment, outcome: str) -> float:
    return region.metrics(HOME)[f'meridian_key_pairs_taken_total{{key_spec="RSA_2048",outcome="{outcome}"}}']


def wait_for_a_ready_one(region: Deployment) -> None:
    region.wait_until(lambda: region.metrics(HOME)['meridian_key_pairs_ready{key_spec="RSA_2048"}'] > 0, 60)


def is_a_pair(app: Client, answer: Any) -> bool:
    private: Any = serialization.load_der_private_key(answer.private_key_plaintext, None)  # every number of it is checked
    public = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    opened = app.decrypt(ciphertext_blob=answer.private_key_ciphertext_blob).plaintext
    return bool(public == answer.public_key and opened == answer.private_key_plaintext)


@pytest.mark.timeout(240)
def test_a_ready_key_serves_one_call(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    with own_regions.client() as alice, own_regions.client(HOME, "app") as app:
        key_id = alice.create_key().key_metadata.key_id
        assert taken(own_regions, "ready") == taken(own_regions, "missing") == 0
        pairs = [app.generate_data_key_pair(key_id=key_id, key_pair_spec=SPEC, timeout=PATIENT_SECONDS)]
        assert taken(own_regions, "missing") == 1
        wait_for_a_ready_one(own_regions)
        pairs.append(app.generate_data_key_pair(key_id=key_id, key_pair_spec=SPEC, timeout=PATIENT_SECONDS))
        assert (taken(own_regions, "ready"), taken(own_regions, "missing")) == (1, 1)
        assert all(is_a_pair(app, pair) for pair in pairs)
        wait_for_a_ready_one(own_regions)
        signing = alice.create_key(key_spec=t.KEY_SPEC_RSA_2048, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY).key_metadata.key_id
        assert (taken(own_regions, "ready"), taken(own_regions, "missing")) == (2, 1)
        fields: dict[str, Any] = {"message": b"x", "signing_algorithm": t.SIGNING_ALGORITHM_SPEC_RSASSA_PSS_SHA_256}
        signature = app.sign(key_id=signing, **fields).signature
        assert app.verify(key_id=signing, signature=signature, **fields).signature_valid
        publics = {*(pair.public_key for pair in pairs), app.get_public_key(key_id=signing).public_key}
        assert len(publics) == 3, "each is given once"
