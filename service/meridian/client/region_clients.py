"""Cryptography with related keys over several Regions: where the nearest cannot be reached, the next one opens what it made."""

from __future__ import annotations

from collections.abc import Mapping

from meridian.client.async_client import AsyncClient
from meridian.client.client import Client
from meridian.client.regions import Answered, Places, is_away, key_in
from meridian.client.service_error import KmsServiceError
from meridian.client.words import DataKeySpec
from meridian.kms.v1 import data_keys_pb2, encryption_pb2


class Regions(Places[Client]):
    """Clients of several Regions by their names, the nearest first: `Regions({"eu-west-1": home, "us-east-1": away})`.

    A ciphertext of a multi-Region key is opened by the next Region where one is unavailable, and only then: a denial, or a deadline that
    passed, is the answer. Clients of `OneOfSeveral` endpoints know at once that a Region cannot be reached.
    """

    def decrypt(self, *, ciphertext_blob: bytes, encryption_context: Mapping[str, str]) -> Answered[encryption_pb2.DecryptResponse]:
        """The plaintext, and who answered. Raises: what `decrypt` of a client raises; of several Regions that are away the last one's."""
        away: KmsServiceError | None = None
        for region, kms in self.that_open(ciphertext_blob):
            try:
                answer = kms.decrypt(ciphertext_blob=ciphertext_blob, encryption_context=encryption_context)
            except KmsServiceError as error:
                if not is_away(error):
                    raise
                away = error
            else:
                return self.answered("Decrypt", region, answer)
        raise away or AssertionError

    def generate_data_key(
        self, *, key_id: str, key_spec: DataKeySpec, encryption_context: Mapping[str, str]
    ) -> Answered[data_keys_pb2.GenerateDataKeyResponse]:
        """A data key of the first Region, or with `seals_elsewhere` of the next one that can be reached. Raises: the same."""
        away: KmsServiceError | None = None
        for region, kms in self.that_seal(key_id):
            try:
                answer = kms.generate_data_key(
                    key_id=key_in(region, key_id) if away else key_id, key_spec=key_spec, encryption_context=encryption_context
                )
            except KmsServiceError as error:
                if not is_away(error):
                    raise
                away = error
            else:
                return self.answered("GenerateDataKey", region, answer)
        raise away or AssertionError


class AsyncRegions(Places[AsyncClient]):
    """The same for asyncio."""

    async def decrypt(self, *, ciphertext_blob: bytes, encryption_context: Mapping[str, str]) -> Answered[encryption_pb2.DecryptResponse]:
        """The plaintext, and who answered. Raises: what `decrypt` of a client raises; of several Regions that are away the last one's."""
        away: KmsServiceError | None = None
        for region, kms in self.that_open(ciphertext_blob):
            try:
                answer = await kms.decrypt(ciphertext_blob=ciphertext_blob, encryption_context=encryption_context)
            except KmsServiceError as error:
                if not is_away(error):
                    raise
                away = error
            else:
                return self.answered("Decrypt", region, answer)
        raise away or AssertionError

    async def generate_data_key(
        self, *, key_id: str, key_spec: DataKeySpec, encryption_context: Mapping[str, str]
    ) -> Answered[data_keys_pb2.GenerateDataKeyResponse]:
        """A data key of the first Region, or with `seals_elsewhere` of the next one that can be reached. Raises: the same."""
        away: KmsServiceError | None = None
        for region, kms in self.that_seal(key_id):
            try:
                answer = await kms.generate_data_key(
                    key_id=key_in(region, key_id) if away else key_id, key_spec=key_spec, encryption_context=encryption_context
                )
            except KmsServiceError as error:
                if not is_away(error):
                    raise
                away = error
            else:
                return self.answered("GenerateDataKey", region, answer)
        raise away or AssertionError
