"""Keys that are no symmetric encryption keys, with a good request for each operation on them."""

from __future__ import annotations

from typing import Any

from meridian.client import Client
from meridian.kms.v1 import types_pb2 as t


def special_keys(alice: Client, app: Client) -> dict[str, Any]:
    """Good requests on keys that are no symmetric encryption keys."""

    def made(spec: t.KeySpec.ValueType, usage: t.KeyUsageType.ValueType) -> str:
        return str(alice.create_key(key_spec=spec, key_usage=usage).key_metadata.arn)

    curve, kem = t.KEY_SPEC_ECC_NIST_P256, t.ENCAPSULATION_ALGORITHM_SPEC_ML_KEM
    sign: dict[str, Any] = {
        "key_id": made(curve, t.KEY_USAGE_TYPE_SIGN_VERIFY),
        "signing_algorithm": t.SIGNING_ALGORITHM_SPEC_ECDSA_SHA_256,
        "message": b"x",
    }
    mac: dict[str, Any] = {
        "key_id": made(t.KEY_SPEC_HMAC_256, t.KEY_USAGE_TYPE_GENERATE_VERIFY_MAC),
        "mac_algorithm": t.MAC_ALGORITHM_SPEC_HMAC_SHA_256,
        "message": b"x",
    }
    agree: dict[str, Any] = {
        "key_id": made(curve, t.KEY_USAGE_TYPE_KEY_AGREEMENT),
        "key_agreement_algorithm": t.KEY_AGREEMENT_ALGORITHM_SPEC_ECDH,
    }
    encapsulate: dict[str, Any] = {
        "key_id": made(t.KEY_SPEC_ML_KEM_768, t.KEY_USAGE_TYPE_ENCAPSULATE_DECAPSULATE),
        "encapsulation_algorithm": kem,
    }
    sealed = app.encapsulate(**encapsulate)
    return {
        "Sign": sign,
        "Verify": {**sign, "signature": app.sign(**sign).signature},
        "GetPublicKey": {"key_id": sign["key_id"]},
        "GenerateMac": mac,
        "VerifyMac": {**mac, "mac": app.generate_mac(**mac).mac},
        "DeriveSharedSecret": {**agree, "public_key": app.get_public_key(key_id=agree["key_id"]).public_key},
        "Encapsulate": encapsulate,
        "Decapsulate": {**encapsulate, "shared_secret_ciphertext_blob": sealed.shared_secret_ciphertext_blob},
    }
