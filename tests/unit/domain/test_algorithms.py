"""What the keys of each spec can do, beside AWS's own tables."""

from __future__ import annotations

import pytest

from meridian.domain.algorithms import TABLE, algorithms, has_public_key, is_symmetric_encryption, plaintext_bytes_max
from meridian.domain.key import KeySpec, KeyUsage

RSA_SIGNS = {
    "RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
}  # fmt: skip


def test_every_spec_has_a_row() -> None:
    assert set(TABLE) == set(KeySpec)


@pytest.mark.parametrize("spec", [KeySpec.RSA_2048, KeySpec.RSA_3072, KeySpec.RSA_4096])
def test_rsa_keys_encrypt_or_sign(spec: KeySpec) -> None:
    assert set(algorithms(spec, KeyUsage.ENCRYPT_DECRYPT)) == {"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"}
    assert set(algorithms(spec, KeyUsage.SIGN_VERIFY)) == RSA_SIGNS
    assert TABLE[spec].is_slow_to_make
    assert not TABLE[spec].is_quick_to_use


@pytest.mark.parametrize("bits", [224, 256, 384, 512])
def test_hmac_keys_take_what_their_hash_is_long_and_up_to_a_block_when_imported(bits: int) -> None:
    row = TABLE[KeySpec(f"HMAC_{bits}")]
    assert row.algorithms == {KeyUsage.GENERATE_VERIFY_MAC: (f"HMAC_SHA_{bits}",)}
    assert row.material_bytes == (bits // 8, 128)
    assert row.is_quick_to_use
    assert not row.is_slow_to_make


def test_a_usage_that_does_not_fit_a_spec_has_no_algorithm() -> None:
    assert algorithms(KeySpec.SYMMETRIC_DEFAULT, KeyUsage.SIGN_VERIFY) == ()


def test_only_what_encrypts_has_a_longest_plaintext() -> None:
    assert plaintext_bytes_max(KeySpec.SYMMETRIC_DEFAULT, "SYMMETRIC_DEFAULT") == 4096
    for spec, algorithm in ((KeySpec.HMAC_256, "HMAC_SHA_256"), (KeySpec.RSA_2048, "RSASSA_PSS_SHA_256")):
        with pytest.raises(KeyError, match=algorithm):
            plaintext_bytes_max(spec, algorithm)


def test_which_keys_have_two_halves_and_which_make_ciphertexts_that_name_them() -> None:
    raw = {KeySpec.SYMMETRIC_DEFAULT, KeySpec.HMAC_224, KeySpec.HMAC_256, KeySpec.HMAC_384, KeySpec.HMAC_512}
    assert {spec for spec in KeySpec if not has_public_key(spec)} == raw
    assert [spec for spec in KeySpec if is_symmetric_encryption(spec)] == [KeySpec.SYMMETRIC_DEFAULT]
