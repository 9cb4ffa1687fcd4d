"""XksService: the calls of the XKS proxy API, once the other KMS is known and the policies have allowed them.

Keys have been resolved, authorized and admitted when these run. What an export allows is asked here, after the key's state.

Source: AWS KMS External Key Store (XKS) Proxy API Specification, GetHealthStatus, GetKeyMetadata, EncryptKey, DecryptKey.
"""

from __future__ import annotations

from collections.abc import Callable

from meridian.call import Call
from meridian.domain.xks import Export, ExternalUse
from meridian.domain.xks_layout import integrity_value
from meridian.errors import InvalidKeyUsageException, KMSInternalException, NotFoundException
from meridian.ports.xks import ExportCipher, Exports, ExternalCiphertext
from meridian.xks.v1 import xks_pb2 as wire

Troubles = Callable[[], list[str]]


class Xks:
    """Keys of this Region for another KMS. `troubles`: why a call would not work now."""

    def __init__(self, *, exports: Exports, cipher: ExportCipher, replica: str, troubles: Troubles) -> None:
        self._exports = exports
        self._cipher = cipher
        self._replica = replica
        self._troubles = troubles

    async def xks_get_health_status(self, request: wire.XksGetHealthStatusRequest, call: Call) -> wire.XksGetHealthStatusResponse:
        """That the next call would work, as far as can be known. Raises: KMSInternalException where it would not."""
        troubles = self._troubles()
        if troubles:
            raise KMSInternalException(reason="; ".join(troubles))
        self._cipher.require_sound()
        return wire.XksGetHealthStatusResponse(id=self._replica)

    async def xks_get_key_metadata(self, request: wire.XksGetKeyMetadataRequest, call: Call) -> wire.XksGetKeyMetadataResponse:
        """Status and usage of the key. Raises: NotFoundException."""
        export = self._export(request.external_key_id, call)
        return wire.XksGetKeyMetadataResponse(enabled=call.keys["key_id"].is_enabled, key_usage=[str(use) for use in export.uses])

    async def xks_encrypt(self, request: wire.XksEncryptRequest, call: Call) -> wire.XksEncryptResponse:
        """A ciphertext under the export's own key. Raises: NotFoundException; InvalidKeyUsageException, also where an integrity value is
        asked for that nobody could check by opening the ciphertext again; KMSInternalException.
        """
        export = self._export(request.external_key_id, call)
        _require_use(export, ExternalUse.ENCRYPT)
        if request.data_integrity_value:
            _require_use(export, ExternalUse.DECRYPT)
        key, aad = call.keys["key_id"], request.additional_authenticated_data
        made, call.audit_data["keyMaterialId"] = self._cipher.encrypt(key, export.export_id, request.plaintext, aad)
        answer = wire.XksEncryptResponse(
            ciphertext=made.ciphertext, initialization_vector=made.iv, authentication_tag=made.tag, ciphertext_metadata=made.metadata
        )
        if request.data_integrity_value:
            # First the value, then the look whether the ciphertext opens: in the other order what changes in between has a good value.
            answer.data_integrity_value = integrity_value(aad, made.metadata, made.iv, made.ciphertext, made.tag)
            opened, _ = self._cipher.decrypt(key, export.export_id, made, aad)
            if opened != request.plaintext:
                raise KMSInternalException(reason="what was encrypted opens as something else")
        return answer

    async def xks_decrypt(self, request: wire.XksDecryptRequest, call: Call) -> wire.XksDecryptResponse:
        """The plaintext. Raises: NotFoundException, InvalidKeyUsageException; InvalidCiphertextException for every cause in the request."""
        export = self._export(request.external_key_id, call)
        _require_use(export, ExternalUse.DECRYPT)
        sealed = ExternalCiphertext(
            request.ciphertext, request.initialization_vector, request.authentication_tag, request.ciphertext_metadata
        )
        key, aad = call.keys["key_id"], request.additional_authenticated_data
        plaintext, call.audit_data["keyMaterialId"] = self._cipher.decrypt(key, export.export_id, sealed, aad)
        return wire.XksDecryptResponse(plaintext=plaintext)

    def _export(self, export_id: str, call: Call) -> Export:
        """The export as it is now: it may have been revoked since the call arrived, and another one have its id."""
        export = self._exports.find_export(export_id)
        key = call.keys["key_id"]
        if export is None or (export.account, export.key_id, export.principal_name) != (key.account, key.key_id, call.caller.name):
            raise NotFoundException(f"There is no external key '{export_id}'.")
        return export


def _require_use(export: Export, use: ExternalUse) -> None:
    if use not in export.uses:
        raise InvalidKeyUsageException(f"The external key '{export.export_id}' is not exported for {use}.")
