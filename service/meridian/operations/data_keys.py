"""DataKeysService: data keys for envelope encryption, and random bytes.

Source: AWS KMS API Reference, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateRandom.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from meridian.call import Call
from meridian.contract.enums import enum_aws_value
from meridian.domain.key import KeySpec
from meridian.domain.key_store import require_connection_state
from meridian.errors import DryRunOperationException, UnsupportedOperationException
from meridian.kms.v1 import data_keys_pb2, types_pb2
from meridian.operations.ciphers import Ciphers, asked_outside
from meridian.operations.named_store import named_store
from meridian.operations.new_key_pairs import NewKeyPairs
from meridian.operations.present import shown_material_id
from meridian.ports.crypto.ciphers import Encrypted, SymmetricKeys
from meridian.ports.crypto.key_pairs import KeyPairs
from meridian.ports.key_store import RandomBytes
from meridian.ports.store.store import Store

BYTES_OF_SPEC: Final = {types_pb2.DATA_KEY_SPEC_AES_128: 16, types_pb2.DATA_KEY_SPEC_AES_256: 32}


class DataKeys:
    """Fresh keys for callers to use on their own side."""

    def __init__(
        self,
        symmetric_keys: SymmetricKeys,
        key_pairs: KeyPairs,
        ciphers: Ciphers,
        store: Store,
        new_key_pairs: NewKeyPairs,
        random_of: Mapping[str, RandomBytes],
    ) -> None:
        self._symmetric_keys = symmetric_keys
        self._key_pairs = key_pairs
        self._ciphers = ciphers
        self._store = store
        self._new_key_pairs = new_key_pairs
        self._random_of = random_of

    async def generate_data_key(self, request: data_keys_pb2.GenerateDataKeyRequest, call: Call) -> data_keys_pb2.GenerateDataKeyResponse:
        """A data key, in the clear and encrypted. Raises: DryRunOperationException."""
        plaintext, done = await self._generate(request, call)
        return data_keys_pb2.GenerateDataKeyResponse(
            ciphertext_blob=done.ciphertext_blob,
            plaintext=plaintext,
            key_id=call.keys["key_id"].arn,
            key_material_id=shown_material_id(call.keys["key_id"], done.material_id),
        )

    async def generate_data_key_without_plaintext(
        self, request: data_keys_pb2.GenerateDataKeyWithoutPlaintextRequest, call: Call
    ) -> data_keys_pb2.GenerateDataKeyWithoutPlaintextResponse:
        """A data key, encrypted only. Raises: DryRunOperationException."""
        _, done = await self._generate(request, call)
        return data_keys_pb2.GenerateDataKeyWithoutPlaintextResponse(
            ciphertext_blob=done.ciphertext_blob,
            key_id=call.keys["key_id"].arn,
            key_material_id=shown_material_id(call.keys["key_id"], done.material_id),
        )

    async def generate_data_key_pair(
        self, request: data_keys_pb2.GenerateDataKeyPairRequest, call: Call
    ) -> data_keys_pb2.GenerateDataKeyPairResponse:
        """A key pair; the private half in the clear and encrypted. Raises: DryRunOperationException."""
        private, public, done = await self._generate_pair(request, call)
        return data_keys_pb2.GenerateDataKeyPairResponse(
            private_key_ciphertext_blob=done.ciphertext_blob,
            private_key_plaintext=private,
            public_key=public,
            key_id=call.keys["key_id"].arn,
            key_pair_spec=request.key_pair_spec,
            key_material_id=done.material_id,
        )

    async def generate_data_key_pair_without_plaintext(
        self, request: data_keys_pb2.GenerateDataKeyPairWithoutPlaintextRequest, call: Call
    ) -> data_keys_pb2.GenerateDataKeyPairWithoutPlaintextResponse:
        """A key pair; the private half encrypted only. Raises: DryRunOperationException."""
        _, public, done = await self._generate_pair(request, call)
        return data_keys_pb2.GenerateDataKeyPairWithoutPlaintextResponse(
            private_key_ciphertext_blob=done.ciphertext_blob,
            public_key=public,
            key_id=call.keys["key_id"].arn,
            key_pair_spec=request.key_pair_spec,
            key_material_id=done.material_id,
        )

    async def generate_random(self, request: data_keys_pb2.GenerateRandomRequest, call: Call) -> data_keys_pb2.GenerateRandomResponse:
        """Random bytes, of a token where one is named. Raises: CustomKeyStoreNotFoundException, CustomKeyStoreInvalidStateException,
        UnsupportedOperationException of an external key store."""
        if request.HasField("custom_key_store_id"):
            row = await named_store(self._store, call, request.custom_key_store_id)
            source = self._random_of.get(row.kind)
            if source is not None:
                require_connection_state("GenerateRandom", row.store_id, row.state)
                call.audit_data["customKeyStoreId"] = row.store_id
                asked = await asked_outside(call)
                return data_keys_pb2.GenerateRandomResponse(plaintext=await source.random(row, request.number_of_bytes, asked))
            raise UnsupportedOperationException(f"Custom key store {row.store_id} is an external key store and makes no random bytes.")
        return data_keys_pb2.GenerateRandomResponse(plaintext=self._symmetric_keys.random(request.number_of_bytes))

    async def _generate_pair(
        self, request: data_keys_pb2.GenerateDataKeyPairRequest | data_keys_pb2.GenerateDataKeyPairWithoutPlaintextRequest, call: Call
    ) -> tuple[bytes, bytes, Encrypted]:
        if call.dry_run:
            raise DryRunOperationException
        spec = enum_aws_value(request.DESCRIPTOR.fields_by_name["key_pair_spec"], request.key_pair_spec)
        key = call.keys["key_id"]
        making = partial(self._key_pairs.new_data_key_pair, spec)
        private, public = await self._new_key_pairs.make(call.caller.account, KeySpec(spec), making)
        done = self._symmetric_keys.encrypt(key, call.canonical_context["encryption_context"], private)
        call.audit_data["keyMaterialId"] = done.material_id
        return private, public, done

    async def _generate(
        self, request: data_keys_pb2.GenerateDataKeyRequest | data_keys_pb2.GenerateDataKeyWithoutPlaintextRequest, call: Call
    ) -> tuple[bytes, Encrypted]:
        if call.dry_run:
            raise DryRunOperationException
        size = BYTES_OF_SPEC[request.key_spec] if request.key_spec else request.number_of_bytes
        plaintext = self._symmetric_keys.random(size)
        done = await self._ciphers.encrypt(call, "", plaintext)
        call.audit_data["keyMaterialId"] = done.material_id
        return plaintext, done
